"""A small workspace with drawn pictures and two groupings, for tests of what people look at."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from store.records import Assignment, Caption, Cluster, Criterion, Description, Name
from store.workspace import Workspace
from tools.scan import scan

COLOURS = {"red": (200, 40, 40), "orange": (230, 140, 30), "blue": (40, 60, 200), "green": (30, 140, 60)}
SHAPES = ("circle", "square", "line")
_GROUPS = {"red": "warm", "orange": "warm", "blue": "cool", "green": "cool"}


def fill_shelf(folder: Path, pictures: Path) -> dict[str, str]:
    """Make the workspace: every colour in every shape. Returns the image ids by `colour shape`.

    Colour has coarse and fine clusters, Shape has one level below each; the lines are unclear under Shape.
    Confidence falls in the order of the images, from 0.95 on.
    """
    with Workspace(folder, create=True) as workspace:
        pictures.mkdir()
        for colour in COLOURS:
            for shape in SHAPES:
                _draw(colour, shape).save(pictures / f"{colour} {shape}.png")
        for chunk in scan([pictures], known=workspace.catalogue.known_files):
            workspace.catalogue.add_files(chunk, root=pictures)
        ids = {path.stem: image_id for image_id, path in workspace.catalogue.all_paths()}
        workspace.catalogue.add_captions(
            [Caption(i, f"A {what} on <b>white</b> paper.", "human") for what, i in ids.items()]
        )
        order = workspace.catalogue.image_ids()
        sure = {image_id: round(0.95 - 0.05 * at, 2) for at, image_id in enumerate(order)}
        _group(workspace, "colour", {i: what.split()[0] for what, i in ids.items()}, sure, _GROUPS)
        shapes = {i: what.split()[1] for what, i in ids.items()}
        _group(workspace, "shape", shapes, sure, {"circle": "round", "square": "angular"})
    return ids


def _draw(colour: str, shape: str) -> Image.Image:
    picture = Image.new("RGB", (160, 120), "white")
    pen = ImageDraw.Draw(picture)
    if shape == "circle":
        pen.ellipse((40, 20, 120, 100), fill=COLOURS[colour])
    elif shape == "square":
        pen.rectangle((40, 20, 120, 100), fill=COLOURS[colour])
    else:
        pen.line((20, 20, 140, 100), fill=COLOURS[colour], width=6)
    return picture


def _group(
    workspace: Workspace, key: str, of_image: dict[str, str], sure: dict[str, float], groups: dict[str, str]
) -> None:
    name = key.capitalize()
    criterion = Criterion(key, name, f"Which {key} it is of.", status="accepted", support=2)
    clusters = [Cluster(f"{key}/{g}", key, "coarse", g) for g in dict.fromkeys(groups.values())]
    clusters += [
        Cluster(f"{key}/{group}/{leaf}", key, "fine", leaf, f"{key}/{group}", (leaf,))
        for leaf, group in groups.items()
    ]
    grouping = workspace.grouping
    grouping.save_criteria([criterion])
    grouping.replace_clusters(key, clusters)
    for image_id, leaf in of_image.items():
        if leaf not in groups:
            grouping.add_assignments([Assignment(image_id, key, "", 0.0, "name", "a line has no shape")])
            continue
        place = f"{key}/{groups[leaf]}/{leaf}"
        grouping.add_assignments([Assignment(image_id, key, place, sure[image_id], "name")])
        grouping.add_names([Name(image_id, key, leaf, "", "human")])
        grouping.add_descriptions([Description(image_id, key, f"It is {leaf}.", "", "human")])
