"""Our grouping and IC|TC's own procedure on the same server: wall time and accuracy side by side.

    python -m tests.bench_sequential DATA --workspace FOLDER [--sets ppmi7] [--sample 500] [--at-once 64]
                                          [--reply-tokens 9]

FOLDER is the workspace of `tests.bench_grouping --own-k --against ictc` on the same sets and sample: it holds
what the language model answered. Here each question goes to a simulated server (`tests.simulated_server`)
that takes as long as a GPU would, and the recorded answer stands for its reply; a question that was not
recorded ends the run. The paper makes its two calls an image strictly one after the other (1 in flight); with
more in flight it shows what the number of calls alone does.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from models.chat import ChatModel, Message, Reply
from models.endpoint import Endpoint
from models.fleet import Gate
from prompts import Turn
from store.answers import Answers
from store.workspace import Workspace
from tests.bench_engine import simulated
from tests.bench_grouping import opened, parser_of
from tests.simulated_server import MODEL
from tools.agreement import agreement
from tools.ask import Asker, Question, question_key
from tools.bill import Bill
from tools.method import Means, Method
from tools.methods import PEERS
from tools.own_method import OWN_WITH_K
from tools.sample_labelled import Sample

ReplyT = TypeVar("ReplyT", bound=BaseModel)


class Replayed:
    """A model whose answers are known and whose server takes its time all the same."""

    def __init__(self, name: str, server: ChatModel, recorded: Answers) -> None:
        self.name = name
        self.at_once = server.at_once
        self._server = server
        self._recorded = recorded

    async def ask(
        self,
        messages: Sequence[Message],
        reply: type[ReplyT],
        *,
        max_tokens: int = 512,
        gate: Gate | None = None,
    ) -> Reply[ReplyT]:
        told = await self._server.ask(messages, reply, max_tokens=max_tokens, gate=gate)
        key = question_key(self.name, Question([Turn(m.role, m.text) for m in messages], reply))
        found = self._recorded.find([key])
        if key not in found:
            raise SystemExit("A question was not recorded. Run tests.bench_grouping on this workspace first.")
        return Reply(reply.model_validate(found[key].reply), told.usage, found[key].confidence)


def main() -> None:
    """Print the table."""
    parser = parser_of(__doc__)
    parser.set_defaults(sets=["ppmi7"])
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--reply-tokens", type=int, default=9, help="on average; that of recorded names is 8")
    given = parser.parse_args()
    if given.workspace is None:
        parser.error("--workspace: the answers are read there")
    heads = ("criterion", "texts", "method", "in flight", "seconds", "calls", "CAcc", "HM", "off list")
    shown = Table(*heads)
    ictc = PEERS["ictc"]
    with opened(given) as (samples, means, _):
        for sample in samples:
            for method, at_once in ((ictc, 1), (ictc, given.at_once), (OWN_WITH_K, given.at_once)):
                shown.add_row(*asyncio.run(measure(method, sample, means, at_once, given)))
    Console(width=130).print(shown)


async def measure(
    method: Method, sample: Sample, means: Means, at_once: int, given: argparse.Namespace
) -> list[str]:
    """Run the method on a server of its own; a row of the table."""
    bill = Bill()
    with (
        simulated("--reply-tokens", str(given.reply_tokens)) as address,
        tempfile.TemporaryDirectory() as scratch,
        Workspace(Path(scratch) / "w.xcluster", create=True).for_writing() as fresh,
        Workspace(given.workspace) as recorded,
    ):
        server = ChatModel(Endpoint(address, MODEL, at_once=at_once, logprobs=False))
        asker = Asker(Replayed(means.text.chat.name, server, recorded.answers), fresh.answers)
        asked = Means(asker.billing(bill), means.embedder, k=sample.k, seed=given.seed)
        # Vectors are there already for some methods and not for others; none is to pay for them.
        means.embedder.embed(sample.texts)
        start = time.perf_counter()
        made = await method.run(sample.texts, sample.criterion, asked)
        seconds = time.perf_counter() - start
    level = next(iter(made.levels))
    scored = agreement(sample.truth, made.levels[level], names=made.names, embedder=means.embedder, seed=0)
    sure = scored.intervals["cacc"]
    return [
        sample.labelled.criterion,
        f"{len(sample.texts):,}",
        method.title,
        str(at_once),
        f"{seconds:.1f}",
        f"{bill.calls:,}",
        f"{scored.cacc:.3f} {sure.low:.3f}-{sure.high:.3f}",
        f"{scored.hm:.3f}" if scored.hm is not None else "",
        f"{scored.off_list:.1%}",
    ]


if __name__ == "__main__":
    main()
