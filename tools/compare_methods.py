"""Compare methods of grouping on the same labelled texts: quality, calls, tokens and time side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from models.vectors import TextEmbedder
from store.errors import BadReply, ContextTooLong, InputError, Refused
from store.records import Progress
from tools.agreement import agreement
from tools.bill import Bill
from tools.comparison import Compared, Comparison, Effort, Lead, Result
from tools.method import Grouped, Means, Method
from tools.paired_difference import PairedSet, paired_difference
from tools.partition_scores import Metric
from tools.sample_labelled import Sample

COMPARED: tuple[Metric, ...] = ("cacc", "nmi", "hm")
"""The scores of which differences are told."""


async def compare_methods(
    samples: Sequence[Sample],
    methods: Sequence[Method],
    means: Means,
    scorer: TextEmbedder,
    *,
    own: str = "",
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Comparison:
    """Run each method on each sample and score it at each of its levels.

    The method whose key is `own` is held against each other one by a paired bootstrap, both at their best
    levels. `means` is what all are given; its `k` and `on_answer` are set for each run. `scorer` embeds names
    for SAcc. Methods share the answers of the questions that are the same: run again, nothing is asked twice.
    A method that fails on a sample (no valid reply, a prompt too long, too few texts) is told as failed
    there, and the others go on; raises the ModelError that would meet every question.
    """
    compared, sets = [], []
    for sample in samples:
        runs = [await _run(method, sample, means, scorer, on_progress) for method in methods]
        pairs = _pairs(sample, runs, own)
        leads = tuple(
            Lead(peer, metric, paired_difference(pair, metric, embedder=scorer, seed=means.seed))
            for peer, pair in pairs.items()
            for metric in COMPARED
        )
        compared.append(Compared(sample, tuple(result for result, _ in runs), leads))
        sets.append(pairs)
    return Comparison(tuple(compared), _overall(sets, scorer, means.seed) if len(sets) > 1 else ())


async def _run(
    method: Method,
    sample: Sample,
    means: Means,
    scorer: TextEmbedder,
    on_progress: Callable[[Progress], None],
) -> tuple[Result, Grouped | None]:
    stage, total, done = f"{method.title}: {sample.labelled.title}", method.steps(len(sample.texts)), 0

    def step() -> None:
        nonlocal done
        done += 1
        on_progress(Progress(stage, done, max(done, total)))

    on_progress(Progress(stage, 0, total))
    bill, start = Bill(), time.perf_counter()
    given = replace(means, text=means.text.billing(bill), k=sample.k, on_answer=step)
    grouped, failed = None, ""
    try:
        grouped = await method.run(sample.texts, sample.criterion, given)
    except (InputError, BadReply, ContextTooLong, Refused) as error:
        failed = str(error)
    own = max(0.0, time.perf_counter() - start - bill.waited_seconds)
    effort = Effort(
        bill.calls,
        bill.prompt_tokens,
        bill.completion_tokens,
        bill.of_unknown_cost,
        bill.model_seconds,
        own,
    )
    if grouped is None:
        return Result(method.key, method.title, (), None, (), effort, (), failed), None
    levels = tuple(
        (grain, agreement(sample.truth, clusters, names=grouped.names, embedder=scorer, seed=means.seed))
        for grain, clusters in grouped.levels.items()
    )
    best = max(levels, key=lambda one: (one[1].cacc, one[1].nmi))[0]
    made = tuple((grain, len(names)) for grain, names in grouped.lists.items())
    return Result(method.key, method.title, levels, best, made, effort, grouped.notes), grouped


def _pairs(sample: Sample, runs: Sequence[tuple[Result, Grouped | None]], own: str) -> dict[str, PairedSet]:
    """Our clusters and each peer's on the sample, by the peer's key; both at their best levels."""
    ours = next(((result, made) for result, made in runs if result.method == own and made), None)
    if ours is None:
        return {}
    found = {}
    for result, made in runs:
        if made is not None and result.method != own:
            found[result.method] = PairedSet(
                sample.truth,
                _at_best(*ours),
                _at_best(result, made),
                first_names=ours[1].names,
                second_names=made.names,
            )
    return found


def _at_best(result: Result, made: Grouped) -> Sequence[str]:
    assert result.best is not None
    return made.levels[result.best]


def _overall(samples: Sequence[dict[str, PairedSet]], scorer: TextEmbedder, seed: int) -> tuple[Lead, ...]:
    peers = dict.fromkeys(peer for pairs in samples for peer in pairs)
    found = []
    for peer in peers:
        sets = [pairs[peer] for pairs in samples if peer in pairs]
        for metric in COMPARED:
            difference = paired_difference(sets, metric, embedder=scorer, seed=seed)
            found.append(Lead(peer, metric, difference, len(sets)))
    return tuple(found)
