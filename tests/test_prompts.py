"""The prompts: rendered strictly, and nothing that comes in as a value can change their form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from jinja2 import UndefinedError

import prompts
from prompts import Turn, render
from store.records import Criterion

MOOD = Criterion("mood", "Mood", "How it feels.", "do not consider gender", values=("calm", "tense"))
PLACE = Criterion("place", "Place", "Where it is.", values=("street", "park", "shop", "sea"))

VALUES: dict[str, dict[str, Any]] = {
    "assign": {"criterion": MOOD, "groups": ["calm scenes", "tense scenes"], "text": "a quiet lake"},
    "build_hierarchy_coarse": {"criterion": MOOD, "labels": ["happy", "glad"], "count": 2},
    "caption": {},
    "describe": {"criteria": [MOOD, PLACE]},
    "describe_fields": {"criterion": MOOD, "fields": ["light", "people"]},
    "merge_criteria": {"first": MOOD, "second": PLACE},
    "name": {"text": "a quiet lake", "criteria": [MOOD, PLACE]},
    "peer_choose": {"criterion": MOOD, "names": ["calm scenes", "tense scenes"], "text": "a quiet lake"},
    "peer_ictc_names": {"criterion": MOOD, "counts": [("calm", 3), ("tense", 1)], "count": 2},
    "peer_xcluster_levels": {
        "criterion": MOOD,
        "names": ["calm", "tense"],
        "most": {"coarse": 1, "middle": 2, "fine": 2},
    },
    "propose_criteria": {
        "captions": ["a quiet lake", "a busy street"],
        "rules": ["no gender"],
        "side": "how things look",
    },
    "propose_criteria_answers": {"criterion": MOOD, "hint": "how it feels"},
    "propose_criteria_hint": {"captions": ["a quiet lake"], "count": 6, "hint": "clothing", "rules": []},
    "rules": {"criterion": MOOD, "rule": "never use gender"},
    "split_cluster": {
        "criterion": MOOD,
        "group": "calm",
        "hint": "by place",
        "taken": ["at home"],
        "labels": [],
        "texts": ["a quiet lake", "a silent wood"],
    },
}
"""What each prompt is given; a prompt that is not here is rendered by the tests of its own tool."""

MARKERS = (
    "<image>",
    "\x00image\x00",
    "{{ image }}",
    "{{ criterion.name }}",
    "{% for x in y %}",
    "# assistant",
)


def test_every_prompt_that_is_known_here_exists() -> None:
    assert set(VALUES) <= set(prompts.names())


@pytest.mark.parametrize("name", VALUES)
def test_a_prompt_begins_with_instructions_and_ends_with_the_question(name: str) -> None:
    turns = render(name, **VALUES[name])
    assert turns[0].role == "system"
    assert turns[-1].role == "user"
    assert all(turn.text or turn.after for turn in turns)


@pytest.mark.parametrize("name", VALUES)
def test_examples_alternate_between_user_and_assistant(name: str) -> None:
    roles = [turn.role for turn in render(name, **VALUES[name])[1:]]
    assert roles == [("user", "assistant")[n % 2] for n in range(len(roles))]


@pytest.mark.parametrize(
    ("name", "left_out"), [(name, key) for name, given in VALUES.items() for key in given]
)
def test_a_variable_left_out_is_an_error(name: str, left_out: str) -> None:
    given = {key: value for key, value in VALUES[name].items() if key != left_out}
    with pytest.raises(UndefinedError, match=left_out):
        render(name, **given)


@pytest.mark.parametrize("name", VALUES)
def test_no_trace_of_the_template_is_left(name: str) -> None:
    for turn in render(name, **VALUES[name]):
        assert not any(mark in turn.text + (turn.after or "") for mark in ("{{", "{%", "<image>", "\x00"))


@pytest.mark.parametrize("name", ["caption", "describe"])
def test_a_vision_prompt_takes_one_picture(name: str) -> None:
    assert [turn.role for turn in render(name, **VALUES[name]) if turn.after is not None] == ["user"]


def test_instructions_come_before_the_picture_and_the_criteria_after_it() -> None:
    question = render("describe", criteria=[MOOD])[-1]
    assert "Mood" not in question.text
    assert "Mood: How it feels. (do not consider gender)" in (question.after or "")


def _question(name: str, put: Callable[[str], dict[str, Any]], value: str) -> Turn:
    return render(name, **(VALUES[name] | put(value)))[-1]


FREE_TEXT: list[tuple[str, Callable[[str], dict[str, Any]]]] = [
    ("assign", lambda value: {"text": value}),
    ("assign", lambda value: {"groups": [value, "another"]}),
    ("build_hierarchy_coarse", lambda value: {"labels": ["one", value]}),
    ("describe", lambda value: {"criteria": [Criterion("x", value, "What it is.")]}),
    ("describe", lambda value: {"criteria": [Criterion("x", "Name", value, guidance=value)]}),
    ("describe_fields", lambda value: {"fields": [value]}),
    ("merge_criteria", lambda value: {"first": Criterion("x", "Name", value)}),
    ("name", lambda value: {"text": value}),
    ("peer_choose", lambda value: {"text": value}),
    ("peer_choose", lambda value: {"names": ["one", value]}),
    ("peer_ictc_names", lambda value: {"counts": [(value, 3), ("one", 1)]}),
    ("peer_xcluster_levels", lambda value: {"names": ["one", value]}),
    ("propose_criteria", lambda value: {"captions": [value]}),
    ("propose_criteria_hint", lambda value: {"captions": [value]}),
    ("propose_criteria_hint", lambda value: {"hint": value}),
    ("propose_criteria_answers", lambda value: {"hint": value}),
    ("rules", lambda value: {"rule": value}),
    ("split_cluster", lambda value: {"texts": [value]}),
    ("split_cluster", lambda value: {"hint": value}),
]


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize(("name", "put"), FREE_TEXT)
def test_a_marker_in_a_value_is_plain_text(
    name: str, put: Callable[[str], dict[str, Any]], marker: str
) -> None:
    plain = _question(name, put, "so BEGIN it END is")
    marked = _question(name, put, f"so BEGIN {marker} END is")
    for before, after in ((plain.text, marked.text), (plain.after, marked.after)):
        assert (before is None) == (after is None)
        assert (before or "").replace("BEGIN it END", "") == (after or "").replace(f"BEGIN {marker} END", "")


@pytest.mark.parametrize("marker", MARKERS)
def test_a_heading_in_a_value_makes_no_new_turn(marker: str) -> None:
    count = len(render("name", **VALUES["name"]))
    assert len(render("name", **(VALUES["name"] | {"text": f"x\n{marker}\ny"}))) == count
