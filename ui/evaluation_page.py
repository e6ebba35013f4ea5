"""An evaluation as one page for the browser, complete in itself: tables, confusion, cluster sizes."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from store.errors import InputError
from tools.confusion import SHOWN_AS, Confusion
from tools.evaluate import Evaluation, LabelledScore
from tools.partition_scores import METRICS
from ui.show_evaluation import HOW, TITLES

MOST_SHOWN = 40
"""Rows and columns of a confusion, and bars of sizes, on the page; the JSON has all."""


def write_evaluation_page(evaluation: Evaluation, target: Path, *, title: str) -> None:
    """Write the page to `target`; nothing in it is fetched from elsewhere.

    Raises InputError when plotly is missing or the file cannot be written.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise InputError(
            "The page needs plotly, which is not installed: pip install 'xcluster[app]'"
        ) from error
    environment = Environment(
        loader=PackageLoader("ui", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("evaluation_page.html.jinja").render(
        title=title,
        evaluation=evaluation,
        charts=[_charts(score) for score in evaluation.scores],
        metrics=[(metric, TITLES[metric]) for metric in METRICS],
        how=HOW,
        plotly=get_plotlyjs(),
        most=MOST_SHOWN,
    )
    target = target.expanduser()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{target} cannot be written ({error.strerror}). Name another file with --html."
        ) from error


def _charts(score: LabelledScore) -> list[tuple[str, str]]:
    """(heading, HTML) of the charts of one labelled criterion at its best level."""
    if score.confusion is None:
        return []
    from ui.web.charts import bars, heatmap

    shown = _cut(score.confusion)
    sizes = sorted(
        zip(score.confusion.clusters, score.confusion.cluster_sizes, strict=True), key=lambda one: -one[1]
    )[:MOST_SHOWN]
    framed = [(n, n) for n in range(shown.matched)]
    table = heatmap(shown.classes, shown.clusters, shown.counts, striking=framed)
    # Most cells are empty: a nought in each would hide the others.
    written = [[f"{count:,}" if count else "" for count in row] for row in shown.counts]
    table.update_traces(text=written, texttemplate="%{text}", selector={"type": "heatmap"})
    chart = bars([name for name, _ in sizes], [float(size) for _, size in sizes])
    return [
        ("Classes (rows) and clusters (columns); framed: matched pairs", _html(table)),
        ("Labelled images of each cluster", _html(chart)),
    ]


def _html(figure: object) -> str:
    from plotly.io import to_html

    return str(to_html(figure, full_html=False, include_plotlyjs=False, config={"displayModeBar": False}))


def _cut(whole: Confusion) -> Confusion:
    """The first rows and columns, as many as a page can show, and always those of no cluster."""
    extra = set(SHOWN_AS.values())
    columns = [n for n, name in enumerate(whole.clusters) if n < MOST_SHOWN or name in extra]
    return Confusion(
        whole.classes[:MOST_SHOWN],
        tuple(whole.clusters[column] for column in columns),
        tuple(tuple(row[column] for column in columns) for row in whole.counts[:MOST_SHOWN]),
        min(whole.matched, MOST_SHOWN),
    )
