"""The planner without tool calls: names found in a request, forms filled, examples that tell the ability."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import arguments as form
from agent.abilities import ABILITIES
from agent.ability import Arguments
from agent.examples import Example, Examples
from agent.forms import Unsaid, from_names, said_only, with_directions
from agent.mentions import read
from agent.outcome import Focus, Outcome
from agent.planner import Done, Step, Told, Turn
from agent.schema_planner import SchemaPlanner
from models.embedder import Embedder
from models.weights import default_cache
from store.records import Cluster, Criterion
from store.workspace import Workspace
from tests.bench_planner import make_workspace
from tests.desks import WordEmbedder, desk_of, fill
from tests.fake_server import MODEL, FakeServer
from tools.suggest import suggest

REQUESTS = Path(__file__).with_name("planner_requests.jsonl")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "w", create=True) as opened:
        yield fill(opened)


# names in a request ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "masked", "criteria", "clusters"),
    [
        ("veto Mood", "veto the criterion", ["Mood"], []),
        ("merge the cluster 'dog' and cats", "merge the cluster and the cluster", [], ["dog", "cat"]),
        ("Which Animals are there?", "Which the cluster are there?", [], ["animal"]),
        ("rename the group dogs, please", "rename the cluster, please", [], ["dog"]),
        ("veto Moood", "veto Moood", [], []),
        ("show the animls", "show the cluster", [], ["animal"]),
        ("hotdog", "hotdog", [], []),
        ("nothing here", "nothing here", [], []),
    ],
)
def test_the_names_in_a_request_are_found(
    workspace: Workspace, said: str, masked: str, criteria: list[str], clusters: list[str]
) -> None:
    request = read(workspace, said)
    assert request.masked() == masked
    assert request.names("criterion") == criteria
    assert request.names("cluster") == clusters


def test_a_criterion_that_may_be_a_plain_word_can_be_left_as_it_is(workspace: Workspace) -> None:
    request = read(workspace, "find a mood like this")
    assert request.masked(sure_only=True) == "find a mood like this"
    assert read(workspace, "veto Mood").masked(sure_only=True) == "veto the criterion"


def test_of_two_clusters_of_one_name_the_one_beside_the_others_is_meant(workspace: Workspace) -> None:
    grouping = workspace.grouping
    grouping.save_criteria([Criterion("place", "Place", "Where.", status="accepted")])
    grouping.replace_clusters(
        "place",
        [Cluster("p-dog", "place", "coarse", "dog"), Cluster("p-yard", "place", "coarse", "yard")],
    )
    assert read(workspace, "merge dog and cat").names("cluster") == ["Subject: dog", "cat"]
    assert read(workspace, "merge dog and yard").names("cluster") == ["Place: dog", "yard"]
    assert read(workspace, "dog", Focus(criterion_id="place")).names("cluster") == ["Place: dog"]


# forms -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said", "filled"),
    [
        (form.SomeCriteria, "veto Mood", {"criteria": ["Mood"]}),
        (form.SomeCriteria, "we can do without Mood", {"criteria": ["Mood"]}),
        (form.SomeCriteria, "veto all but Mood", None),
        (form.SomeCriteria, "veto that", None),
        (form.TwoClusters, "compare dog and cat", {"first": "dog", "second": "cat"}),
        (form.TwoClusters, "compare dog", None),
        (form.OneCluster, "show dog", {"cluster": "dog"}),
        (form.RenameCluster, "rename dog to hound", None),
    ],
)
def test_a_form_of_names_is_filled_from_the_request(
    workspace: Workspace, arguments: type[Arguments], said: str, filled: dict[str, Any] | None
) -> None:
    found = from_names(arguments, read(workspace, said))
    assert (found.model_dump() if found else None) == filled


@pytest.mark.parametrize(
    ("arguments", "said", "values", "kept"),
    [
        (
            form.MergeCriteria,
            "Mood and Subject are the same",
            {"criteria": ["Mood", "Subject"], "name": "Combined Criteria"},
            {"criteria": ["Mood", "Subject"], "name": ""},
        ),
        (
            form.SplitCluster,
            "split dog by breed",
            {"cluster": "dog", "parts": 5, "hint": "by breed"},
            {"cluster": "dog", "parts": 0, "hint": "by breed"},
        ),
        (
            form.SplitCluster,
            "split dog into three",
            {"cluster": "dog", "parts": 3, "hint": ""},
            {"cluster": "dog", "parts": 3, "hint": ""},
        ),
        (
            form.SomeCriteria,
            "veto Handwriting",
            {"criteria": ["Mood", "Handwriting"]},
            {"criteria": ["Handwriting"]},
        ),
    ],
)
def test_what_the_person_did_not_say_is_not_in_the_form(
    workspace: Workspace,
    arguments: type[Arguments],
    said: str,
    values: dict[str, Any],
    kept: dict[str, Any],
) -> None:
    assert said_only(arguments, values, read(workspace, said)) == kept


def test_images_are_moved_from_and_to_the_clusters_that_the_request_says(workspace: Workspace) -> None:
    mixed_up = {"query": "wolves", "from_cluster": "cat", "to_cluster": "dog"}
    for said in ("move the wolves from dog to cat", "take wolves out of the dogs and put them into cats"):
        turned = with_directions(mixed_up, read(workspace, said))
        assert turned == {"query": "wolves", "from_cluster": "dog", "to_cluster": "cat"}


@pytest.mark.parametrize(
    ("arguments", "said", "values"),
    [
        (form.SetClusterCount, "too many groups in Mood", {"criterion": "Mood", "k": 4}),
        (form.RenameCluster, "rename dog", {"cluster": "dog", "new_name": "wild animals"}),
    ],
)
def test_what_must_be_said_is_asked_for(
    workspace: Workspace, arguments: type[Arguments], said: str, values: dict[str, Any]
) -> None:
    with pytest.raises(Unsaid, match=r"\?.*say it all again"):
        said_only(arguments, values, read(workspace, said))


# examples --------------------------------------------------------------------------------------------------


def test_every_example_is_of_an_ability_and_fits_its_form() -> None:
    examples = Examples.load(WordEmbedder()).all
    named = {ability.name: ability.arguments for ability in ABILITIES}
    assert {example.ability for example in examples} == set(named)
    for example in examples:
        if example.arguments is not None:
            named[example.ability].model_validate(example.arguments)
    for ability, arguments in named.items():
        filled = [e for e in examples if e.ability == ability and e.arguments]
        assert not arguments.model_fields or len(filled) >= 4, ability


def test_no_example_is_a_request_of_the_evaluation() -> None:
    said = {example.said.casefold().strip("?.! ") for example in Examples.load(WordEmbedder()).all}
    rows = [json.loads(line) for line in REQUESTS.read_text(encoding="utf-8").splitlines()]
    # Commands of two or three words cannot be said in many ways.
    asked = {row["say"].casefold().strip("?.! ") for row in rows if len(row["say"].split()) > 3}
    assert asked & said == set()


def test_an_example_is_masked_as_a_request_is(workspace: Workspace) -> None:
    example = Example("merge the group {hens} and {ducks}, please", "merge_clusters", None)
    assert example.said == "merge the group hens and ducks, please"
    assert example.masked == read(workspace, "merge the group dog and cat, please").masked()


@pytest.fixture(scope="module")
def examples() -> Examples:
    return Examples.load(Embedder.load(default_cache(), lambda progress: None))


@pytest.mark.model
def test_the_right_ability_comes_first_nearly_always_and_is_among_three_always(
    examples: Examples, tmp_path: Path, shared_data: Path
) -> None:
    make_workspace(tmp_path / "w", shared_data)
    rows = [json.loads(line) for line in REQUESTS.read_text(encoding="utf-8").splitlines()]
    plain = [row for row in rows if isinstance(row["do"], str) and row["kind"] in ("steering", "question")]
    with Workspace(tmp_path / "w") as workspace:
        ranked = [[r.ability for r in examples.rank(read(workspace, row["say"]))] for row in plain]
    assert len(plain) >= 45
    assert sum(row["do"] == best[0] for row, best in zip(plain, ranked, strict=True)) >= 0.93 * len(plain)
    assert [row["say"] for row, best in zip(plain, ranked, strict=True) if row["do"] not in best[:3]] == []


@pytest.mark.model
@pytest.mark.parametrize(
    ("said", "ability", "arguments"),
    [
        ("veto Mood", "veto_criteria", {"criteria": ["Mood"]}),
        ("undo", "undo", {}),
        ("compare dogs and cats", "compare_clusters", {"first": "dog", "second": "cat"}),
        ("how many dogs are there?", "show_cluster", {"cluster": "dog"}),
    ],
)
async def test_a_plain_request_asks_no_model(
    examples: Examples, workspace: Workspace, said: str, ability: str, arguments: dict[str, Any]
) -> None:
    # Nobody is at the desk's address: a question would fail.
    step = await SchemaPlanner(lambda: examples).next(desk_of(workspace), Turn(said, Focus()))
    assert isinstance(step, Step)
    assert (step.ability, step.arguments.model_dump()) == (ability, arguments)


@pytest.mark.model
def test_what_is_suggested_is_understood_without_a_model(
    examples: Examples, tmp_path: Path, shared_data: Path
) -> None:
    meant = {
        "What is in": "show_cluster",
        "What is '": "explain_criterion",
        "Where does": "explain_criterion",
        "Which images in": "show_cluster",
        "Which images are": "show_unclear",
        "Compare": "compare_clusters",
        "Cross": "cross_criteria",
        "Split": "split_cluster",
        "Accept": "accept_criteria",
        "Run the": "run_missing",
        "Propose": "propose_more",
        "Find": "find_images",
    }
    make_workspace(tmp_path / "w", shared_data)
    with Workspace(tmp_path / "w") as workspace:
        chosen = [("", ""), ("location", ""), ("mood", ""), ("location", _outdoor(workspace))]
        asked = {s for c, k in chosen for s in suggest(workspace, criterion_id=c, cluster_id=k, most=30)}
        assert len(asked) > 15
        for said in asked:
            wanted = next(ability for start, ability in meant.items() if said.startswith(start))
            first, second = examples.rank(read(workspace, said))[:2]
            assert (said, first.ability) == (said, wanted)
            assert first.score > second.score + 0.1, said


def _outdoor(workspace: Workspace) -> str:
    return next(c.id for c in workspace.grouping.clusters("location") if c.name == "Outdoor")


@pytest.mark.model
async def test_a_request_of_several_commands_is_planned_command_by_command(
    examples: Examples, workspace: Workspace
) -> None:
    planner, desk = SchemaPlanner(lambda: examples), desk_of(workspace)
    first = await planner.next(desk, Turn("veto Mood and show dog", Focus()))
    assert isinstance(first, Step)
    assert first.ability == "veto_criteria"
    told = Told("veto_criteria", {}, Outcome(facts=()))
    second = await planner.next(desk, Turn("veto Mood and show dog", Focus(), (told,)))
    assert isinstance(second, Step)
    assert second.arguments.model_dump() == {"cluster": "dog"}
    assert await planner.next(desk, Turn("veto Mood and show dog", Focus(), (told, told))) == Done()


@pytest.mark.model
async def test_a_doubtful_request_is_decided_by_the_model_among_three(
    examples: Examples, workspace: Workspace
) -> None:
    with FakeServer() as server:
        desk = desk_of(workspace, base_url=server.base_url, model=MODEL)
        said = ("the dogs, somehow differently", "maybe something else with dogs", "dogs could be better")
        doubtful = min(said, key=lambda text: _lead(examples, workspace, text))
        assert _lead(examples, workspace, doubtful) < 0.2
        await SchemaPlanner(lambda: examples).next(desk, Turn(doubtful, Focus()))
        assert server.count() >= 1
    asked = [use for use in workspace.answers.usage() if use.stage == "plan"]
    assert asked[0].calls >= 1


def _lead(examples: Examples, workspace: Workspace, said: str) -> float:
    first, second = examples.rank(read(workspace, said))[:2]
    return first.score - second.score
