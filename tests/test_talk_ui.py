"""What the faces have in common for the chat: words for steps, the form of their arguments, runs to start."""

from __future__ import annotations

from typing import Any

import pytest

from agent.outcome import RunWish
from ui.settings import Profile, Role, Settings
from ui.talk_words import argument_fields, planned_by, planner_note, step_words
from ui.talking import one_run

_OFFERED: Any = {"criterion": ["Mood", "Place"], "cluster": ["beach"]}


@pytest.mark.parametrize(
    ("ability", "arguments", "words"),
    [
        ("show_cluster", {"cluster": "Outdoor"}, "Show cluster 'Outdoor'"),
        ("show_cluster", {"cluster": ""}, "Show cluster"),
        ("cross_criteria", {"first": "Place", "second": "Mood"}, "Cross criteria 'Place' and 'Mood'"),
        ("veto_criteria", {"criteria": ["Place", "Mood"]}, "Veto criteria 'Place' and 'Mood'"),
        ("find_images", {"query": "a dog", "cluster": ""}, "Find images, 'a dog'"),
        ("split_cluster", {"cluster": "beach", "parts": 3, "hint": ""}, "Split cluster 'beach', parts 3"),
        (
            "set_cluster_count",
            {"criterion": "Place", "k": 4},
            "Set cluster count 'Place', how many clusters 4",
        ),
        ("undo", {}, "Undo"),
    ],
)
def test_a_step_is_told_with_what_it_is_about(ability: str, arguments: dict[str, Any], words: str) -> None:
    assert step_words(ability, arguments) == words


def test_each_argument_can_be_changed_as_what_it_is() -> None:
    arguments = {"name": "Light", "definition": "", "guidance": "", "k": 4}
    fields = {f.name: f for f in argument_fields("add_criterion", arguments, _OFFERED)}
    assert [f.kind for f in fields.values()] == ["text", "text", "text", "number"]
    assert (fields["k"].value, fields["k"].least, fields["k"].most) == (4, 0, 100)
    (criteria,) = argument_fields("veto_criteria", {"criteria": ["Gone"]}, _OFFERED)
    assert (criteria.kind, criteria.value, criteria.choices) == ("many", ["Gone"], ("Gone", "Mood", "Place"))
    query, cluster = argument_fields("find_images", {"query": "a dog", "cluster": ""}, _OFFERED)
    assert (query.kind, cluster.kind, cluster.choices) == ("text", "one", ("", "beach"))
    (format,) = argument_fields("export", {"format": "csv"}, _OFFERED)
    assert (format.kind, format.choices) == ("one", ("csv", "jsonl", "parquet"))


def test_several_wishes_of_a_turn_become_one_run() -> None:
    assert one_run([]) is None
    propose = RunWish(rediscover=True, hint="light", stop_after="propose")
    assert one_run([propose]) == propose
    two = [RunWish(only=("a",)), RunWish(only=("b", "a"))]
    assert one_run(two) == RunWish(only=("a", "b"))
    assert one_run([*two, RunWish()]) == RunWish()
    assert one_run([propose, *two]) == RunWish(only=("a", "b"), rediscover=True, hint="light")


def test_who_plans_is_told_and_only_of_the_small_model_what_to_expect() -> None:
    embedded = Settings(profile="embedded")
    assert planned_by(embedded) == "Planned by the built-in model."
    assert "one plain request at a time" in planner_note(embedded)
    served = Settings(
        profile="mine", profiles={"mine": Profile(text=Role(base_url="http://h:8/v1", model="m"))}
    )
    assert planned_by(served) == "Planned by m at h:8."
    assert planner_note(served) == ""
