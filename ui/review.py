"""The review at the terminal: accept, veto, rename and add criteria before anything expensive starts."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console

from graphs.state import Added, Review
from store.records import Criterion
from ui.show_tree import render_criteria_table

_HELP = """\
  Enter             accept what is not vetoed and go on
  v 2 4             veto criteria 2 and 4 (again: take the veto back)
  r 3 New name      rename criterion 3
  a Name: meaning   add a criterion in your words
  q                 stop here; the proposals are kept"""


def ask_review(console: Console, proposed: Sequence[Criterion]) -> Review:
    """Show the proposals and take the person's word. Raises KeyboardInterrupt on `q` or end of input."""
    vetoed: set[int] = set()
    renamed: dict[int, str] = {}
    added: list[Added] = []
    while True:
        _show(console, proposed, vetoed, renamed, added)
        try:
            line = console.input("[bold]Review[/bold] (Enter = go on, ? = help) > ").strip()
        except EOFError:
            raise KeyboardInterrupt from None
        if not line:
            return Review(
                veto=[proposed[n].id for n in sorted(vetoed)],
                rename={proposed[n].id: name for n, name in renamed.items()},
                add=added,
            )
        if line == "q":
            raise KeyboardInterrupt
        told = _do(line, len(proposed), vetoed, renamed, added)
        if told:
            console.print(told, style="yellow", markup=False)


def _show(
    console: Console,
    proposed: Sequence[Criterion],
    vetoed: set[int],
    renamed: dict[int, str],
    added: Sequence[Added],
) -> None:
    rows = [
        replace(
            criterion,
            name=f"{n + 1}. {renamed.get(n, criterion.name)}",
            status="vetoed" if n in vetoed else "proposed",
        )
        for n, criterion in enumerate(proposed)
    ]
    rows += [Criterion("", f"+ {a.name}", a.definition, origin="user", status="accepted") for a in added]
    console.print()
    console.print(render_criteria_table(rows))


def _do(line: str, count: int, vetoed: set[int], renamed: dict[int, str], added: list[Added]) -> str:
    """Carry out one line. Returns what to tell the person, empty when it went well."""
    verb, _, rest = line.partition(" ")
    if verb == "v":
        numbers = _numbers(rest, count)
        if not numbers:
            return f"Say which: `v 2 4`, numbers from 1 to {count}."
        vetoed.symmetric_difference_update(numbers)
        return ""
    if verb == "r":
        number, _, name = rest.strip().partition(" ")
        numbers = _numbers(number, count)
        if not numbers or not name.strip():
            return f"Say which and how: `r 3 New name`, numbers from 1 to {count}."
        renamed[numbers[0]] = name.strip()
        return ""
    name, _, definition = rest.partition(":")
    if verb == "a" and name.strip():
        added.append(Added(name=name.strip(), definition=definition.strip()))
        return ""
    return _HELP


def _numbers(text: str, count: int) -> list[int]:
    try:
        words = shlex.split(text.replace(",", " "))
    except ValueError:
        return []
    if not all(word.isdigit() and 1 <= int(word) <= count for word in words):
        return []
    return [int(word) - 1 for word in words]
