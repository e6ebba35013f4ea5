"""The chart of `tests.bench_scale`: calls, tokens and memory against the number of images, on log axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tests.bench_scale import Run

_WHOLE = ("until killed", "to the end")
"""The commands that together group a collection from nothing."""


def draw(runs: Sequence[Run], file: Path) -> None:
    """Write the chart of all sizes and numbers of criteria that are in `runs`."""
    # Only who draws needs it.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 3.8), layout="constrained")
    calls, tokens, memory = figure.subplots(1, 3)
    for criteria in sorted({run.criteria for run in runs}):
        label = f"{criteria} {'criterion' if criteria == 1 else 'criteria'}"
        of_these = [run for run in runs if run.criteria == criteria and run.what in _WHOLE]
        _line(calls, of_these, lambda all_of: sum(run.calls for run in all_of) / all_of[0].images, label)
        _line(tokens, of_these, lambda all_of: _tokens(all_of) / all_of[0].images, label)
        _line(memory, of_these, lambda all_of: max(run.peak_mb for run in all_of), label)
    sizes = sorted({run.images for run in runs if run.what in _WHOLE})
    for criteria in sorted({run.criteria for run in runs}):
        papers = [1 + 5 * criteria] * len(sizes)
        calls.plot(sizes, papers, color="grey", linestyle=":", label=f"the papers, {criteria}")
    _finish(calls, "calls an image")
    _finish(tokens, "tokens an image, in and out")
    _finish(memory, "memory at most, MB")
    memory.set(yscale="linear", ylim=(0, 1_600))
    memory.axhline(1_500, color="grey", linestyle=":")
    figure.savefig(file)


def _line(axes: Axes, runs: Sequence[Run], value: Callable[[Sequence[Run]], float], label: str) -> None:
    sizes = sorted({run.images for run in runs})
    values = [value([run for run in runs if run.images == size]) for size in sizes]
    axes.plot(sizes, values, marker="o", label=label)


def _tokens(runs: Sequence[Run]) -> int:
    return sum(run.prompt_tokens + run.completion_tokens for run in runs)


def _finish(axes: Axes, what: str) -> None:
    axes.set(xscale="log", yscale="log", xlabel="images", title=what)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize="small")
