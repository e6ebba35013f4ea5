"""A turn of a conversation on the terminal: sentences with what they rest on, tables, images by file name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from agent.grounding import facts_of
from agent.outcome import Fact, Outcome, Table
from agent.state import Asked
from store.workspace import Workspace
from ui.show_tree import printable
from ui.talk_words import ArgumentField, choice_words, step_words, unseen_facts

_EVIDENCE = 4
_ROWS = 20
_IMAGES = 8
Ask = Callable[[str], str]
"""Asks for a line; raises EOFError at the end of input."""


def print_turn(console: Console, workspace: Workspace, body: Mapping[str, Any]) -> None:
    """Print what a planner's turn holds, as `workspace.conversations` keeps it."""
    outcomes = [Outcome.model_validate(step["outcome"]) for step in body["told"]]
    facts = facts_of(outcomes)
    for claim in body["claims"]:
        cited = [facts[n] for n in claim["facts"] if n < len(facts)]
        _print_claim(console, claim["text"], cited, anything_known=bool(facts))
    said = [claim["text"] for claim in body["claims"]]
    for step, outcome in zip(body["told"], outcomes, strict=True):
        _print_step(console, workspace, step, unseen_facts(outcome, said))
    if body.get("error"):
        console.print(Text(printable(body["error"]), style="red"))


def print_asked(console: Console, workspace: Workspace, asked: Asked) -> None:
    """Print what a person is asked before a step is done."""
    console.print(Text(printable(asked.plan), style="bold"))
    console.print(Text(printable(f"{asked.why} It takes {asked.takes}.")))
    _print_images(console, workspace, asked.images)


def ask_changes(fields: Sequence[ArgumentField], ask: Ask) -> dict[str, Any]:
    """Go through the arguments; Enter leaves one as it is. Returns those that were changed."""
    changed: dict[str, Any] = {}
    for field in fields:
        while line := ask(_question(field)).strip():
            value = _read(field, line)
            if value is not None:
                changed[field.name] = value
                break
    return changed


def next_words(body: Mapping[str, Any]) -> list[str]:
    """What may be asked next, after the last step of a turn."""
    return list(body["told"][-1]["outcome"]["next"]) if body["told"] else []


def _print_claim(console: Console, text: str, cited: Sequence[Fact], *, anything_known: bool) -> None:
    line = Text(printable(text))
    labels = list(dict.fromkeys(piece.label for fact in cited for piece in fact.evidence))
    if labels:
        more = f" and {len(labels) - _EVIDENCE} more" if len(labels) > _EVIDENCE else ""
        line.append(f"  ({printable(', '.join(labels[:_EVIDENCE]))}{more})", style="dim")
    elif not cited and anything_known:
        line.append("  (said without evidence)", style="yellow")
    console.print(line)


def _print_step(console: Console, workspace: Workspace, step: Mapping[str, Any], outcome: Outcome) -> None:
    if outcome.facts or outcome.table is not None or outcome.images:
        console.print(Text(printable(step_words(step["ability"], step["arguments"])), style="dim"))
    for fact in outcome.facts:
        console.print(Text(printable(fact.text)))
    if outcome.table is not None and outcome.table.rows:
        if outcome.table.title:
            console.print(Text(f"  {printable(outcome.table.title)}", style="bold"))
        console.print(Padding(_table(outcome.table), (0, 0, 0, 2)))
    _print_images(console, workspace, outcome.images)


def _table(table: Table) -> RichTable:
    drawn = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    numeric = [all(not isinstance(row[n], str) for row in table.rows) for n in range(len(table.columns))]
    for name, right in zip(table.columns, numeric, strict=True):
        drawn.add_column(Text(printable(name)), justify="right" if right else "left")
    for row in table.rows[:_ROWS]:
        drawn.add_row(*(Text("" if cell is None else printable(str(cell))) for cell in row))
    rest = len(table.rows) - _ROWS
    if rest > 0:
        drawn.add_row(Text(f"and {rest:,} more", style="dim"))
    return drawn


def _print_images(console: Console, workspace: Workspace, image_ids: Sequence[str]) -> None:
    paths = workspace.catalogue.paths(image_ids[:_IMAGES])
    for image_id in image_ids[:_IMAGES]:
        name = (
            str(paths[image_id]) if image_id in paths else f"image {image_id[:12]}, of which no file is known"
        )
        console.print(Text(f"  {printable(name)}", style="dim"), soft_wrap=True)
    if len(image_ids) > _IMAGES:
        console.print(Text(f"  and {len(image_ids) - _IMAGES:,} more images", style="dim"))


def _question(field: ArgumentField) -> str:
    now = ", ".join(field.value) if field.kind == "many" else choice_words(str(field.value))
    offered = f" ({', '.join(filter(None, field.choices[:8]))})" if field.choices else ""
    return printable(f"{field.label}{offered}, now: {now} >") + " "


def _read(field: ArgumentField, line: str) -> Any:
    """The value that a line means; None when it means none. Whether it is right is for the ability to say."""
    if field.kind == "number":
        return int(line) if line.lstrip("-").isdigit() else None
    if field.kind == "yes or no":
        return {"y": True, "yes": True, "n": False, "no": False}.get(line.casefold())
    if field.kind == "many":
        return [part.strip() for part in line.split(",") if part.strip()]
    return line
