"""Estimates, held against what runs with the fake server really ask."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from store.records import Caption, Image, Progress, Tag
from store.workspace import Workspace
from tests.fake_server import MODEL, FakeServer
from tests.fake_world import SCENES
from tests.spine import add_picture, make_collection, run_here, wish
from tools import edit
from tools.estimate import Estimate, Estimator, Prices
from tools.import_captions import import_captions
from tools.tree_calls import VOTES, tree_calls

pytestmark = pytest.mark.model

SUBJECT = wish("Subject", "Which thing or animal is shown.")
_LOW, _HIGH = 0.8, 1.65
"""An estimate may rather be too high: the fake server gives many groups one name, which spares questions."""


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures, grouped under everything that was discovered but the weather."""
    place = tmp_path_factory.mktemp("grouped")
    photos = make_collection(place / "photos")
    with FakeServer() as server:
        run_here(place / "w", server, photos, stop_after="propose")
        with Workspace(place / "w") as workspace:
            edit.veto(workspace, "Weather", who="person")
        run_here(place / "w", server, photos)
    return place


@pytest.fixture
def folder(grouped: Path, tmp_path: Path) -> Path:
    """A workspace of one's own, as it is after that run."""
    shutil.copytree(grouped, tmp_path / "copy")
    return tmp_path / "copy" / "w"


def estimator(workspace: Workspace, *, vision: str = MODEL, prices: Prices | None = None) -> Estimator:
    return Estimator(
        workspace,
        text_model=MODEL,
        vision_model=vision,
        text_at_once=4,
        vision_at_once=4,
        propose_batches=3,
        prices=prices or Prices(),
    )


def used(folder: Path, run_id: int) -> Estimate:
    with Workspace(folder) as workspace:
        usage = workspace.answers.usage(run_id)
    return Estimate(
        sum(row.calls for row in usage),
        sum(row.prompt_tokens for row in usage),
        sum(row.completion_tokens for row in usage),
    )


def near(estimate: Estimate, real: Estimate) -> bool:
    """Whether calls and tokens are near enough: a fifth too low or two thirds too high at most.

    It counts on three lists of broad groups to be tried; the fake model names two.
    """
    return all(_LOW * used <= told <= _HIGH * used for told, used in zip(estimate[:3], real[:3], strict=True))


def test_one_more_criterion_costs_a_look_at_each_picture_and_a_tree(server: FakeServer, folder: Path) -> None:
    with Workspace(folder) as workspace:
        estimate = estimator(workspace).added()
    real = used(folder, run_here(folder, server, None, wishes=[wish("Place", "Which place it is.")]))
    assert near(estimate, real), (estimate, real)
    assert estimate.measured
    assert estimate.seconds > 0


def test_other_words_cost_as_much_and_another_k_only_a_tree(server: FakeServer, folder: Path) -> None:
    with Workspace(folder) as workspace:
        regroup = estimator(workspace).regroup("subject")
    again = run_here(folder, server, None, wishes=[wish("Subject", guidance="only the main thing")])
    real = used(folder, again)
    # The pictures show the same as before, but each question about the tree holds the guidance.
    assert near(regroup, real), (regroup, real)
    assert regroup.calls <= real.calls + tree_calls(len(SCENES), None)
    with Workspace(folder) as workspace:
        edit.refine(workspace, "subject", who="person", k=3)
        rebuild = estimator(workspace).rebuild("subject")
        assert estimator(workspace).missing(["subject"]) == rebuild
    real = used(folder, run_here(folder, server, None, only=["subject"]))
    assert 0 < rebuild.calls < regroup.calls
    # What was sorted into the same groups before is known.
    assert real.calls <= rebuild.calls <= real.calls + 2 * VOTES, (rebuild, real)


def test_nothing_is_missing_after_a_run(folder: Path) -> None:
    with Workspace(folder) as workspace:
        estimate = estimator(workspace).missing()
    assert estimate == Estimate(measured=True)


class Stopped(Exception):
    """Ends a run from outside."""


def stop_at_the_first_look(step: Progress) -> None:
    if step.stage == "caption":
        raise Stopped


def test_what_new_pictures_will_take_is_counted_before_they_are_looked_at(
    server: FakeServer, folder: Path
) -> None:
    photos = folder.parent / "photos"
    for scene in range(6):
        add_picture(photos, scene, variant=1)
    server.trouble.delay_s = 0.5
    with pytest.raises(Stopped):
        run_here(folder, server, photos, on_progress=stop_at_the_first_look)
    server.trouble.delay_s = 0.0
    with Workspace(folder) as workspace:
        estimate = estimator(workspace).missing()
        assert workspace.catalogue.caption_count() == 12
    real = used(folder, run_here(folder, server, photos))
    assert near(estimate, real), (estimate, real)


def test_proposing_again_takes_its_batches_and_the_comparisons(server: FakeServer, folder: Path) -> None:
    with Workspace(folder) as workspace:
        estimate = estimator(workspace).discover()
    again = run_here(folder, server, None, rediscover=True, stop_after="propose", seed=1)
    real = used(folder, again)
    assert abs(estimate.calls - real.calls) <= 3, (estimate, real)
    assert estimate.measured


def test_imported_captions_are_named_once_each(server: FakeServer, tmp_path: Path) -> None:
    source, folder = tmp_path / "captions.csv", tmp_path / "w"
    rows = [f"{n}.jpg,{scene.caption}" for n, scene in enumerate(SCENES)]
    source.write_text("\n".join(["image,caption", *rows, f"twice.jpg,{SCENES[0].caption}"]), encoding="utf-8")
    with Workspace(folder, create=True).for_writing() as workspace:
        import_captions(workspace, source, on_progress=lambda _: None)
        edit.add(workspace, "Subject", who="person")
        before = estimator(workspace, vision="").missing()
    real = used(folder, run_here(folder, server, None))
    assert _LOW * real.calls <= before.calls <= _HIGH * real.calls, (before, real)
    assert not before.measured
    with Workspace(folder) as workspace:
        assert estimator(workspace, vision="").missing().calls == 0
        after = estimator(workspace, vision="").added()
    assert after.measured
    real = used(folder, run_here(folder, server, None, wishes=[wish("Place")]))
    assert near(after, real), (after, real)


def test_a_collection_of_tags_asks_for_the_field_and_nothing_more(tmp_path: Path) -> None:
    with Workspace(tmp_path / "w", create=True) as workspace:
        for number in range(20):
            tags = (Tag("light", ("dark", "bright")[number % 2], 0.9, "test"),)
            image = Image(f"i{number}", 1, 1, "none", 0, "")
            workspace.catalogue.add_imported([(image, Caption(f"i{number}", f"{number}", "taggers", tags))])
        edit.add(workspace, "Light", who="person")
        known = estimator(workspace, vision="")
        assert known.missing().calls == known.added().calls == known.regroup("light").calls == 1
        assert known.rebuild("light").calls == 0
        assert known.discover().calls <= 3


@pytest.mark.parametrize(
    ("prices", "money"),
    [
        (Prices(), None),
        (Prices(text_in=1.0, text_out=2.0), None),
        (Prices(text_in=1.0, text_out=2.0, vision_in=1.0, vision_out=2.0), "both"),
    ],
)
def test_money_is_told_where_all_prices_are_set(folder: Path, prices: Prices, money: str | None) -> None:
    with Workspace(folder) as workspace:
        estimate = estimator(workspace, prices=prices).added()
    expected = (estimate.prompt_tokens + 2 * estimate.completion_tokens) / 1e6 if money else None
    assert estimate.money == pytest.approx(expected)


@pytest.mark.parametrize("k", [None, 3])
def test_more_names_take_more_calls_but_not_without_end(k: int | None) -> None:
    calls = [tree_calls(names, k) for names in (0, 1, 2, 10, 40, 400, 4_000)]
    assert calls[:2] == [0, 0]
    assert calls == sorted(calls)
    assert calls[-1] < 200
