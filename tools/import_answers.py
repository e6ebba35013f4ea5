"""Import answers: take what a distributed job was told into the workspace's store of answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from store.answers import Call
from store.errors import InputError
from store.records import Progress
from store.workspace import Workspace
from tools.answer_parts import call_of, read_parts


class BadPart(NamedTuple):
    """A file, or a row of one, that gave nothing."""

    part: str
    reason: str


class AnswersImported(NamedTuple):
    """What an import brought."""

    added: int
    """Answers that the workspace did not have."""
    known: int
    """Answers that it had."""
    failed: int
    """Rows without an answer: pictures that could not be read, questions that failed. A run asks them."""
    bad: tuple[BadPart, ...]


def import_answers(
    workspace: Workspace, source: str, *, on_progress: Callable[[Progress], None]
) -> AnswersImported:
    """Store the answers of all parts in `source`, a folder or an address, under the keys they have.

    The next run finds them there and asks nothing again: captions and descriptions are made of them by the
    same steps as of answers that had been asked here. What they cost is booked, to no run. Running it again
    changes nothing. `on_progress` gets the stage `import` with the rows read.

    Raises InputError when there is no part, or the place cannot be reached.
    """
    bad: list[BadPart] = []
    added = known = failed = done = 0
    for rows in read_parts(source, on_bad=lambda part, reason: bad.append(BadPart(part, reason))):
        calls: dict[str, Call] = {}
        for row in rows:
            if not row["key"]:
                failed += 1
                continue
            try:
                calls[row["key"]] = call_of(row)
            except (ValueError, TypeError) as error:
                bad.append(BadPart(str(row["path"]), str(error)))
        there = workspace.answers.find(list(calls))
        workspace.answers.add_many([call for key, call in calls.items() if key not in there])
        added += len(calls) - len(there)
        known += len(there)
        done += len(rows)
        on_progress(Progress("import", done, 0))
    if not done:
        why = f" {bad[0].part}: {bad[0].reason}." if bad else ""
        raise InputError(f"'{source}' has no answers. Give the folder that `xcluster distribute` wrote.{why}")
    return AnswersImported(added, known, failed, tuple(bad))
