from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console, RenderableType

from store.answers import StageUsage
from store.catalogue import SkippedFile
from store.journal import StageTime
from store.records import Cluster, Criterion
from tools.spending import duration
from tools.tree import cluster_paths, tree
from ui.show_tree import (
    render_criteria_table,
    render_skipped,
    render_tree,
    render_usage,
)

CLUSTERS = [
    Cluster("out", "place", "coarse", "Outdoor"),
    Cluster("in", "place", "coarse", "Indoor"),
    Cluster("town", "place", "middle", "Street or town", "out"),
    Cluster("wild", "place", "middle", "Nature", "out"),
    Cluster("home", "place", "middle", "Home", "in"),
    Cluster("street", "place", "fine", "Street", "town", names=("street", "road")),
    Cluster("beach", "place", "fine", "Beach", "wild"),
    Cluster("forest", "place", "fine", "Forest", "wild"),
    Cluster("kitchen", "place", "fine", "Kitchen", "home"),
]
COUNTS = {"street": 2, "beach": 5, "forest": 5, "kitchen": 40, "": 3}


def shown(what: RenderableType, width: int = 80) -> str:
    console = Console(width=width, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


def test_counts_add_up_and_the_largest_comes_first() -> None:
    indoor, outdoor = tree(CLUSTERS, COUNTS)
    assert (indoor.cluster.name, indoor.count) == ("Indoor", 40)
    assert (outdoor.cluster.name, outdoor.count) == ("Outdoor", 12)
    assert [(n.cluster.name, n.count) for n in outdoor.children] == [("Nature", 10), ("Street or town", 2)]
    assert [n.cluster.name for n in outdoor.leaves()] == ["Beach", "Forest", "Street"]


def test_a_cluster_with_no_images_stays_in_the_tree() -> None:
    assert sum(len(list(root.leaves())) for root in tree(CLUSTERS, {})) == 4
    assert tree([], {"": 7}) == []


def test_every_cluster_stands_once_even_where_the_parents_are_damaged() -> None:
    damaged = [
        Cluster("a", "x", "coarse", "A", parent_id="b"),
        Cluster("b", "x", "coarse", "B", parent_id="a"),
        Cluster("c", "x", "fine", "C", parent_id="gone"),
        Cluster("d", "x", "fine", "D", parent_id="d"),
    ]
    roots = tree(damaged, {"c": 1})
    assert sorted(root.cluster.id for root in roots) == ["a", "b", "c", "d"]
    assert cluster_paths(damaged)["d"] == (damaged[3],)


def test_a_path_leads_from_coarse_to_fine() -> None:
    assert [c.name for c in cluster_paths(CLUSTERS)["beach"]] == ["Outdoor", "Nature", "Beach"]


def test_a_node_becomes_plain_json() -> None:
    values = json.loads(json.dumps(tree(CLUSTERS, COUNTS)[1].to_dict()))
    assert values["name"] == "Outdoor"
    assert values["children"][1]["children"][0]["names"] == ["street", "road"]
    assert values["children"][0]["children"][0] == {
        "id": "beach",
        "level": "fine",
        "name": "Beach",
        "count": 5,
        "names": [],
        "children": [],
    }


def test_a_name_that_only_repeats_itself_downwards_is_shown_once() -> None:
    day = [
        Cluster("c", "time", "coarse", "Day"),
        Cluster("m", "time", "middle", "Day", "c"),
        Cluster("f", "time", "fine", "Day", "m"),
    ]
    roots = tree(day, {"f": 4})
    assert roots[0].without_echoes().cluster.id == "f"
    text = shown(render_tree(roots, criterion="Time of day", unclear=0))
    assert sum("Day" in line for line in text.splitlines()) == 1


def test_the_terminal_tree_has_its_numbers_in_one_column() -> None:
    lines = shown(render_tree(tree(CLUSTERS, COUNTS), criterion="Location", unclear=3)).splitlines()
    assert lines[0].split() == ["Location", "55", "images"]
    assert len({line.index("%") for line in lines[1:]}) == 1
    assert max(len(line) for line in lines) <= 80
    assert lines[-1].split()[-3:-1] == ["3", "5%"]


def test_a_level_cuts_what_is_finer() -> None:
    roots = tree(CLUSTERS, COUNTS)
    assert "Nature" not in shown(render_tree(roots, criterion="Location", unclear=0, level="coarse"))
    middle = shown(render_tree(roots, criterion="Location", unclear=0, level="middle"))
    assert "Nature" in middle
    assert "Beach" not in middle


def test_names_cannot_steer_the_terminal_or_break_its_lines() -> None:
    names = [
        "\x1b[31mred\x07\r\n",
        "[bold]x[/bold]",
        "x" * 200,
        "東京の" * 40,
        "\u202eevil",
        "👩‍🚀 astronaut",
    ]
    clusters = [Cluster(str(i), "x", "fine", name) for i, name in enumerate(names)]
    roots = tree(clusters, {c.id: 1 for c in clusters})
    for width in (40, 80, 200):
        text = shown(render_tree(roots, criterion="\x1b]0;title\x07", unclear=0), width)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "[bold]x[/bold]" in text or width == 40
        assert len(text.splitlines()) == len(names) + 1


def test_an_ascii_tree_is_ascii() -> None:
    roots = tree([Cluster("a", "x", "fine", "Café 東京")], {"a": 3})
    text = shown(render_tree(roots, criterion="Lieu à voir", unclear=1, ascii=True))
    assert text.isascii()
    assert "Caf?" in text


def test_criteria_are_listed_with_guidance_and_k() -> None:
    place = Criterion("place", "Location", "Where it is.", "do not consider gender", 5, "user", "accepted")
    mood = Criterion("mood", "Mood", "What it feels like.", values=("calm", "tense"), support=4)
    text = shown(render_criteria_table([place, mood]))
    for part in ("Location", "do not consider gender", " 5 ", "accepted", "calm, tense", "discovered x4"):
        assert part in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_usage_has_a_row_for_each_stage_and_the_sums() -> None:
    usage = [
        StageUsage("caption", 92, 120_000, 9_000, 8_000, 30.0, 0),
        StageUsage("name", 30, 1_200, 90, 0, 3.0, 2),
    ]
    text = shown(render_usage(usage, [StageTime("scan", 0.4, 92), StageTime("caption", 75.0, 92)]))
    rows = {line.split()[0]: line.split() for line in text.splitlines()}
    assert rows["scan"] == ["scan", "92", "0.4", "s"]
    assert rows["name"] == ["name", "30", "1,200", "0", "90", "2"]
    assert rows["all"] == ["all", "1", "min", "15", "s", "122", "121,200", "8,000", "9,090", "2"]
    assert "all" in shown(render_usage([], []))


def test_only_the_first_skipped_files_are_listed() -> None:
    skipped = [SkippedFile(Path(f"/photos/bad_{i:02}.jpg"), "cut off") for i in range(14)]
    text = shown(render_skipped(skipped))
    assert "bad_09.jpg" in text
    assert "bad_10.jpg" not in text
    assert "and 4 more" in text
    assert "No file" in shown(render_skipped([]))


def test_times_read_as_a_person_says_them() -> None:
    assert [duration(s) for s in (0.04, 12.4, 59.7, 185, 7810)] == [
        "0.0 s",
        "12 s",
        "1 min 00 s",
        "3 min 05 s",
        "2 h 10 min",
    ]
