"""The part of `evaluate` that compares methods of grouping. It asks models, as a run does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from models.embedder import Embedder
from models.weights import default_cache
from store.errors import InputError
from store.workspace import Workspace
from tools.compare_methods import compare_methods
from tools.match_labels import match_labels
from tools.method import Means
from tools.methods import chosen_methods
from tools.read_labels import read_labels
from tools.sample_labelled import K, sample_labelled
from tools.table_rows import BadRow
from ui import settings
from ui.build import context
from ui.look_commands import print_json
from ui.run_view import RunView
from ui.show_comparison import render_comparison


def compare(
    labels: Path,
    workspace: Path,
    *,
    against: str,
    own: bool,
    own_with_k: bool,
    closed: bool,
    sample: int | None,
    seed: int,
    k: str,
    given: Mapping[str, str],
    criteria: Sequence[str],
    image_column: str | None,
    profile: str,
    as_json: bool,
) -> None:
    """Run methods of grouping on the same labelled images, and print them side by side."""
    clusters = _k(k)
    methods = chosen_methods(against.split(","), own=own, own_with_k=own_with_k, with_k=clusters != "none")
    chosen = settings.load(workspace, profile=profile)
    bad: list[BadRow] = []
    read = read_labels(labels, criteria=criteria, image_column=image_column, on_bad=bad.append)
    with Workspace(workspace).for_writing() as opened, RunView(Console(stderr=as_json)) as view:
        matched = match_labels(opened, read)
        samples = sample_labelled(opened, matched, given=given, size=sample, seed=seed, k=clusters)
        # SAcc is defined by this embedder, whatever the methods are given.
        scorer = Embedder.load(chosen.cache or default_cache(), view.show)
        with context(chosen, opened, on_progress=view.show, on_event=view.say) as made:
            means = Means(
                made.text,
                made.embedder,
                closed=closed,
                list_chars=made.options.propose_chars,
                seed=seed,
            )
            done = asyncio.run(
                compare_methods(samples, methods, means, scorer, own="own", on_progress=view.show)
            )
    if as_json:
        asked = {
            "seed": seed,
            "sample": sample,
            "k": clusters,
            "closed": closed,
            "model": made.text.chat.name,
        }
        told = {"count": len(matched.unmatched), "first": list(matched.unmatched[:10])}
        print_json({**asked, "unmatched": told, **done.to_dict(), "bad": [row._asdict() for row in bad]})
        return
    console = Console()
    console.print(render_comparison(done))
    if matched.unmatched:
        console.print(f"{len(matched.unmatched):,} labelled images are not in the workspace.")
    if bad:
        console.print(f"{len(bad):,} lines of the labels gave nothing; --json names them.")


def _k(text: str) -> K:
    words: dict[str, K] = {"true": "true", "none": "none"}
    if text in words:
        return words[text]
    if not text.isdecimal() or int(text) < 2:
        raise InputError(f"--k '{text}' is no number of clusters. Give true, none, or a number from 2 on.")
    return int(text)
