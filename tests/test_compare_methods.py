"""Methods side by side: the same images for all, cost told whoever paid it, failures told and not hidden."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.chat import ChatModel
from models.embedder import Embedder
from models.endpoint import Endpoint
from models.vectors import TextEmbedder
from models.weights import default_cache
from store.errors import InputError, MissingStep, ModelUnavailable
from store.records import LEVELS, Caption, Criterion, Description, Image, Progress
from store.workspace import Workspace
from tests.fake_server import MODEL, FakeServer, Trouble
from tests.fake_world import SCENES
from tests.spine import cli, cli_json, write_profile
from tools.ask import Asker
from tools.compare_methods import compare_methods
from tools.comparison import Result
from tools.match_labels import Labelled, MatchedLabels
from tools.method import Grouped, Means, Method
from tools.methods import PEERS, chosen_methods
from tools.own_method import OWN
from tools.partition_scores import OFF_LIST, UNCLEAR
from tools.peer_bertopic import is_installed
from tools.sample_labelled import Sample, sample_labelled

SUBJECT = Criterion("subject", "Subject", "Which thing or animal is shown.")
KINDS = {"fire truck": "vehicle", "sailing boat": "vehicle", "taxi": "vehicle", "bicycle": "vehicle"}
TEXTS = [f"A {scene.colour} picture of a {scene.subject}, number {n}." for n in (1, 2) for scene in SCENES]
TRUTH = [KINDS.get(scene.subject, "animal") for _ in (1, 2) for scene in SCENES]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "w", create=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def embedder() -> TextEmbedder:
    return Embedder.load(default_cache())


@pytest.fixture
def means(server: FakeServer, workspace: Workspace, embedder: TextEmbedder) -> Means:
    text = Asker(ChatModel(Endpoint(server.base_url, MODEL, retries=0)), workspace.answers)
    return Means(text, embedder)


def sample(title: str = "Subject", *, k: int | None = 2) -> Sample:
    return Sample(Labelled(title), replace(SUBJECT, name=title), TEXTS, TRUTH, k)


async def _truth(texts: Sequence[str], criterion: Criterion, means: Means, /) -> Grouped:
    means.on_answer()
    return Grouped({"coarse": ["all"] * len(texts), "fine": TRUTH}, {"coarse": ("all",), "fine": ("a", "b")})


async def _half(texts: Sequence[str], criterion: Criterion, means: Means, /) -> Grouped:
    groups = [UNCLEAR if n % 4 == 0 else OFF_LIST if n % 4 == 1 else TRUTH[n] for n in range(len(texts))]
    return Grouped({"flat": groups}, {"flat": ("animal", "vehicle")}, notes=("half of it",))


async def _fails(texts: Sequence[str], criterion: Criterion, means: Means, /) -> Grouped:
    raise InputError("It needs more texts.")


TOY = Method("own", "Toy", _truth, steps=lambda _: 1)
HALF = Method("half", "Half", _half)
FAILS = Method("fails", "Fails", _fails)


async def test_each_level_is_scored_and_the_best_is_said(means: Means, embedder: TextEmbedder) -> None:
    done = await compare_methods([sample()], [TOY, HALF], means, embedder, own="own")
    toy, half = done.samples[0].results
    assert list(dict(toy.levels)) == ["coarse", "fine"]
    assert [found.cacc for _, found in toy.levels] == pytest.approx([2 / 3, 1.0])
    assert toy.best == "fine"
    assert toy.to_dict()["best_of"] == 2
    found = dict(half.levels)["flat"]
    assert (found.cacc, found.unclear, found.off_list) == (0.5, 0.25, 0.25)
    assert half.notes == ("half of it",)
    assert half.made == (("flat", 2),)


async def test_the_lead_is_paired_and_the_mean_is_over_the_samples(
    means: Means, embedder: TextEmbedder
) -> None:
    samples = [sample(), sample("Thing")]
    done = await compare_methods(samples, [TOY, HALF, FAILS], means, embedder, own="own")
    (lead,) = [lead for lead in done.samples[0].leads if lead.metric == "cacc"]
    assert lead.peer == "half"
    assert lead.difference.value == pytest.approx(0.5)
    assert 0 < lead.difference.low < 0.5 < lead.difference.high
    assert lead.to_dict()["decided"] is True
    assert {(mean.peer, mean.samples) for mean in done.overall} == {("half", 2)}


async def test_equal_methods_are_no_lead(means: Means, embedder: TextEmbedder) -> None:
    done = await compare_methods([sample()], [TOY, replace(TOY, key="twin")], means, embedder, own="own")
    assert [(lead.peer, round(lead.difference.value, 9), lead.decided) for lead in done.samples[0].leads] == [
        ("twin", 0.0, False)
    ] * 3


async def test_a_method_that_fails_is_told_and_the_others_go_on(means: Means, embedder: TextEmbedder) -> None:
    done = await compare_methods([sample()], [FAILS, HALF], means, embedder, own="own")
    failed, half = done.samples[0].results
    assert (failed.failed, failed.best, failed.levels) == ("It needs more texts.", None, ())
    assert half.best == "flat"
    assert done.samples[0].leads == done.overall == ()


async def test_peers_that_ask_are_told_in_full_though_they_share_answers(
    server: FakeServer, means: Means, embedder: TextEmbedder
) -> None:
    steps: list[Progress] = []
    methods = [PEERS["ictc"], PEERS["xcluster"], PEERS["kmeans"]]
    done = await compare_methods([sample()], methods, means, embedder, on_progress=steps.append)
    ictc, xcluster, kmeans = (result.effort for result in done.samples[0].results)
    n = len(TEXTS)
    assert (ictc.calls, xcluster.calls, kmeans.calls) == (2 * n + 1, 4 * n + 1, 0)
    # The labels are the same question for both.
    assert server.count() == ictc.calls + xcluster.calls - n
    assert ictc.prompt_tokens > 0
    assert ictc.model_seconds > 0
    assert ictc.of_unknown_cost == xcluster.of_unknown_cost == 0
    last = {step.stage: (step.done, step.total) for step in steps}
    assert last == {
        "IC|TC: Subject": (2 * n + 1, 2 * n + 1),
        "X-Cluster: Subject": (4 * n + 1, 4 * n + 1),
        "k-means: Subject": (1, 1),
    }


async def test_run_again_it_costs_and_scores_the_same_and_asks_nothing(
    server: FakeServer, means: Means, embedder: TextEmbedder
) -> None:
    methods = [OWN, PEERS["ictc"], PEERS["kmeans"]]

    async def told() -> list[Result]:
        done = await compare_methods([sample()], methods, means, embedder, own="own")
        return [
            replace(
                r, effort=replace(r.effort, other_seconds=0.0, model_seconds=round(r.effort.model_seconds, 6))
            )
            for r in done.samples[0].results
        ]

    first = await told()
    asked = server.count()
    assert await told() == first
    assert server.count() == asked
    own = first[0]
    assert [grain for grain, _ in own.levels] == list(LEVELS)
    assert own.effort.calls > len(TEXTS)


async def test_a_server_that_is_gone_ends_it(
    means: Means, server: FakeServer, embedder: TextEmbedder
) -> None:
    server.trouble = Trouble(fail_first=99, fail_status=503)
    with pytest.raises(ModelUnavailable):
        await compare_methods([sample()], [PEERS["ictc"]], means, embedder)


# which methods ------------------------------------------------------------------------------------------


def test_methods_are_chosen_by_name_each_once() -> None:
    chosen = chosen_methods(["kmeans", " ICTC", "kmeans", ""], own=True, own_with_k=False, with_k=True)
    assert [method.key for method in chosen] == ["own", "kmeans", "ictc"]


@pytest.mark.parametrize(
    ("names", "own", "with_k", "complaint"),
    [
        (["lda"], True, True, "No method 'lda'.*ictc, xcluster, kmeans, bertopic"),
        (["ictc"], True, False, r"IC\|TC cannot run without.*--k"),
        (["kmeans"], True, False, "k-means cannot run without"),
        ([""], False, True, "no method to run"),
    ],
)
def test_what_cannot_run_is_told_before(names: list[str], own: bool, with_k: bool, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        chosen_methods(names, own=own, own_with_k=False, with_k=with_k)


@pytest.mark.skipif(is_installed(), reason="BERTopic is installed")
def test_bertopic_that_is_not_installed_is_told_before() -> None:
    with pytest.raises(InputError, match="make peers"):
        chosen_methods(["bertopic"], own=True, own_with_k=False, with_k=True)


# the sample ---------------------------------------------------------------------------------------------


def labelled(workspace: Workspace, count: int = 20) -> MatchedLabels:
    rows = [
        (Image(f"i{n:02}", 0, 0, "none", 0, ""), Caption(f"i{n:02}", TEXTS[n], "import"))
        for n in range(count)
    ]
    workspace.catalogue.add_imported(rows)
    return MatchedLabels(
        {
            Labelled("Subject"): {f"i{n:02}": TRUTH[n] for n in range(count)},
            Labelled("Number"): {f"i{n:02}": str(n % 5) for n in range(count)},
        },
        count,
        (),
        0,
    )


def test_a_sample_is_the_same_for_a_seed_and_all_criteria(workspace: Workspace) -> None:
    labels = labelled(workspace)
    first, number = sample_labelled(workspace, labels, size=8, seed=1)
    assert len(first.texts) == len(set(first.texts)) == 8
    assert first.texts == number.texts
    assert first == sample_labelled(workspace, labels, size=8, seed=1)[0]
    assert first.texts != sample_labelled(workspace, labels, size=8, seed=2)[0].texts
    assert [TRUTH[TEXTS.index(text)] for text in first.texts] == first.truth


def test_k_is_the_number_of_classes_in_the_sample_or_what_is_given(workspace: Workspace) -> None:
    labels = labelled(workspace)
    assert [s.k for s in sample_labelled(workspace, labels)] == [2, 5]
    assert [s.k for s in sample_labelled(workspace, labels, k="none")] == [None, None]
    assert [s.k for s in sample_labelled(workspace, labels, k=7)] == [7, 7]
    assert sample_labelled(workspace, labels, size=1)[0].k == 1


def test_methods_are_told_the_workspaces_criterion_with_its_rules(workspace: Workspace) -> None:
    labels = labelled(workspace)
    workspace.grouping.save_criteria(
        [
            replace(SUBJECT, status="accepted", k=9),
            Criterion("count", "Count", "How many there are.", status="accepted"),
        ]
    )
    workspace.grouping.add_rule("never use colour")
    subject, number = sample_labelled(workspace, labels, given={"number": "Count"})
    assert subject.criterion.definition == SUBJECT.definition
    assert (subject.criterion.guidance, subject.criterion.k) == ("never use colour", None)
    assert number.criterion.name == "Count"
    with pytest.raises(InputError, match="no criterion 'Mood'"):
        sample_labelled(workspace, labels, given={"Mood": "Count"})


def test_an_imported_description_is_the_text_under_its_criterion(workspace: Workspace) -> None:
    labels = labelled(workspace)
    workspace.grouping.save_criteria([replace(SUBJECT, status="accepted")])
    workspace.grouping.add_descriptions(
        [
            Description("i00", "subject", "a truck of the fire brigade", model="import", imported_as="0.jpg"),
            Description("i01", "subject", "made here", model="fake-vl"),
        ]
    )
    subject, number = sample_labelled(workspace, labels)
    assert list(subject.texts[:2]) == ["a truck of the fire brigade", TEXTS[1]]
    assert number.texts[0] == TEXTS[0]


def test_images_without_a_text_are_left_out_and_counted(workspace: Workspace) -> None:
    labels = labelled(workspace)
    more = {**labels.classes, Labelled("Subject"): {"gone": "animal", **labels.classes[Labelled("Subject")]}}
    first = sample_labelled(workspace, labels._replace(classes=more))[0]
    assert (len(first.texts), first.without_text) == (20, 1)
    only = {Labelled("Subject"): {"gone": "animal"}}
    with pytest.raises(MissingStep, match="has a caption yet"):
        sample_labelled(workspace, labels._replace(classes=only))
    with pytest.raises(InputError, match="None of the labelled images"):
        sample_labelled(workspace, MatchedLabels({}, 0, ("a.jpg",), 0))


# the command --------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, server: FakeServer) -> Path:
    """A folder with settings, captions and labels, and a workspace with the captions."""
    write_profile(tmp_path, server)
    keys = [f"{n:02}.jpg" for n in range(len(TEXTS))]
    rows = [{"image": key, "caption": text} for key, text in zip(keys, TEXTS, strict=True)]
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    lines = [f"{key},Subject,{name}" for key, name in zip(keys, TRUTH, strict=True)]
    (tmp_path / "labels.csv").write_text("\n".join(["image,criterion,class", *lines]), encoding="utf-8")
    cli_json(tmp_path, "import", "captions", "captions.jsonl", "--workspace", "w")
    return tmp_path


def test_the_command_compares_on_a_sample_and_goes_on_from_the_store(
    folder: Path, server: FakeServer
) -> None:
    asked = ["evaluate", "labels.csv", "-w", "w", "--against", "ictc,xcluster,kmeans", "--sample", "20"]
    told: dict[str, Any] = cli_json(folder, *asked)
    (subject,) = told["criteria"]
    assert (subject["images"], subject["k"], told["sample"], told["model"]) == (20, 2, 20, MODEL)
    assert [one["method"] for one in subject["methods"]] == ["own", "ictc", "xcluster", "kmeans"]
    own, ictc, xcluster, kmeans = subject["methods"]
    assert list(own["levels"]) == list(xcluster["levels"]) == list(LEVELS)
    assert list(ictc["levels"]) == list(kmeans["levels"]) == ["flat"]
    assert ictc["effort"]["calls"] == 41
    assert ictc["levels"]["flat"]["off_list"] > 0
    assert {lead["peer"] for lead in subject["leads"]} == {"ictc", "xcluster", "kmeans"}
    before = server.count()
    shown = cli(folder, *asked)
    assert shown.returncode == 0, shown.stderr
    assert server.count() == before
    for word in (
        "xcluster (own)",
        "IC|TC",
        "X-Cluster",
        "k-means",
        "per image",
        "CAcc ahead",
        "best of",
    ):
        assert word in shown.stdout


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--against", "ictc", "--k", "none"], "IC|TC cannot run without the number of clusters"),
        (["--against", "ictc", "--k", "few"], "--k 'few' is no number of clusters"),
        (["--against", "nonsense"], "No method 'nonsense'"),
        (["--against", "kmeans", "--level", "fine"], "leave them out with --against"),
    ],
)
def test_what_the_command_cannot_do_it_says_with_exit_code_2(
    folder: Path, server: FakeServer, options: list[str], complaint: str
) -> None:
    done = cli(folder, "evaluate", "labels.csv", "-w", "w", *options)
    assert done.returncode == 2
    assert complaint in " ".join(done.stderr.split())
    assert server.count() == 0


def test_the_command_can_leave_out_our_own_method(folder: Path, server: FakeServer) -> None:
    told = cli_json(
        folder, "evaluate", "labels.csv", "-w", "w", "--against", "kmeans", "--no-own", "--k", "3"
    )
    (subject,) = told["criteria"]
    assert [one["method"] for one in subject["methods"]] == ["kmeans"]
    assert (subject["k"], subject["leads"], server.count()) == (3, [], 0)
