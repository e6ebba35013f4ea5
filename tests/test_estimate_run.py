"""The estimate of a run before anything is there, beside what that run then uses."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from graphs.state import asked_for
from store.workspace import Workspace
from tests.fake_server import MODEL, FakeServer
from tests.spine import make_collection, run_here, wish, write_profile
from tools.count_new_images import count_new_images
from tools.estimate import Estimator, RunPlan, in_all
from ui.cli import main
from ui.run_plan import run_plan
from ui.show_estimate import beside
from ui.summary import summary

_PRICE_IN, _PRICE_OUT = 2.0, 8.0


def _priced_profile(place: Path, server: FakeServer) -> None:
    write_profile(place, server)
    told = (place / "xcluster.toml").read_text(encoding="utf-8")
    prices = f"price_in = {_PRICE_IN}\nprice_out = {_PRICE_OUT}\n"
    (place / "xcluster.toml").write_text(told.replace("retries", f"{prices}retries"), encoding="utf-8")


@pytest.mark.model
def test_a_fresh_folder_is_estimated_without_a_trace_and_held_against_its_run(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def xcluster(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["xcluster", *arguments])
        with suppress(SystemExit):
            main()
        return capsys.readouterr().out

    photos = make_collection(tmp_path / "photos")
    (photos / "notes.txt").write_text("no picture", encoding="utf-8")
    _priced_profile(tmp_path, server)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XCLUSTER_PROFILE", raising=False)
    monkeypatch.setenv("COLUMNS", "140")
    told = json.loads(xcluster("estimate", "photos", "--json"))
    assert not server.events
    assert not (tmp_path / "photos.xcluster").exists()
    assert (told["pictures"], told["new_pictures"]) == (0, 12)
    calls = {row["stage"]: row["calls"] for row in told["stages"]}
    assert calls["caption"] == calls["describe"] == 12
    assert calls["propose"] == 3 * 7
    assert not any(row["measured"] for row in told["stages"])
    assert told["all"]["money"] == pytest.approx(sum(row["money"] for row in told["stages"]))

    said = xcluster("run", "photos", "--yes")
    assert f"This run takes very roughly {told['all']['calls']} model calls" in said
    with Workspace(tmp_path / "photos.xcluster") as workspace:
        run = workspace.journal.runs()[0]
        rows = {row.stage: row for row in beside(workspace, run.id)}
        (kept,) = [row for row in summary(workspace, run.id)["estimate"] if row["stage"] == "all"]
        usage = workspace.answers.usage(run.id)
    assert kept["estimated"]["calls"] == told["all"]["calls"]
    assert kept["used"]["calls"] == sum(row.calls for row in usage) == len(server.asked())
    # The fake server proposes fewer criteria than there may be, and gives many groups one name.
    assert 0.8 * kept["used"]["calls"] <= kept["estimated"]["calls"] <= 2.5 * kept["used"]["calls"]
    assert rows["caption"].used.calls == rows["caption"].estimated.calls == 12
    tokens = [(row.prompt_tokens, row.completion_tokens) for row in usage]
    paid = sum(into * _PRICE_IN + out * _PRICE_OUT for into, out in tokens) / 1e6
    assert rows["all"].used.money == pytest.approx(paid)
    assert rows["caption"].used.seconds > 0
    assert "estimated before it and used" in xcluster("status", "photos.xcluster")
    again = json.loads(xcluster("estimate", "photos", "--json"))
    assert (again["pictures"], again["new_pictures"], again["all"]["calls"]) == (12, 0, 0)


@pytest.mark.model
def test_the_plan_follows_wishes_reviews_and_new_files(server: FakeServer, tmp_path: Path) -> None:
    photos = make_collection(tmp_path / "photos", scenes=4)
    subject = wish("Subject", "Which thing is shown.")
    run_here(tmp_path / "w", server, photos, wishes=[subject])
    (photos / "more.png").write_bytes(next(photos.glob("*-0.png")).read_bytes())
    with Workspace(tmp_path / "w") as workspace:
        roots = [str(photos.resolve())]

        def plan(**asked: object) -> RunPlan:
            return run_plan(workspace, asked_for(roots=roots, review="accept", **asked))  # type: ignore[arg-type]

        assert plan() == RunPlan(1, ("subject",))
        assert plan(wishes=[subject]) == plan(wishes=[wish("subject")]) == plan(only=["subject"]) == plan()
        reworded = plan(wishes=[wish("Subject", "Which animal is shown.")])
        assert (reworded.criterion_ids, [c.name for c in reworded.new_criteria]) == ((), ["Subject"])
        assert plan(rediscover=True) == RunPlan(1, ("subject",), discovers=True)
        assert plan(hint="clothes", stop_after="propose").only_proposes
        assert count_new_images([photos, photos / "more.png"], workspace.catalogue.known_files) == 1


def _estimator(workspace: Workspace, *, one_at_a_time: bool = False, vision: str = "vl") -> Estimator:
    return Estimator(workspace, text_model="t", vision_model=vision, one_at_a_time=one_at_a_time)


def test_one_criterion_a_call_takes_a_call_for_each(tmp_path: Path) -> None:
    with Workspace(tmp_path / "w", create=True) as workspace:
        plan = RunPlan(new_images=100, discovers=True)
        together = {row.stage: row.calls for row in _estimator(workspace).run(plan)}
        apart = {row.stage: row.calls for row in _estimator(workspace, one_at_a_time=True).run(plan)}
        tagged = _estimator(workspace, vision="").run(plan)
    assert (together["caption"], together["describe"]) == (100, 100)
    assert (apart["caption"], apart["describe"]) == (100, 600)
    # The taggers ask nobody; their fields are put into words by one call.
    assert [(row.stage, row.calls) for row in tagged] == [("propose", 1)]


@pytest.mark.model
def test_another_vision_model_looks_at_everything_anew(server: FakeServer, tmp_path: Path) -> None:
    photos = make_collection(tmp_path / "photos", scenes=6)
    run_here(tmp_path / "w", server, photos, wishes=[wish("Subject", "Which thing is shown.")])
    with Workspace(tmp_path / "w") as workspace:
        plan = RunPlan(criterion_ids=("subject",))
        assert in_all(_estimator(workspace, vision=MODEL).run(plan)).calls == 0
        anew = {row.stage: row.calls for row in _estimator(workspace, vision="other").run(plan)}
    assert (anew["caption"], anew["describe"]) == (6, 6)
    assert "name" not in anew


def test_a_workspace_without_an_estimate_shows_none(tmp_path: Path) -> None:
    with Workspace(tmp_path / "w", create=True) as workspace:
        run_id = workspace.journal.start_run({})
        assert beside(workspace, run_id) == []
