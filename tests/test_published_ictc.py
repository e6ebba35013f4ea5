"""IC|TC's published scores, recomputed with our own arithmetic from the answers its authors recorded."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.recorded_ictc import FOLDER, cluster_names, named, rows_of
from tools.agreement import Agreement, agreement

_DATASETS = {"cifar10": "cifar10", "ppmi": "ppmi", "stanford-40": "stanford40"}
_CRITERIA = {"Object": "object", "Action": "action"}


class Published(NamedTuple):
    """A row of the table."""

    row: dict[str, str]
    ours: Agreement
    images: int

    def number(self, column: str) -> float:
        return float(self.row[column])

    @property
    def told(self) -> str:
        return " ".join((self.row["dataset"], self.row["criterion"], self.row["k"], self.row["llm"]))


@pytest.fixture(scope="module")
def table(shared_data: Path) -> list[Published]:
    """Every published row whose final answers were recorded, with what we make of them."""
    folder = shared_data / FOLDER
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}: the recorded answers of IC|TC are needed")
    names = cluster_names(folder)
    with (folder / "published.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["recomputed_acc"]]
    return [_recomputed(folder, row, names[row["dataset"], row["criterion"], row["llm"]]) for row in rows]


def _recomputed(folder: Path, row: dict[str, str], names: list[str]) -> Published:
    criterion = _CRITERIA.get(row["criterion"], f"instrument-{row['k']}")
    answers = rows_of(folder / "assignments", f"{_DATASETS[row['dataset']]}__{criterion}")
    clusters = [named(str(answer[row["llm"]]).casefold(), names) for answer in answers]
    return Published(row, agreement([answer["label"] for answer in answers], clusters), len(answers))


def test_every_recorded_row_is_there(table: list[Published]) -> None:
    assert len(table) == 10
    assert sum(one.images for one in table) == 6 * 10_000 + 2 * 700 + 2 * 9_532


def test_the_recomputed_table_is_reproduced_to_its_last_digit(table: list[Published]) -> None:
    for one in table:
        assert round(one.ours.cacc, 4) == one.number("recomputed_acc"), one.told
        assert round(one.ours.ari, 4) == one.number("recomputed_ari"), one.told
        assert round(one.ours.nmi, 4) == one.number("recomputed_nmi"), one.told
        assert round(one.ours.off_list * one.images) == one.number("unmatched_answers"), one.told


def test_where_no_answer_was_off_the_list_the_published_scores_themselves_come_out(
    table: list[Published],
) -> None:
    (filled_nothing,) = [one for one in table if not one.ours.off_list]
    assert (filled_nothing.row["criterion"], filled_nothing.row["k"]) == ("Instrument", "7")
    assert filled_nothing.ours.cacc == pytest.approx(filled_nothing.number("acc"), abs=1e-12)
    assert filled_nothing.ours.ari == pytest.approx(filled_nothing.number("ari"), abs=1e-12)
    assert filled_nothing.ours.nmi == pytest.approx(filled_nothing.number("nmi"), abs=1e-12)


def test_elsewhere_the_accuracy_differs_by_what_the_authors_filled_at_random(table: list[Published]) -> None:
    for one in table:
        assert one.ours.cacc == pytest.approx(one.number("acc"), abs=0.02), one.told
        # Filling can only add right answers, and no more than there were open ones.
        assert one.ours.cacc <= one.number("acc") <= one.ours.cacc + one.ours.off_list, one.told


def test_the_published_accuracy_lies_in_or_above_our_interval(table: list[Published]) -> None:
    for one in table:
        low, high = one.ours.intervals["cacc"]
        assert low < one.ours.cacc < high, one.told
        # 700 to 10,000 images: between half a percent and two percent to either side.
        assert 0.004 < (high - low) / 2 < 0.02, one.told
