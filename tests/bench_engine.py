"""Measure how well the engine keeps a model server busy: `python -m tests.bench_engine [--at-once 8 64 512]`.

Each row asks N questions through the real `tools.ask.Asker` with a real answer store on disk, of one or more
simulated servers (`tests.simulated_server`) in processes of their own. Utilisation is the time that an ideal
client with as many questions in flight would have needed, over the time it took. `--instant` makes the
servers answer at once: what is left is the engine's own cost. `--profile` prints where the time goes.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import pstats
import resource
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from models.chat import ChatModel
from models.endpoint import Endpoint
from prompts import Turn
from store.answers import Answers
from store.database import Database
from tests.processes import server_process
from tests.simulated_server import MODEL
from tools.ask import Answered, Asker, Question, Schema

_INSTANT = ("--prefill-per-s", "1e12", "--decode-each-per-s", "1e12", "--decode-all-per-s", "1e12")
_PROMPT_CHARS = 1_200
"""About 300 tokens: a caption and the instructions around it."""


class NameReply(Schema):
    """As short as most replies are."""

    names: list[str]


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement."""

    at_once: int
    servers: int
    questions: int
    seconds: float
    ideal_s: float
    utilisation: float
    answers_per_s: float
    cpu_ms_each: float
    """Processor time of the engine for one question."""
    server_cpu_ms_each: float
    requests: int
    """More than the questions where some were tried again."""
    peak: int
    """Most that were at the servers together."""
    rss_mb: float


def simulated(*options: str) -> AbstractContextManager[str]:
    """A simulated server in a process of its own; its address."""
    return server_process("tests.simulated_server", *options)


def stats(address: str, at_once: int) -> dict[str, float]:
    """What a simulated server says of itself."""
    with urllib.request.urlopen(f"{address.removesuffix('/v1')}/stats?at_once={at_once}") as reply:
        told: dict[str, float] = json.load(reply)
    return told


def questions(number: int) -> list[Question[NameReply]]:
    """As many distinct questions, with the same beginning."""
    start = "You name what a picture shows, in at most five words. " * 10
    filler = "a dog on a wet street in front of a shop, people pass by, it rains. " * 20
    return [
        Question(
            [Turn("system", start), Turn("user", f"{n}: {filler}"[: _PROMPT_CHARS - len(start)])], NameReply
        )
        for n in range(number)
    ]


def measure(
    number: int, at_once: int, servers: int, options: Sequence[str], profile: cProfile.Profile | None
) -> Row:
    """Ask `number` questions of `servers` servers with `at_once` in flight at each."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        urls = [stack.enter_context(simulated(*options)) for _ in range(servers)]
        database = Database(Path(folder) / "catalogue.sqlite", create=True)
        stack.callback(database.close)
        endpoint = _endpoint(urls, at_once)
        asked = questions(number)
        before_s = [stats(url, at_once)["cpu_s"] for url in urls]
        start, cpu = time.perf_counter(), time.process_time()
        if profile is not None:
            profile.enable()
        answers = asyncio.run(_ask(endpoint, database, asked))
        if profile is not None:
            profile.disable()
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        assert all(isinstance(answer, Answered) for answer in answers)
        assert database.number("SELECT COUNT(*) FROM answer") == number
        told = [stats(url, at_once) for url in urls]
        return _row(number, at_once, seconds, cpu, told, before_s)


def _endpoint(urls: Sequence[str], at_once: int) -> Endpoint:
    return Endpoint(urls[0], MODEL, at_once=at_once, logprobs=False, more_urls=tuple(urls[1:]))


async def _ask(endpoint: Endpoint, database: Database, asked: Sequence[Question[NameReply]]) -> list[Any]:
    # Made inside: the client belongs to this loop.
    return await Asker(ChatModel(endpoint), Answers(database)).ask_many("name", asked)


def _row(
    number: int,
    at_once: int,
    seconds: float,
    cpu_s: float,
    told: Sequence[dict[str, float]],
    server_before_s: Sequence[float],
) -> Row:
    # With several servers an ideal client gives each its equal share; their mean is that to a few replies.
    ideal = sum(one["ideal_s"] for one in told) / len(told)
    server_cpu_s = sum(one["cpu_s"] - before for one, before in zip(told, server_before_s, strict=True))
    return Row(
        at_once=at_once,
        servers=len(told),
        questions=number,
        seconds=round(seconds, 2),
        ideal_s=round(ideal, 2),
        utilisation=round(ideal / seconds, 3),
        answers_per_s=round(number / seconds, 1),
        cpu_ms_each=round(1_000 * cpu_s / number, 2),
        server_cpu_ms_each=round(1_000 * server_cpu_s / number, 2),
        requests=round(sum(one["requests"] for one in told)),
        peak=round(sum(one["peak"] for one in told)),
        rss_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 0),
    )


def show(rows: Sequence[Row]) -> None:
    """The rows as a table."""
    table = Table()
    for name in asdict(rows[0]):
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*(f"{value:,}" for value in asdict(row).values()))
    Console(width=170).print(table)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=2_000)
    parser.add_argument("--at-once", type=int, nargs="+", default=[8, 64, 512])
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--instant", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", action="store_true")
    given, options = parser.parse_known_args()
    if given.instant:
        options += _INSTANT
    profile = cProfile.Profile() if given.profile else None
    rows = [measure(given.questions, n, given.servers, options, profile) for n in given.at_once]
    if given.json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        show(rows)
    if profile is not None:
        pstats.Stats(profile).sort_stats("tottime").print_stats(35)


if __name__ == "__main__":
    main()
