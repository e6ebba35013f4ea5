"""A small workspace to talk about, whose planner works by examples; the fake server is its model."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from agent.examples import Examples
from store.records import Assignment, Caption, Cluster, Criterion, Image
from store.workspace import Workspace
from tests.fake_server import FakeServer
from tests.spine import write_profile
from ui.engine import Engine


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty captioned images; Place with two groups, Mood and Subject proposed.

    The planner's examples are embedded already, which takes seconds.
    """
    folder = tmp_path_factory.mktemp("chat") / "holiday.xcluster"
    with Workspace(folder, create=True) as workspace:
        fill(workspace)
    engine = Engine(folder)
    Examples.load(engine.desk.embedder)
    engine.close()
    return folder


def copied(filled: Path, folder: Path, server: FakeServer) -> Path:
    """A copy of the workspace below `folder`; `server` is asked for it, without tool calls."""
    copy = folder / filled.name
    shutil.copytree(filled, copy)
    write_profile(copy, server)
    with (copy / "xcluster.toml").open("a", encoding="utf-8") as file:
        file.write("tool_calls = false\n")
    return copy


def fill(workspace: Workspace) -> None:
    ids = [hashlib.sha256(f"imported:{n}".encode()).hexdigest() for n in range(20)]
    texts = [
        f"Picture {n} of {what}." for n, what in enumerate(["a beach"] * 10 + ["a room"] * 6 + ["fog"] * 4)
    ]
    rows = zip(ids, texts, strict=True)
    workspace.catalogue.add_imported(
        [(Image(i, 0, 0, "none", 0, ""), Caption(i, text, "import")) for i, text in rows]
    )
    grouping = workspace.grouping
    grouping.save_criteria(
        [
            Criterion("place", "Place", "Where it was taken.", status="accepted", support=3),
            Criterion("mood", "Mood", "How it feels.", values=("calm", "tense"), support=2),
            Criterion("subject", "Subject", "What it shows.", support=2),
        ]
    )
    clusters = [Cluster("c1", "place", "coarse", "Outdoors"), Cluster("c2", "place", "coarse", "Indoors")]
    clusters += [
        Cluster("f1", "place", "fine", "beach", "c1", ("beach",)),
        Cluster("f2", "place", "fine", "kitchen", "c2", ("kitchen",)),
    ]
    grouping.replace_clusters("place", clusters)
    places = ["f1"] * 10 + ["f2"] * 6
    sorted_ones = [Assignment(i, "place", at, 0.8, "name") for i, at in zip(ids, places, strict=False)]
    unclear = [Assignment(i, "place", "", 0.0, "name", "it cannot be told") for i in ids[16:]]
    grouping.add_assignments([*sorted_ones, *unclear])
