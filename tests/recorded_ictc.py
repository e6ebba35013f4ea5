"""What IC|TC's authors recorded: the final answer of their model for each text, as one more method."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from store.errors import InputError
from store.records import Criterion
from tools.method import Grouped, Means, Method
from tools.partition_scores import OFF_LIST

FOLDER = "ictc-recorded"
"""Below the folder of the data."""
_TABLES = {
    "ppmi__instrument-7": ("ppmi", "Instrument"),
    "ppmi__instrument-2": ("ppmi", "Instrument family"),
    "cifar10__object": ("cifar10", "Object"),
}
"""The tables whose label answers the criterion, by dataset and criterion."""


def rows_of(folder: Path, stem: str) -> list[dict[str, Any]]:
    """The rows of a table, packed or not."""
    (file,) = folder.glob(f"{stem}.jsonl*")
    text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return [json.loads(line) for line in text.splitlines()]


def named(answer: str, names: Sequence[str]) -> str:
    """The name that a raw answer gives: it is one but for marks around it, or holds one and no other.

    Both in lower case. The data's README speaks of a case-blind match only. That "clapping." and
    "... Answer: frog" count was found by the column of unmatched answers, which no narrower reading
    reproduces; no score had a part in it.
    """
    bare = answer.strip(" \n.:\"'")
    if bare in names:
        return bare
    held = [name for name in names if re.search(rf"\b{re.escape(name)}\b", answer)]
    return held[0] if len(held) == 1 else OFF_LIST


def cluster_names(folder: Path) -> dict[tuple[str, str, str], list[str]]:
    """The names of the clusters by dataset, criterion and language model, in lower case."""
    lists = json.loads((folder / "clusters.json").read_text(encoding="utf-8"))
    return {
        (one["dataset"], one["criterion"], one["llm"]): [name.casefold() for name in one["names"]]
        for one in lists
    }


def recorded(data: Path, llm: str) -> Method:
    """The answers of a language model, "gpt-4" or another column of the tables, as a method.

    Raises FileNotFoundError where the data is not there.
    """
    folder = data / FOLDER
    names = cluster_names(folder)
    said: dict[str, str] = {}
    for stem, (dataset, criterion) in _TABLES.items():
        known = names.get((dataset, criterion, llm))
        if known is not None:
            texts = {row["image"]: row["description"] for row in rows_of(folder / "descriptions", stem)}
            answers = rows_of(folder / "assignments", stem)
            said |= {texts[row["image"]]: named(str(row[llm]).casefold(), known) for row in answers}

    async def run(texts: Sequence[str], _: Criterion, means: Means, /) -> Grouped:
        missing = next((text for text in texts if text not in said), None)
        if missing is not None:
            raise InputError(f"{llm} has no recorded answer for: {missing[:60]}")
        means.on_answer()
        given = [said[text] for text in texts]
        return Grouped({"flat": given}, {"flat": sorted({*given} - {OFF_LIST})})

    return Method("recorded", f"IC|TC, {llm}", run, steps=lambda _: 1)
