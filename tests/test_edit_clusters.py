"""What a person does to a tree: it stays a tree, undo is exact, and a new tree gets it again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from models.chat import ChatModel
from models.embedder import Embedder
from models.endpoint import Endpoint
from models.server_embedder import ServerEmbedder
from models.vectors import CachedEmbedder, TextEmbedder
from models.weights import default_cache
from store.errors import InputError
from store.records import LEVELS, Assignment, Caption, Cluster, Criterion, Description, Image, Name
from store.workspace import Workspace
from tests.fake_server import MODEL, FakeServer
from tests.ids import missing_ids
from tests.spine import make_collection, run_here, wish
from tests.test_edits import state
from tools import edit
from tools.ask import Asker
from tools.carry_over import carry_over, settle_lost
from tools.cluster_draft import Draft
from tools.edit_clusters import (
    Part,
    merge_clusters,
    move_cluster,
    move_images,
    rename_cluster,
    split_cluster,
)
from tools.split_cluster import plan_split
from tools.tree import tree

TREE = {
    "animals": {"dogs": ["poodle", "collie"], "cats": ["cat"], "other": ["worm"]},
    "vehicles": {"cars": ["car", "taxi"], "other": ["sledge"]},
    "rock": {"rock": ["rock"]},
}
"""coarse > middle > leaves. `rock` is one cluster to a person: no level of it splits anything."""
IMAGES = {"poodle": 3, "collie": 2, "cat": 4, "worm": 1, "car": 5, "taxi": 2, "sledge": 1, "rock": 2}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "w.xcluster", create=True) as opened:
        ids = [f"{name}{n}" for name, count in IMAGES.items() for n in range(count)]
        rows = [(Image(i, 0, 0, "none", 0, ""), Caption(i, f"a picture of a {i}", "import")) for i in ids]
        opened.catalogue.add_imported(
            [*rows, (Image("blur", 0, 0, "none", 0, ""), Caption("blur", "?", "x"))]
        )
        opened.grouping.save_criteria([Criterion("subject", "Subject", "What is shown.", status="accepted")])
        name(opened)
        grow(opened, TREE)
        yield opened


def name(workspace: Workspace) -> None:
    names = [Name(f"{raw}{n}", "subject", raw) for raw, count in IMAGES.items() for n in range(count)]
    workspace.grouping.add_names([*names, Name("blur", "subject", "", "too dark")])


def grow(workspace: Workspace, shape: dict[str, dict[str, list[str]]], *, place: bool = True) -> None:
    """Put a tree of this shape in place of the old one; each leaf has one raw name, its own."""
    made: list[Cluster] = []
    for coarse, middles in shape.items():
        made.append(Cluster(f"subject/{coarse}", "subject", "coarse", coarse))
        for middle, leaves in middles.items():
            made.append(
                Cluster(f"subject/{coarse}/{middle}", "subject", "middle", middle, f"subject/{coarse}")
            )
            for leaf in leaves:
                above = made[-1].id if made[-1].level == "middle" else made[-1].parent_id
                made.append(Cluster(f"{above}/{leaf}", "subject", "fine", leaf, above, (leaf,)))
    workspace.grouping.replace_clusters("subject", made)
    if place:
        assign_by_name(workspace)


def assign_by_name(workspace: Workspace) -> None:
    """What `graphs.group.place` does with names that the tree knows, for images without an assignment."""
    leaf_of = {raw: c.id for c in workspace.grouping.clusters("subject") for raw in c.names}
    missing = missing_ids(workspace.grouping, "assignment", "subject")
    names = workspace.grouping.names("subject", missing)
    workspace.grouping.add_assignments(
        [
            Assignment(
                i, "subject", leaf_of.get(n.text, ""), 0.9 if n.text in leaf_of else 0, "name", n.unclear
            )
            for i, n in names.items()
        ]
    )


def cid(workspace: Workspace, *path: str) -> str:
    """The id of the cluster at a path of names."""
    draft = Draft(workspace, "subject")
    (found,) = [c.id for c in draft.all() if draft.path(c.id) == [*path]]
    return found


def shape(workspace: Workspace) -> dict[str, int]:
    """Path of each leaf to how many images it holds."""
    draft, counts = Draft(workspace, "subject"), workspace.grouping.leaf_counts("subject")
    return {" > ".join(draft.path(c.id)): counts.get(c.id, 0) for c in draft.all("fine")}


def raw_names(workspace: Workspace) -> dict[str, tuple[str, ...]]:
    return {c.name: c.names for c in workspace.grouping.clusters("subject") if c.level == "fine"}


def where(workspace: Workspace, image_id: str) -> str:
    place = workspace.grouping.assignments_of("subject", [image_id])[image_id].cluster_id
    return " > ".join(Draft(workspace, "subject").path(place)) if place else ""


def check(workspace: Workspace) -> None:
    """The tree is one: see the top of `tools.cluster_draft`."""
    clusters = {c.id: c for c in workspace.grouping.clusters("subject")}
    parents = {c.parent_id for c in clusters.values()}
    for cluster in clusters.values():
        depth = LEVELS.index(cluster.level)
        assert clusters[cluster.parent_id].level == LEVELS[depth - 1] if depth else cluster.parent_id == ""
        assert cluster.level == "fine" or (cluster.id in parents and not cluster.names)
    twice = Counter(raw for c in clusters.values() for raw in c.names)
    assert {raw for raw, count in twice.items() if count > 1} == set()
    siblings = Counter((c.parent_id, c.name.casefold()) for c in clusters.values())
    assert {s for s, count in siblings.items() if count > 1} == set()
    placed = workspace.grouping.assignments("subject")
    assert all(a.cluster_id == "" or clusters[a.cluster_id].level == "fine" for a in placed)
    order = list(clusters)
    assert all(order.index(c.parent_id) < order.index(c.id) for c in clusters.values() if c.parent_id)


def poodles(*numbers: int) -> tuple[str, ...]:
    return tuple(f"poodle{n}" for n in numbers)


W = Workspace
ACTS: dict[str, Callable[[Workspace], object]] = {
    "rename": lambda w: rename_cluster(w, cid(w, "animals", "dogs"), "hounds", who="person"),
    "rename echoes": lambda w: rename_cluster(w, cid(w, "rock", "rock", "rock"), "stone", who="person"),
    "merge leaves": lambda w: merge_clusters(
        w, [cid(w, "vehicles", "cars", "car"), cid(w, "vehicles", "cars", "taxi")], who="person"
    ),
    "merge middles": lambda w: merge_clusters(
        w, [cid(w, "animals", "dogs"), cid(w, "animals", "cats")], who="person", name="pets"
    ),
    "merge coarse": lambda w: merge_clusters(
        w, [cid(w, "animals"), cid(w, "vehicles")], who="person", name="things that move"
    ),
    "move a leaf": lambda w: move_cluster(
        w, cid(w, "animals", "other", "worm"), cid(w, "animals", "cats"), who="person"
    ),
    "move to the top": lambda w: move_cluster(w, cid(w, "animals", "cats"), "", who="person"),
    "split a leaf by images": lambda w: split_cluster(
        w,
        cid(w, "animals", "dogs", "poodle"),
        [Part("toy poodle", poodles(0, 1)), Part("large poodle", poodles(2))],
        who="person",
    ),
    "split a middle one": lambda w: split_cluster(
        w,
        cid(w, "animals", "dogs"),
        [Part("curly dogs", poodles(0, 1, 2)), Part("sheepdogs", (), ("collie",))],
        who="person",
    ),
    "split a coarse one": lambda w: split_cluster(
        w,
        cid(w, "animals"),
        [Part("pets", (), ("poodle", "collie", "cat")), Part("pests", ("worm0",))],
        who="person",
    ),
    "split what is one to a person": lambda w: split_cluster(
        w, cid(w, "rock"), [Part("granite", ("rock0",)), Part("chalk", ("rock1",))], who="person"
    ),
    "move images": lambda w: move_images(
        w, "subject", ["car0", "blur"], cid(w, "animals", "cats"), who="person"
    ),
    "set images aside": lambda w: move_images(w, "Subject", ["car0"], "", who="chat"),
}


@pytest.mark.parametrize("act", list(ACTS))
def test_a_tree_stays_a_tree_and_undo_and_redo_are_exact(workspace: Workspace, act: str) -> None:
    check(workspace)
    before, images = state(workspace), sum(workspace.grouping.leaf_counts("subject").values())
    ACTS[act](workspace)
    check(workspace)
    after = state(workspace)
    assert after != before
    assert sum(workspace.grouping.leaf_counts("subject").values()) == images
    for _ in range(2):
        assert workspace.edits.undo() is not None
        assert state(workspace) == before
        assert workspace.edits.redo() is not None
        assert state(workspace) == after
    assert [e.target for e in workspace.edits.standing("subject")] == ["subject"]


def test_all_acts_after_one_another_are_undone_one_by_one(workspace: Workspace) -> None:
    states = [state(workspace)]
    for act in ("rename echoes", "merge leaves", "move a leaf", "split a middle one", "move images"):
        ACTS[act](workspace)
        check(workspace)
        states.append(state(workspace))
    for earlier in reversed(states[:-1]):
        workspace.edits.undo()
        assert state(workspace) == earlier
    for later in states[1:]:
        workspace.edits.redo()
        assert state(workspace) == later


def test_a_new_act_ends_redo_for_good(workspace: Workspace) -> None:
    ACTS["split a middle one"](workspace)
    workspace.edits.undo()
    ACTS["merge middles"](workspace)
    merged = state(workspace)
    workspace.edits.undo()
    workspace.edits.redo()
    assert state(workspace) == merged
    assert workspace.edits.redo() is None


# rename
# -------------------------------------------------------------------------------------------------------


def test_what_a_person_sees_as_one_cluster_is_renamed_as_one(workspace: Workspace) -> None:
    for level in range(3):
        path = ["rock"] * (level + 1)
        renamed = rename_cluster(workspace, cid(workspace, *path), "stone", who="person")
        assert (renamed.level, renamed.name) == (LEVELS[level], "stone")
        assert shape(workspace)["stone > stone > stone"] == 2
        assert raw_names(workspace)["stone"] == ("rock",)
        workspace.edits.undo()
    rename_cluster(workspace, cid(workspace, "animals", "cats", "cat"), "kitten", who="person")
    assert shape(workspace)["animals > cats > kitten"] == 4


def test_a_name_that_a_sibling_has_is_refused_and_one_that_a_cousin_has_is_not(workspace: Workspace) -> None:
    before = state(workspace)
    with pytest.raises(InputError, match=r"'Cats' in 'animals' already\. Merge the two instead"):
        rename_cluster(workspace, cid(workspace, "animals", "dogs"), "Cats", who="person")
    for bad in ("", "   ", "x" * 61, "Unclear"):
        with pytest.raises(InputError):
            rename_cluster(workspace, cid(workspace, "animals", "dogs"), bad, who="person")
    with pytest.raises(InputError, match="cluster 'nowhere'"):
        rename_cluster(workspace, "nowhere", "x", who="person")
    assert state(workspace) == before
    assert workspace.edits.all() == []
    rename_cluster(workspace, cid(workspace, "animals", "dogs"), "cars", who="person")
    rename_cluster(workspace, cid(workspace, "animals", "cars"), "Cars", who="person")
    assert workspace.edits.all()[-1].what == "Renamed 'cars' to 'Cars' under 'Subject'"


# merge
# -------------------------------------------------------------------------------------------------------


def test_merged_leaves_join_their_images_and_raw_names_and_an_emptied_parent_goes(
    workspace: Workspace,
) -> None:
    worm, cat = cid(workspace, "animals", "other", "worm"), cid(workspace, "animals", "cats", "cat")
    kept = merge_clusters(workspace, [cat, worm], who="person", name="small animal")
    assert (kept.id, kept.name, kept.names) == (cat, "small animal", ("cat", "worm"))
    assert shape(workspace)["animals > cats > small animal"] == 5
    assert "animals > other" not in str(shape(workspace))
    assert workspace.grouping.assignments_of("subject", ["worm0"])["worm0"].how == "name"


def test_sub_clusters_of_one_name_are_joined_when_their_parents_are(workspace: Workspace) -> None:
    ACTS["merge coarse"](workspace)
    assert {path: n for path, n in shape(workspace).items() if "other" in path} == {
        "things that move > other > worm": 1,
        "things that move > other > sledge": 1,
    }


def test_a_cluster_that_repeats_its_parents_can_be_merged_on_any_level(workspace: Workspace) -> None:
    rock = cid(workspace, "rock", "rock", "rock")
    merge_clusters(workspace, [cid(workspace, "vehicles"), rock], who="person")
    check(workspace)
    assert shape(workspace)["vehicles > rock > rock"] == 2
    with pytest.raises(InputError, match="Only clusters of one level"):
        merge_clusters(
            workspace, [cid(workspace, "animals"), cid(workspace, "vehicles", "cars")], who="person"
        )
    with pytest.raises(InputError, match="at least two"):
        merge_clusters(workspace, [cid(workspace, "animals")], who="person")


# move
# -------------------------------------------------------------------------------------------------------


def test_a_moved_cluster_gets_the_levels_it_needs_and_leaves_no_empty_parent(workspace: Workspace) -> None:
    rock = cid(workspace, "rock", "rock", "rock")
    move_cluster(workspace, rock, cid(workspace, "vehicles"), who="person")
    check(workspace)
    assert shape(workspace)["vehicles > rock > rock"] == 2
    assert [c.name for c in workspace.grouping.clusters("subject") if c.level == "coarse"] == [
        "animals",
        "vehicles",
    ]
    move_cluster(workspace, cid(workspace, "animals", "dogs", "collie"), "", who="person")
    assert shape(workspace)["collie > collie > collie"] == 2
    logged = len(workspace.edits.all())
    move_cluster(workspace, cid(workspace, "animals", "cats"), cid(workspace, "animals"), who="person")
    assert len(workspace.edits.all()) == logged, "it is there already"
    with pytest.raises(InputError, match="not coarser"):
        move_cluster(workspace, cid(workspace, "animals"), cid(workspace, "vehicles", "cars"), who="person")
    with pytest.raises(InputError, match="already"):
        move_cluster(workspace, cid(workspace, "vehicles", "other"), cid(workspace, "animals"), who="person")


def test_an_image_put_somewhere_by_hand_stays_there(workspace: Workspace) -> None:
    leaf = move_images(workspace, "subject", ["car0", "blur"], cid(workspace, "animals"), who="person")
    assert leaf.name == "cat", "the largest leaf of animals"
    assert where(workspace, "car0") == where(workspace, "blur") == "animals > cats > cat"
    made = workspace.grouping.assignments_of("subject", ["car0"])["car0"]
    assert (made.how, made.confidence, made.unclear) == ("person", 1.0, "")
    assert missing_ids(workspace.grouping, "assignment", "subject") == []
    aside = move_images(workspace, "subject", ["car0"], "", who="person")
    assert aside.id == ""
    assert workspace.grouping.assignments_of("subject", ["car0"])["car0"].unclear == "set aside by hand"
    with pytest.raises(InputError, match="'nobody'"):
        move_images(workspace, "subject", ["car0", "nobody"], leaf.id, who="person")


# split
# -------------------------------------------------------------------------------------------------------


def test_what_no_part_claims_stays_in_the_cluster(workspace: Workspace) -> None:
    collie = cid(workspace, "animals", "dogs", "poodle")
    (toy,) = split_cluster(workspace, collie, [Part("toy poodle", poodles(1))], who="person")
    assert (toy.name, toy.names) == ("toy poodle", ())
    assert shape(workspace)["animals > dogs > poodle"] == 2
    assert raw_names(workspace)["poodle"] == ("poodle",), "new poodles go to the leaf of that name"
    assert workspace.grouping.assignments_of("subject", ["poodle1"])["poodle1"].how == "nearest"


def test_a_leaf_divides_its_raw_names_and_one_that_is_shared_belongs_to_no_part(workspace: Workspace) -> None:
    merge_clusters(
        workspace,
        [cid(workspace, "animals", "dogs", "poodle"), cid(workspace, "animals", "dogs", "collie")],
        who="person",
        name="dog",
    )
    parts = [Part("sheepdog", ("poodle0",), ("collie",)), Part("lap dog", poodles(1, 2))]
    split_cluster(workspace, cid(workspace, "animals", "dogs", "dog"), parts, who="person")
    check(workspace)
    assert shape(workspace)["animals > dogs > sheepdog"] == 3
    assert shape(workspace)["animals > dogs > lap dog"] == 2
    names = raw_names(workspace)
    assert (names["sheepdog"], names["lap dog"]) == (("collie",), ())
    hows = {a.image_id: a.how for a in workspace.grouping.assignments("subject")}
    assert (hows["collie0"], hows["poodle0"]) == ("name", "nearest")


def test_a_coarser_cluster_divides_along_its_leaves(workspace: Workspace) -> None:
    made = split_cluster(
        workspace,
        cid(workspace, "animals"),
        [
            Part("working animals", ("collie0", "collie1", "poodle0")),
            Part("rest", (), ("poodle", "cat", "worm")),
        ],
        who="person",
    )
    check(workspace)
    assert [c.level for c in made] == ["coarse", "coarse"]
    assert {p: n for p, n in shape(workspace).items() if not p.startswith(("vehicles", "rock"))} == {
        "working animals > dogs > collie": 2,
        "rest > dogs > poodle": 3,
        "rest > cats > cat": 4,
        "rest > other > worm": 1,
    }


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [Part("all", ("cat0", "cat1", "cat2", "cat3"))],
        [Part("a", ("cat0",)), Part("b", ("car0",))],
        [Part("a", ("cat0",)), Part("A", ("cat1",))],
        [Part("cat", ("cat0",))],
    ],
)
def test_a_split_that_divides_nothing_is_refused(workspace: Workspace, parts: list[Part]) -> None:
    before = state(workspace)
    with pytest.raises(InputError):
        split_cluster(workspace, cid(workspace, "animals", "cats", "cat"), parts, who="person")
    assert state(workspace) == before


# carrying over
# -------------------------------------------------------------------------------------------------------

NEW = {
    "living things": {"dogs": ["poodle", "collie"], "cats": ["cat"], "crawlers": ["worm"]},
    "vehicles": {"cars": ["car", "taxi"], "sledges": ["sledge"]},
    "rock": {"rock": ["rock"]},
}


def edit_a_lot(workspace: Workspace) -> None:
    rename_cluster(workspace, cid(workspace, "animals"), "fauna", who="person")
    rename_cluster(workspace, cid(workspace, "rock", "rock", "rock"), "stone", who="person")
    leaves = [cid(workspace, "vehicles", "cars", leaf) for leaf in ("car", "taxi")]
    merge_clusters(workspace, leaves, who="person", name="motor car")
    move_images(
        workspace, "subject", ["sledge0"], cid(workspace, "vehicles", "cars", "motor car"), who="person"
    )
    rename_cluster(workspace, cid(workspace, "fauna", "other"), "creepers", who="person")
    workspace.edits.undo()
    parts = [Part("toy poodle", poodles(0, 1)), Part("large poodle", poodles(2))]
    split_cluster(workspace, cid(workspace, "fauna", "dogs", "poodle"), parts, who="person")
    move_cluster(workspace, cid(workspace, "fauna", "cats"), cid(workspace, "vehicles"), who="person")


def make_anew(workspace: Workspace, shape: dict[str, dict[str, list[str]]]) -> list[str]:
    """What `graphs.group` does when a criterion has no tree."""
    if not workspace.grouping.name_counts("subject"):
        name(workspace)
    with workspace.database.transaction():
        grow(workspace, shape, place=False)
        settle_lost(workspace, "subject")
        remarks = carry_over(workspace, "subject")
    assign_by_name(workspace)
    return remarks


def test_what_a_person_did_holds_in_the_tree_that_a_refinement_makes(workspace: Workspace) -> None:
    edit_a_lot(workspace)
    edited = state(workspace)
    edit.refine(workspace, "subject", who="person", guidance="the largest thing")
    remarks = make_anew(workspace, NEW)
    check(workspace)
    assert shape(workspace) == {
        "living things > dogs > toy poodle": 2,
        "living things > dogs > large poodle": 1,
        "living things > dogs > collie": 2,
        "living things > crawlers > worm": 1,
        "vehicles > cars > motor car": 8,
        "vehicles > sledges > sledge": 0,
        "vehicles > cats > cat": 4,
        "stone > stone > stone": 2,
    }
    (remark,) = remarks
    assert remark.startswith("Renamed 'animals' to 'fauna' under 'Subject': could not be done again.")
    assert where(workspace, "sledge0") == "vehicles > cars > motor car"

    carried = state(workspace)
    assert carry_over(workspace, "subject") == remarks
    assert state(workspace) == carried
    assert workspace.edits.all()[-1].action == "refine", "carrying over is no act"

    workspace.edits.undo()
    assert state(workspace) == edited
    assert workspace.journal.setting("carried.subject") == ""
    workspace.edits.redo()
    assert state(workspace) == carried
    assert carry_over(workspace, "subject") == remarks


def test_after_undo_of_a_refinement_the_edits_before_it_can_be_undone_too(workspace: Workspace) -> None:
    before = state(workspace)
    ACTS["merge middles"](workspace)
    ACTS["set images aside"](workspace)
    edit.refine(workspace, "subject", who="person", k=3)
    make_anew(workspace, NEW)
    rename_cluster(workspace, cid(workspace, "vehicles"), "machines", who="person")
    for _ in range(4):
        assert workspace.edits.undo() is not None
    assert state(workspace) == before
    for _ in range(4):
        assert workspace.edits.redo() is not None
    assert shape(workspace)["machines > cars > car"] == 4


def test_edits_of_a_tree_that_went_without_an_act_hold_but_can_not_be_undone(workspace: Workspace) -> None:
    edit.rename(workspace, "subject", "Thing", who="person")
    rename_cluster(workspace, cid(workspace, "rock"), "stone", who="person")
    rename_cluster(workspace, cid(workspace, "vehicles"), "machines", who="person")
    workspace.edits.undo()
    workspace.grouping.forget_grouping("subject", names=True)
    assert make_anew(workspace, NEW) == []
    assert shape(workspace)["stone > stone > stone"] == 2
    assert workspace.edits.redo() is None
    assert workspace.edits.undo().action == "rename"  # type: ignore[union-attr]
    assert "vehicles > cars > car" in shape(workspace)


def test_only_what_came_after_the_refinement_is_lost_with_its_tree(workspace: Workspace) -> None:
    rename_cluster(workspace, cid(workspace, "rock"), "stone", who="person")
    first = state(workspace)
    edit.refine(workspace, "subject", who="person", k=3)
    make_anew(workspace, NEW)
    rename_cluster(workspace, cid(workspace, "vehicles"), "machines", who="person")
    workspace.grouping.forget_grouping("subject", names=False)
    make_anew(workspace, NEW)
    assert shape(workspace)["machines > cars > car"] == 5
    assert workspace.edits.undo().action == "refine"  # type: ignore[union-attr]
    assert state(workspace) == first
    assert workspace.edits.undo().what == "Renamed 'rock' to 'stone' under 'Subject'"  # type: ignore[union-attr]
    check(workspace)


def test_a_run_carries_over_and_leaves_alone_what_was_put_somewhere_by_hand(tmp_path: Path) -> None:
    pictures = make_collection(tmp_path / "pictures")
    folder = tmp_path / "w.xcluster"
    with FakeServer() as server:
        run_here(folder, server, pictures, wishes=[wish("Weather", "What the weather is like.")])
        with Workspace(folder) as opened:
            first, second = [c for c in opened.grouping.clusters("weather") if c.level == "fine"][:2]
            placed = opened.grouping.assignments("weather")
            moved = next(a.image_id for a in placed if a.cluster_id == first.id)
            move_images(opened, "weather", [moved], second.id, who="person")
            rename_cluster(opened, second.id, "my own weather", who="person")
            edited = opened.grouping.clusters("weather")
            edit.refine(opened, "weather", who="person", k=2)
            assert opened.grouping.clusters("weather") == []
        run_here(folder, server, pictures)
        run_here(folder, server, pictures)
        with Workspace(folder) as opened:
            made = opened.grouping.assignments_of("weather", [moved])[moved]
            assert made.how == "person"
            assert opened.browse.cluster(made.cluster_id).name == "my own weather"
            assert missing_ids(opened.grouping, "assignment", "weather") == []
            assert opened.journal.setting("carried.weather") == "[]"
            assert opened.edits.undo().action == "refine"  # type: ignore[union-attr]
            assert opened.grouping.clusters("weather") == edited
            assert opened.edits.undo().action == "rename_cluster"  # type: ignore[union-attr]


# planning a split
# -------------------------------------------------------------------------------------------------------


@pytest.fixture
def text(server: FakeServer, workspace: Workspace) -> Asker:
    return Asker(ChatModel(Endpoint(server.base_url, MODEL, retries=0)), workspace.answers)


@pytest.fixture
def words(server: FakeServer, workspace: Workspace) -> TextEmbedder:
    """Texts are as near as they share words."""
    return CachedEmbedder(ServerEmbedder(Endpoint(server.base_url, MODEL, retries=0)), workspace.answers)


def plan(
    workspace: Workspace,
    text: Asker,
    words: TextEmbedder,
    path: Sequence[str],
    parts: int = 0,
    hint: str = "",
) -> list[Part]:
    return asyncio.run(plan_split(workspace, cid(workspace, *path), text, words, parts=parts, hint=hint))


def describe(workspace: Workspace, texts: dict[str, str]) -> None:
    workspace.grouping.add_descriptions([Description(i, "subject", said) for i, said in texts.items()])


def test_a_cluster_with_sub_clusters_is_planned_along_them(
    workspace: Workspace, text: Asker, words: TextEmbedder
) -> None:
    before = state(workspace)
    parts = plan(workspace, text, words, ["animals"], parts=4)
    assert state(workspace) == before
    assert [(p.name, len(p.image_ids), p.names) for p in parts] == [
        ("cat", 4, ("cat",)),
        ("poodle", 3, ("poodle",)),
        ("collie", 2, ("collie",)),
        ("worm", 1, ("worm",)),
    ]
    split_cluster(workspace, cid(workspace, "animals"), parts, who="person")
    check(workspace)
    assert shape(workspace)["poodle > dogs > poodle"] == 3
    with pytest.raises(InputError, match="2 sub-clusters: too few for 3 parts"):
        plan(workspace, text, words, ["vehicles", "cars"], parts=3)


def test_a_leaf_with_several_raw_names_is_planned_along_them(
    workspace: Workspace, text: Asker, words: TextEmbedder
) -> None:
    leaves = [cid(workspace, *path) for path in (("animals", "cats", "cat"), ("animals", "other", "worm"))]
    merge_clusters(workspace, leaves, who="person")
    move_images(workspace, "subject", ["blur"], leaves[0], who="person")
    parts = plan(workspace, text, words, ["animals", "cats", "cat"])
    assert [(p.name, len(p.image_ids), p.names) for p in parts] == [
        ("cat", 5, ("cat",)),
        ("worm", 1, ("worm",)),
    ]
    (made,) = split_cluster(workspace, leaves[0], parts, who="person")
    check(workspace)
    assert (made.name, made.names) == ("worm", ("worm",))
    assert where(workspace, "blur") == "animals > cats > cat"


def test_a_leaf_with_one_raw_name_is_planned_along_what_was_said_of_its_images(
    workspace: Workspace, text: Asker, words: TextEmbedder, server: FakeServer
) -> None:
    describe(workspace, {f"car{n}": f"the car is very red , a loud red car {n}" for n in range(3)})
    describe(workspace, {f"car{n}": f"one small parked blue vehicle {n}" for n in range(3, 5)})
    parts = plan(workspace, text, words, ["vehicles", "cars", "car"], hint="by  colour")
    assert [(p.name, p.image_ids) for p in parts] == [
        ("warm colours", ("car0", "car1", "car2")),
        ("cold colours", ("car3", "car4")),
    ]
    made = split_cluster(workspace, cid(workspace, "vehicles", "cars", "car"), parts, who="person")
    check(workspace)
    assert [(c.name, c.names) for c in made] == [("warm colours", ()), ("cold colours", ())]
    edit.refine(workspace, "subject", who="person", k=2)
    assert make_anew(workspace, TREE) == []
    assert shape(workspace)["vehicles > cars > warm colours"] == 3


@pytest.mark.parametrize(
    ("parts", "complaint"), [(1, "parts is 1"), (13, "give 2 to 12"), (2, "too few for 2")]
)
def test_what_cannot_be_divided_is_told(
    workspace: Workspace, text: Asker, words: TextEmbedder, parts: int, complaint: str
) -> None:
    describe(workspace, dict.fromkeys(("rock0", "rock1"), "a rock"))
    with pytest.raises(InputError, match=complaint):
        plan(workspace, text, words, ["rock"], parts=parts)


def test_parts_are_named_even_when_the_model_says_nothing_useful(
    workspace: Workspace, words: TextEmbedder, server: FakeServer
) -> None:
    server.trouble.reply = "prose"
    text = Asker(ChatModel(Endpoint(server.base_url, MODEL, retries=0)), workspace.answers)
    describe(workspace, {f"car{n}": f"{'red' if n < 3 else 'blue'} {n}" for n in range(5)})
    parts = plan(workspace, text, words, ["vehicles", "cars", "car"], parts=2)
    assert [p.name for p in parts] == ["car 1", "car 2"]


@pytest.mark.model
def test_a_real_embedder_finds_what_belongs_together(workspace: Workspace, text: Asker) -> None:
    dry = ["a desert with dunes of sand", "hot dry sand under the sun", "sand dunes without any plants"]
    wet = ["a ship on the open sea", "waves of the ocean"]
    describe(workspace, {f"car{n}": said for n, said in enumerate([*dry, *wet])})
    parts = plan(workspace, text, Embedder.load(default_cache()), ["vehicles", "cars", "car"])
    assert [p.image_ids for p in parts] == [("car0", "car1", "car2"), ("car3", "car4")]


def test_the_tree_that_is_shown_agrees(workspace: Workspace) -> None:
    ACTS["rename echoes"](workspace)
    roots = tree(workspace.grouping.clusters("subject"), workspace.grouping.leaf_counts("subject"))
    shown = {root.without_echoes().cluster.name: root.count for root in roots}
    assert shown == {"animals": 10, "vehicles": 8, "stone": 2}
