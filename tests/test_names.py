"""What a name means: labels find back, near misses are named, and what is asked about is offered first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cluster_index import ClusterIndex
from agent.names import cluster_label, find_cluster, find_criterion, offered
from agent.outcome import Focus
from agent.words import excerpt, plural, quoted, share, singular, takes
from store.errors import InputError
from store.records import Assignment, Caption, Cluster, Criterion, Image, Status
from store.workspace import Workspace
from tests.scenes import fill_with_scenes
from tools.estimate import Estimate

TREES: dict[str, list[tuple[str, str, str]]] = {
    "Subject": [
        ("s-animal", "", "animal"),
        ("s-animal2", "s-animal", "animal"),
        ("s-dog", "s-animal2", "dogs"),
        ("s-pet", "s-animal", "pet"),
        ("s-cat", "", "cat"),
        ("s-cat2", "s-cat", "cat"),
        ("s-cat3", "s-cat2", "cat"),
        ("s-red", "", "red"),
    ],
    "Object": [("o-food", "", "dog food"), ("o-car", "", "road vehicles"), ("o-red", "", "red")],
}


def add(workspace: Workspace, name: str, *, status: Status = "accepted", merged_into: str = "") -> None:
    made = Criterion(name.casefold(), name, f"Which {name}.", status=status, merged_into=merged_into)
    workspace.grouping.save_criteria([made])


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Two criteria with trees, in which 'red' is twice and 'cat' repeats itself down to the finest level."""
    with Workspace(tmp_path / "w", create=True) as opened:
        rows = [(Image(n, 0, 0, "none", 0, ""), Caption(n, f"picture {n}", "import")) for n in "abcd"]
        opened.catalogue.add_imported(rows)
        for name, rows_of_tree in TREES.items():
            add(opened, name)
            depth: dict[str, int] = {"": -1}
            clusters = []
            for own, parent, called in rows_of_tree:
                depth[own] = depth[parent] + 1
                level = ("coarse", "middle", "fine")[depth[own]]
                clusters.append(Cluster(own, name.casefold(), level, called, parent))  # type: ignore[arg-type]
            opened.grouping.replace_clusters(name.casefold(), clusters)
        placed = [("a", "s-dog"), ("b", "s-cat3"), ("c", "s-cat3"), ("d", "s-red")]
        opened.grouping.add_assignments([Assignment(i, "subject", c, 0.9, "name") for i, c in placed])
        yield opened


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("dogs", "s-dog"),
        ("Dog", "s-dog"),
        ("  'DOGS' ", "s-dog"),
        ("the dogs group", "s-dog"),
        ("Subject: animal", "s-animal"),
        ("animal", "s-animal"),
        ("animals", "s-animal"),
        ("animal > dog", "s-dog"),
        ("Subject: animal > animal > dogs", "s-dog"),
        ("Subject: animal > animal", "s-animal2"),
        ("animal / pet", "s-pet"),
        ("pets (Subject)", "s-pet"),
        ("cat", "s-cat"),
        ("cats", "s-cat"),
        ("Subject: red", "s-red"),
        ("red object", "o-red"),
        ("road vehicle", "o-car"),
        ("s-cat3", "s-cat3"),
    ],
)
def test_a_cluster_is_found_as_a_person_writes_it(workspace: Workspace, text: str, found: str) -> None:
    assert find_cluster(workspace, text, Focus()).id == found


def test_every_label_finds_back_the_cluster_that_it_stands_for(workspace: Workspace) -> None:
    index = ClusterIndex(workspace)
    labels = {c.id: index.label(c) for name in TREES for c in workspace.grouping.clusters(name.casefold())}
    assert labels == {
        "s-animal": "animal",
        "s-animal2": "Subject: animal > animal",
        "s-dog": "dogs",
        "s-pet": "pet",
        "s-cat": "cat",
        "s-cat2": "cat",
        "s-cat3": "cat",
        "s-red": "Subject: red",
        "o-food": "dog food",
        "o-car": "road vehicles",
        "o-red": "Object: red",
    }
    for own, label in labels.items():
        stands_for = "s-cat" if own.startswith("s-cat") else own
        assert find_cluster(workspace, label, Focus(criterion_id="object")).id == stands_for
    assert cluster_label(workspace, workspace.browse.cluster("o-red")) == "Object: red"


def test_siblings_of_one_name_are_told_apart_by_id(workspace: Workspace) -> None:
    workspace.grouping.save_clusters([Cluster("twin", "object", "coarse", "Road vehicles")])
    label = cluster_label(workspace, workspace.browse.cluster("twin"))
    assert find_cluster(workspace, label, Focus()).id == "twin"
    with pytest.raises(InputError, match="can mean several clusters"):
        find_cluster(workspace, "road vehicles", Focus())


def test_labels_of_real_trees_find_back(shared_data: Path, tmp_path: Path) -> None:
    with Workspace(tmp_path / "w", create=True) as opened:
        index = ClusterIndex(fill_with_scenes(opened, shared_data))
        labels = {e.cluster.id: index.label(e.cluster) for e in index.entries}
        assert len(labels) > 100
        assert len(set(labels.values())) == len(labels)
        assert all([e.cluster.id for e in index.matching(label)] == [own] for own, label in labels.items())
        assert not set(labels) & set(labels.values())
        twins = {label for label in labels.values() if label.endswith("Nature or park")}
        assert twins == {"Location: Nature or park", "Location: Outdoor > Nature or park"}


def test_an_ambiguous_name_means_the_one_in_focus_or_asks(workspace: Workspace) -> None:
    assert find_cluster(workspace, "red", Focus(criterion_id="object")).id == "o-red"
    assert find_cluster(workspace, "red", Focus(), criterion_id="subject").id == "s-red"
    with pytest.raises(InputError, match=r"'red' can mean several clusters.*'Subject: red' or 'Object: red'"):
        find_cluster(workspace, "red", Focus())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dgos", r"^No cluster 'dgos'\. Did you mean 'dogs' \(Subject\)"),
        ("dog foods for big dogs", r"Did you mean .*'dog food' \(Object\)"),
        ("zzz", r"^No cluster 'zzz'\. Some that there are: "),
        ("Object", "'Object' is a criterion. Name one of its clusters: 'dog food', 'red' or 'road vehicles'"),
        ("Unclear", "Ask which images are unclear under a criterion"),
        ("", "Which cluster"),
    ],
)
def test_an_unknown_cluster_names_the_nearest(workspace: Workspace, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_cluster(workspace, text, Focus())


def test_an_empty_name_means_what_is_in_focus(workspace: Workspace) -> None:
    assert find_cluster(workspace, " ", Focus(cluster_id="s-cat2")).id == "s-cat2"
    assert find_criterion(workspace, "", Focus(criterion_id="object")).name == "Object"
    assert find_criterion(workspace, "", Focus(cluster_id="s-cat2")).name == "Subject"
    with pytest.raises(InputError, match="Which criterion\\? Known: Subject, Object"):
        find_criterion(workspace, "", Focus())
    add(workspace, "Object", status="vetoed")
    assert find_criterion(workspace, "", Focus()).name == "Subject"


def test_a_criterion_is_found_in_any_number_and_by_what_was_merged_into_it(workspace: Workspace) -> None:
    add(workspace, "Time of Day", status="proposed")
    add(workspace, "Things", status="merged", merged_into="object")
    assert find_criterion(workspace, "the objects criterion", Focus()).id == "object"
    assert find_criterion(workspace, "time of day", Focus()).id == "time of day"
    assert find_criterion(workspace, "thing", Focus()).id == "object"
    with pytest.raises(InputError, match=r"No criterion 'Subjekt'\. Did you mean 'Subject'"):
        find_criterion(workspace, "Subjekt", Focus())
    with pytest.raises(InputError, match="Known: Subject, Object, Time of Day"):
        find_criterion(workspace, "qqq", Focus())


def test_an_empty_workspace_says_what_to_do(tmp_path: Path) -> None:
    with Workspace(tmp_path / "w", create=True) as opened:
        with pytest.raises(InputError, match="no image is grouped yet"):
            find_cluster(opened, "dogs", Focus())
        with pytest.raises(InputError, match="No criterion is known yet"):
            find_criterion(opened, "Mood", Focus())
        assert offered(opened, Focus()) == {"criterion": [], "cluster": []}


def test_what_a_request_speaks_of_is_offered_first(workspace: Workspace) -> None:
    assert offered(workspace, Focus(), "how do dogs differ from dog food?")["cluster"][:2] == [
        "dog food",
        "dogs",
    ]
    assert offered(workspace, Focus(), "what is in animlas")["cluster"][0] == "animal"
    in_focus = offered(workspace, Focus(cluster_id="s-animal2", criterion_id="subject"))["cluster"]
    assert in_focus[:4] == ["Subject: animal > animal", "dogs", "pet", "animal"]
    largest = offered(workspace, Focus())["cluster"]
    assert largest[0] == "cat"
    assert len(offered(workspace, Focus(), most=3)["cluster"]) == 3
    add(workspace, "Mood", status="vetoed")
    assert offered(workspace, Focus())["criterion"] == ["Subject", "Object", "Mood"]


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("dog", "dogs"),
        ("city", "cities"),
        ("cookie", "cookies"),
        ("house", "houses"),
        ("bus", "buses"),
        ("glass", "glasses"),
        ("box", "boxes"),
        ("shoe", "shoes"),
        ("potato", "potatoes"),
        ("person", "people"),
        ("child", "Children"),
        ("beach", "beaches"),
    ],
)
def test_singular_and_plural_have_one_form(one: str, many: str) -> None:
    assert singular(one) == singular(many)


def test_words_that_differ_keep_apart() -> None:
    words = ["car", "care", "plane", "plan", "bus", "glass", "tennis", "star", "stare", "cave", "calf"]
    assert len({singular(word) for word in words}) == len(words)


def test_counts_shares_and_lists_read_as_sentences() -> None:
    assert [plural(1, "image"), plural(1204, "image")] == ["1 image", "1,204 images"]
    assert plural(2, "batch", "batches") == "2 batches"
    assert [share(23, 92), share(1, 1000), share(999, 1000), share(0, 5), share(5, 5), share(0, 0)] == [
        "25 %",
        "less than 1 %",
        "more than 99 %",
        "0 %",
        "100 %",
        "0 %",
    ]
    assert quoted(["a", "b", "c"]) == "'a', 'b' and 'c'"
    assert quoted(["a", "b"], last="or") == "'a' or 'b'"
    assert quoted(["a"]) == "'a'"
    assert takes(Estimate()) == "no model call"
    assert takes(Estimate(40, seconds=130)) == "about 40 model calls, 2 min 10 s"
    assert "very roughly 1 model call" in takes(Estimate(1, seconds=3, measured=False))
    assert excerpt("one two three", 9) == "'one two ...'"
