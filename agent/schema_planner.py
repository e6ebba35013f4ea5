"""The planner for models without tool calls: a closed choice of the ability, then its form, under a schema.

Written for the embedded model of 1.5 billion parameters. It plans one step a request, or one for each part
of a request that joins several. What can be known is not asked: an ability that the examples make plain is
taken, and names that stand in the request are put into the form as they are. The model decides what is left.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import prompts
from agent.ability import Ability, Arguments
from agent.arguments import MoveImages, NoneOfThese
from agent.desk import Desk
from agent.examples import Examples, Ranked
from agent.forms import (
    Unsaid,
    all_fields,
    closed_form,
    from_names,
    names_are_meant,
    names_in,
    said_only,
    with_directions,
    with_names,
)
from agent.mentions import Request, read
from agent.names import offered
from agent.outcome import Focus
from agent.planner import Claim, Done, Step, Turn, ability_named
from prompts import Turn as PromptTurn
from store.errors import BadReply
from tools.ask import Question
from tools.closed_choice import choice_reply, chosen

_PLAIN = 0.22
"""How far the first ability must be ahead of the second (in `Examples.rank`'s score) to be taken unasked."""
_NO_PLACE = 0.12
"""What each name that an ability has no place for takes from its score."""
_NO_NAME = 0.12
"""What it takes from the score of an act that nobody said what to do it to."""
_AMONG = 5
"""How far down the ranking abilities are looked at."""
_ASKED = 3
"""How many abilities the model chooses among."""
_SHOWN = 4
"""Examples of each that it is shown."""
_FILLED = 4
"""Filled forms that it is shown."""
_JOINTS = ("; ", ". ", ", ", " and ")
_VERBS = frozenset(
    [
        *("accept", "keep", "approve", "veto", "drop", "remove", "reject", "rename", "call", "merge", "join"),
        *("combine", "group", "sort", "add", "split", "divide", "move", "undo", "redo", "export", "save"),
        *("look", "find", "search", "show", "compare", "cross", "list", "never", "run", "refine"),
        *("strike", "scrap", "throw", "exclude", "use", "take", "restore", "change", "put", "set", "write"),
    ]
)
"""A request is taken apart only where each part begins with one of these."""


class SchemaPlanner:
    """Examples and closed schemas. Stateless: what a turn has done so far says which part is next."""

    name = "examples and schemas"
    reads_facts = False

    def __init__(self, examples: Callable[[], Examples]) -> None:
        """Plan by these examples, read when the first request comes."""
        self._load = cache(examples)

    @property
    def _examples(self) -> Examples:
        return self._load()

    async def next(self, desk: Desk, turn: Turn) -> Step | Done:
        """The step for the first part of the request that has none yet."""
        parts = self._parts(desk, turn.request, turn.focus)
        if len(turn.told) >= len(parts) or any(not told.outcome.found for told in turn.told):
            return Done()
        request = parts[len(turn.told)]
        ability = await self._choose(desk, request, turn.focus)
        try:
            return Step(ability.name, await self._fill(desk, ability, request, turn.focus))
        except Unsaid as missing:
            return Done((Claim(str(missing)),))

    # which ability ---------------------------------------------------------------------------------------

    async def _choose(self, desk: Desk, request: Request, focus: Focus) -> Ability[Any]:
        ranked = _fitting(self._examples.rank(request), request, focus)
        if ranked[0].score - ranked[1].score >= _PLAIN:
            return ability_named(ranked[0].ability)
        among = [ability_named(r.ability) for r in ranked[:_ASKED]]
        turns = prompts.render("schema_planner_choose", abilities=among, request=request.text)
        examples = [e for a in reversed(among) for e in self._examples.nearest(request, a.name, _SHOWN)]
        shown = [(e.said, {"action": e.ability}) for e in examples]
        reply = choice_reply("action", [a.name for a in among])
        try:
            answer = await desk.text.ask("plan", Question(_with(turns, shown), reply, max_tokens=40))
        except BadReply:
            return among[0]
        return ability_named(chosen(answer.value))

    def _parts(self, desk: Desk, text: str, focus: Focus) -> list[Request]:
        """The request, or its parts where it joins several commands, as in 'veto Mood and undo that'."""
        for joint in _JOINTS:
            pieces = [_bare(piece) for piece in text.split(joint)]
            if 1 < len(pieces) <= 3 and all(
                piece.split() and piece.split()[0].casefold() in _VERBS for piece in pieces
            ):
                return [read(desk.workspace, piece, focus) for piece in pieces]
        return [read(desk.workspace, text, focus)]

    # its form --------------------------------------------------------------------------------------------

    async def _fill(self, desk: Desk, ability: Ability[Any], request: Request, focus: Focus) -> Arguments:
        form: type[Arguments] = ability.arguments
        fields = form.model_fields
        if not fields:
            return form()
        if form is NoneOfThese:
            return NoneOfThese(reason=_one_line(request.text)[:200])
        known = from_names(form, request)
        if known is not None:
            return known
        on_offer = offered(desk.workspace, focus, request.text)
        if names_are_meant(request):
            # Others would only tempt the model. Where the person named none that is known, it copies what was
            # said, and whoever looks that up says which names there are.
            on_offer = {"criterion": request.names("criterion"), "cluster": request.names("cluster")}
        turns = prompts.render(
            "schema_planner_fill",
            ability=ability,
            fields=[(name, field.description or "") for name, field in fields.items()],
            request=with_names(request.text, ability.arguments, on_offer),
        )
        examples = self._examples.nearest(request, ability.name, _FILLED, filled=True)
        shown = [(e.said, all_fields(ability.arguments, e.arguments or {})) for e in examples]
        reply = closed_form(ability.arguments, on_offer)
        answer = await desk.text.ask("plan", Question(_with(turns, shown), reply, max_tokens=200))
        values = said_only(form, answer.value.model_dump(), request)
        if form is MoveImages:
            values = with_directions(values, request)
        return form.model_validate({k: _one_line(v) if isinstance(v, str) else v for k, v in values.items()})


def _fitting(ranked: Sequence[Ranked], request: Request, focus: Focus) -> list[Ranked]:
    """The ranking anew, less for an ability whose form and the names in the request do not fit each other.

    Where there is a choice, those that have no place for a name in the request are out.
    """
    scored, misfits = [], set()
    for r in ranked:
        ability = ability_named(r.ability)
        over, under = _misfit(ability, request, focus)
        scored.append(r._replace(score=r.score - _NO_PLACE * over - (_NO_NAME if under else 0.0)))
        if over:
            misfits.add(r.ability)
    scored.sort(key=lambda r: -r.score)
    fit = [r for r in scored[:_AMONG] if r.ability not in misfits]
    return fit if len(fit) > 1 else scored


def _misfit(ability: Ability[Any], request: Request, focus: Focus) -> tuple[int, bool]:
    """How many names in a request the form has no place for, and whether it lacks one that it changes."""
    form = names_in(ability.arguments)
    over, under = 0, False
    for kind, in_focus in (
        ("criterion", focus.criterion_id),
        ("cluster", focus.cluster_id or focus.image_id),
    ):
        places = sum(refers.kind == kind for refers in form.kinds.values())
        said = {m.name for m in request.mentions if m.kind == kind and (m.exact or kind == "cluster")}
        if not any(refers.kind == kind for refers in form.lists.values()):
            over += max(0, len(said) - places)
        under = under or bool(ability.effect == "edit" and places and not said and not in_focus)
    return over, under


def _bare(piece: str) -> str:
    """A part of a request without the words that only join it to the one before."""
    words = piece.strip(" ,;.").split()
    while words and words[0].casefold() in ("and", "then", "also", "please", "after", "afterwards", "that"):
        words.pop(0)
    return " ".join(words)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _with(turns: Sequence[PromptTurn], shown: Sequence[tuple[str, dict[str, Any]]]) -> list[PromptTurn]:
    """The rendered turns, with examples between the instructions and the request."""
    between: list[PromptTurn] = []
    for said, reply in shown:
        between += [PromptTurn("user", said), PromptTurn("assistant", json.dumps(reply, ensure_ascii=False))]
    return [*turns[:-1], *between, turns[-1]]
