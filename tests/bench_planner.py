"""How well a planner understands everyday requests: right ability, arguments, end state, grounded answer.

    python -m tests.bench_planner DATA [--profile embedded] [--only WORDS] [--requests FILE]

DATA is the folder of evaluation data; its photographed scenes with their human labels make the workspace, so
that no model had a hand in what there is to steer. Each request meets the workspace as it was. What the
planner asks is approved for requests that steer, and rejected for all others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from agent.desk import Desk
from agent.examples import Examples
from agent.grounding import facts_of, numbers
from agent.names import find_cluster
from agent.outcome import Focus, Outcome, RunWish
from agent.planner import Planner
from agent.state import Decision
from agent.talk import Talk
from models.vectors import CachedEmbedder
from store.records import Criterion
from store.workspace import Workspace
from tests.scenes import fill_with_scenes
from tools import edit
from ui import build
from ui.settings import load
from ui.talking import planner_for

_REQUESTS = Path(__file__).with_name("planner_requests.jsonl")
_KINDS = ("steering", "question", "vague", "impossible", "hostile")


@dataclass
class Result:
    """What became of one request."""

    request: dict[str, Any]
    abilities: list[str]
    arguments: list[dict[str, Any]]
    edits: list[str]
    runs: list[RunWish]
    said: list[str]
    right_ability: bool = False
    right_arguments: bool = False
    right_state: bool = False
    grounded: bool = False
    seconds: float = 0.0
    calls: int = 0
    """Questions to the text model, those of the abilities included."""
    error: str = ""


def make_workspace(folder: Path, data: Path) -> None:
    """The scenes with their labels, two criteria that wait for a word and one that is vetoed."""
    with fill_with_scenes(Workspace(folder, create=True), data) as workspace:
        proposed = [
            Criterion(
                "mood", "Mood", "What feeling the picture gives.", values=("calm", "lively"), support=2
            ),
            Criterion(
                "weather", "Weather", "What the weather is like.", values=("sunny", "rainy"), support=3
            ),
            Criterion(
                "colour", "Colour", "Which colour stands out.", values=("red", "blue"), status="vetoed"
            ),
        ]
        workspace.grouping.save_criteria(proposed)


async def ask(request: dict[str, Any], desk: Desk, planner: Planner) -> Result:
    """Say one request in a conversation of its own, and judge what came of it."""
    workspace = desk.workspace
    runs: list[RunWish] = []
    for act in filter(None, request.get("before", "").split("; ")):
        workspace.edits.undo() if act == "undo" else edit.veto(
            workspace, act.removeprefix("veto "), who="person"
        )
    before = {e.id for e in workspace.edits.all() if e.undone_at is None}
    talk = Talk(desk, planner, start_run=runs.append)
    conversation = workspace.conversations.start()
    asked_before = _calls(workspace)
    start = time.perf_counter()
    error = ""
    try:
        asked = await talk.say(conversation.id, request["say"], focus=_focus(workspace, request))
        for _ in range(8):
            if asked is None:
                break
            word = "approve" if request["kind"] == "steering" else "reject"
            asked = await talk.decide(conversation.id, Decision(decision=word))  # type: ignore[arg-type]
    except Exception as failure:  # whatever goes wrong is a result
        error = f"{type(failure).__name__}: {failure}"
    seconds = time.perf_counter() - start
    turns = workspace.conversations.turns(conversation.id)
    body = turns[-1].body if turns and turns[-1].role == "planner" else {"told": [], "claims": []}
    result = Result(
        request,
        [told["ability"] for told in body["told"]],
        [told["arguments"] for told in body["told"]],
        [e.action for e in workspace.edits.all() if e.undone_at is None and e.id not in before],
        runs,
        [claim["text"] for claim in body["claims"]],
        seconds=seconds,
        calls=_calls(workspace) - asked_before,
        error=error or body.get("error", ""),
    )
    _judge(result, body)
    return result


def _calls(workspace: Workspace) -> int:
    return sum(use.calls for use in workspace.answers.usage())


def _right(result: Result) -> bool:
    return result.right_ability and result.right_arguments and result.right_state and result.grounded


def _focus(workspace: Workspace, request: dict[str, Any]) -> Focus:
    about = request.get("focus", "")
    if not about:
        return Focus()
    if about == "image":
        return Focus(criterion_id="location", image_id=workspace.catalogue.image_ids()[0])
    if any(c.name == about for c in workspace.grouping.criteria()):
        return Focus(criterion_id=workspace.grouping.criterion(about).id)
    cluster = find_cluster(workspace, about, Focus())
    return Focus(criterion_id=cluster.criterion_id, cluster_id=cluster.id)


def _judge(result: Result, body: dict[str, Any]) -> None:
    request = result.request
    wanted = request["do"] if isinstance(request["do"], list) else [request["do"]]
    if request.get("any"):
        result.right_ability = len(result.abilities) == 1 and result.abilities[0] in wanted
    elif request.get("unknown"):
        # A name that is not there: nothing is done, and that is said.
        result.right_ability = result.abilities in (wanted, ["none_of_these"])
    else:
        result.right_ability = result.abilities == wanted
    expected = {} if request.get("unknown") else request.get("with", {})
    given = result.arguments[0] if result.arguments else {}
    result.right_arguments = result.right_ability and all(
        _same(given.get(key), value) for key, value in expected.items()
    )
    runs_right = bool(result.runs) if request.get("run") else True
    result.right_state = result.edits == request["edits"] and runs_right and not result.error
    outcomes = [Outcome.model_validate(told["outcome"]) for told in body["told"]]
    if request.get("unknown"):
        result.right_state = result.right_state and all(not outcome.found for outcome in outcomes)
    facts = facts_of(outcomes)
    result.grounded = bool(body["claims"]) and all(_grounded(claim, facts) for claim in body["claims"])


def _grounded(claim: dict[str, Any], facts: list[Any]) -> bool:
    known = {number for n in claim["facts"] for number in numbers(facts[n].text)}
    return bool(claim["facts"]) and set(numbers(claim["text"])) <= known


def _same(given: Any, wanted: Any) -> bool:
    """Names must be the very ones, in any order; free text must hold the wanted words."""
    if isinstance(wanted, list):
        return isinstance(given, list) and sorted(_plain(g) for g in given) == sorted(map(_plain, wanted))
    if isinstance(wanted, str):
        return _plain(wanted) in _plain(str(given))
    return bool(given == wanted)


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("'", "").split())


async def run(data: Path, requests: list[dict[str, Any]], profile: str, console: Console) -> list[Result]:
    """Ask all requests of the planner that the profile names."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch) / "base"
        make_workspace(base, data)
        settings = load(base, profile=profile)
        with Workspace(base) as opened, build.models(settings, opened, on_progress=lambda _: None) as models:
            examples = Examples.load(models.embedder)
            with build.memory(settings, opened, models.embedder):
                pass
            opened.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            planner = planner_for(settings, lambda: examples)
            console.print(f"Planner: {planner.name}; text model: {models.text.name}")
            for n, request in enumerate(requests):
                folder = Path(scratch) / f"w{n}"
                shutil.copytree(base, folder)
                with Workspace(folder) as workspace:
                    results.append(await ask(request, _desk(settings, workspace, models), planner))
                shutil.rmtree(folder)
                _say(console, n, results[-1])
    return results


def _desk(settings: Any, workspace: Workspace, models: build.Models) -> Desk:
    embedder = CachedEmbedder(models.embedder, workspace.answers)
    return build.desk(
        settings,
        workspace,
        replace(models, embedder=embedder),
        memory=lambda: build.memory(settings, workspace, embedder),
    )


def _say(console: Console, n: int, r: Result) -> None:
    marks = "".join(
        mark if good else "-"
        for mark, good in zip(
            "aesg", (r.right_ability, r.right_arguments, r.right_state, r.grounded), strict=True
        )
    )
    told = "" if _right(r) else f"  -> {r.abilities} {r.arguments} {r.edits} {r.error or r.said[:1]}"
    console.print(
        f"{n + 1:3} {marks} {r.seconds:5.1f} s  {r.request['say']}{told}", markup=False, highlight=False
    )


def table(results: list[Result]) -> Table:
    """The figures, kind by kind."""
    made = Table(
        "kind", "requests", "right ability", "right arguments", "right end state", "grounded", "all four"
    )
    for kind in (*_KINDS, "all"):
        rows = [r for r in results if kind in (r.request["kind"], "all")]
        if not rows:
            continue
        count: Counter[str] = Counter()
        for r in rows:
            count["a"] += r.right_ability
            count["e"] += r.right_arguments
            count["s"] += r.right_state
            count["g"] += r.grounded
            count["4"] += _right(r)
        made.add_row(kind, str(len(rows)), *(f"{count[k]} ({count[k] / len(rows):.0%})" for k in "aesg4"))
    return made


def main() -> None:
    """Run the evaluation and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--profile", default="")
    parser.add_argument("--only", default="", help="only requests that hold these words")
    parser.add_argument("--requests", type=Path, default=_REQUESTS)
    given = parser.parse_args()
    requests = [json.loads(line) for line in given.requests.read_text(encoding="utf-8").splitlines() if line]
    chosen = [r for r in requests if given.only in r["say"]]
    console = Console(soft_wrap=True)
    results = asyncio.run(run(given.data, chosen, given.profile, console))
    console.print(table(results))
    unasked = [r for r in results if not r.calls]
    console.print(f"Asked no model: {len(unasked)}, of which right: {sum(map(_right, unasked))}")
    seconds = sorted(r.seconds for r in results)
    console.print(f"Seconds a request: median {seconds[len(seconds) // 2]:.1f}, longest {seconds[-1]:.1f}")


if __name__ == "__main__":
    main()
