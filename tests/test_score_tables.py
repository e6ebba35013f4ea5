"""The tables of scores on a terminal of 80 columns: no score and no interval is cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from models.embedder import Embedder
from models.weights import default_cache
from store.records import LEVELS, Criterion
from tools.agreement import Agreement, agreement
from tools.comparison import Compared, Comparison, Effort, Result
from tools.match_labels import Labelled
from tools.partition_scores import METRICS, OFF_LIST
from tools.sample_labelled import Sample
from ui.show_comparison import render_comparison
from ui.show_evaluation import level_table

TRUTH = ["cat", "dog", "bird", "cat"] * 25
FOUND = ["cats", "dogs", "cats", OFF_LIST] * 25


@pytest.fixture(scope="module")
def scored() -> Agreement:
    names = {name: name for name in FOUND if name != OFF_LIST}
    return agreement(TRUTH, FOUND, names=names, embedder=Embedder.load(default_cache()))


def printed(table: RenderableType, file: Path) -> str:
    with file.open("w", encoding="utf-8") as out:
        Console(file=out, width=80, color_system=None).print(table)
    return file.read_text(encoding="utf-8")


def test_every_score_of_an_evaluation_is_shown_with_its_interval(scored: Agreement, tmp_path: Path) -> None:
    text = printed(level_table([(level, scored, level == "fine") for level in LEVELS], 3), tmp_path / "t")
    assert "…" not in text
    for metric in METRICS:
        interval = scored.intervals[metric]
        assert text.count(f"{scored.value(metric):.2f}") >= len(LEVELS)
        assert "-".join(f"{bound:.2f}".removeprefix("0") for bound in interval) in text


def test_every_score_of_a_comparison_is_shown(scored: Agreement, tmp_path: Path) -> None:
    criterion = Criterion("subject", "Subject", "What is shown.")
    sample = Sample(Labelled("Subject"), criterion, [f"text {n}" for n in range(100)], TRUTH, 3)
    effort = Effort(1244, 105_363, 12_331, 0, 4800.0, 36.0)
    levels = tuple((level, scored) for level in LEVELS)
    made = tuple((level, scored.clusters) for level in LEVELS)
    methods = ("xcluster (own, K given)", "IC|TC (K given)")
    results = tuple(Result(title, title, levels, "fine", made, effort, ()) for title in methods)
    text = printed(render_comparison(Comparison((Compared(sample, results, ()),), ())), tmp_path / "t")
    assert "…" not in text
    assert text.count(f"{scored.value('nmi'):.2f}") >= len(methods) * len(LEVELS)
    low, high = scored.intervals["hm"]
    assert f"{low:.2f}".removeprefix("0") + "-" + f"{high:.2f}".removeprefix("0") in text
    assert "105,363" in text
