"""Criteria, names and trees of a collection that only the embedded taggers have seen."""

from __future__ import annotations

import csv
import io
from importlib.resources import files

import pytest

from models.tag_fields import FIELDS, GENERALISING, UNKNOWN, chain_of
from models.tag_imagenet import CLASS_TABLE
from store.records import Caption, Criterion, Tag
from tools.describe import describe_with_tags
from tools.propose_from_tags import field_of, telling_fields
from tools.tag_tree import count_paths, known_values, tag_path, tag_tree
from tools.vague_name import vagueness

CRITERION = Criterion("subject", "Subject", "What the picture mainly shows.")


def tags(score: float = 0.9, **values: str) -> tuple[Tag, ...]:
    return tuple(Tag(name.replace("_", " "), value, score, "test") for name, value in values.items())


DOG = tags(main_subject="dog", subject_group="pet dog or cat", kind_of_subject="animal")
CAT = tags(main_subject="cat", subject_group="pet dog or cat", kind_of_subject="animal")
SOME_ANIMAL = tags(main_subject=UNKNOWN, subject_group=UNKNOWN, kind_of_subject="animal")
BUS = tags(main_subject="bus", subject_group="road vehicle", kind_of_subject="vehicle")
NOTHING = tags(main_subject=UNKNOWN, subject_group=UNKNOWN, kind_of_subject=UNKNOWN)


def test_every_more_general_field_exists_and_no_chain_runs_in_a_circle() -> None:
    assert set(FIELDS) >= GENERALISING
    for name in FIELDS:
        assert len(chain_of(name)) == len(set(chain_of(name)))


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if field.families])
def test_no_family_is_called_by_the_field_alone(name: str) -> None:
    families = set(FIELDS[name].families.values())
    assert [f for f in families if vagueness(f, Criterion(name, name.title(), "")) == "criterion"] == []


def test_no_class_of_the_classifier_is_called_by_what_is_left_over() -> None:
    table = files("models").joinpath(CLASS_TABLE).read_text(encoding="utf-8")
    rows = [(row["subject"], row["group"], row["kind"]) for row in csv.DictReader(io.StringIO(table))]
    assert len(rows) == 1000
    assert {name for row in rows for name in row if vagueness(name, CRITERION)} == set()


def test_the_tree_goes_from_the_kind_to_the_thing() -> None:
    clusters = {c.id: c for c in tag_tree("subject", count_paths([DOG, DOG, CAT, BUS]), "main subject")}
    leaves = [c for c in clusters.values() if c.level == "fine"]
    paths = {
        leaf.name: (clusters[leaf.parent_id].name, clusters[clusters[leaf.parent_id].parent_id].name)
        for leaf in leaves
    }
    assert paths == {
        "dog": ("pet dog or cat", "animal"),
        "cat": ("pet dog or cat", "animal"),
        "bus": ("road vehicle", "vehicle"),
    }
    assert [leaf.names for leaf in leaves] == [(leaf.name,) for leaf in leaves]


def test_an_image_of_which_only_the_kind_is_known_has_a_leaf_beside_the_others() -> None:
    clusters = tag_tree("subject", count_paths([DOG, SOME_ANIMAL]), "main subject")
    assert {c.name for c in clusters if c.level == "coarse"} == {"animal"}
    assert {(c.level, c.name, c.names) for c in clusters if c.level != "coarse"} == {
        ("middle", "pet dog or cat", ()),
        ("fine", "dog", ("dog",)),
        ("middle", "animal (kind unclear)", ()),
        ("fine", "animal (kind unclear)", ("animal",)),
    }


def test_a_general_value_without_others_beside_it_keeps_its_name() -> None:
    clusters = tag_tree("subject", count_paths([SOME_ANIMAL, BUS]), "main subject")
    assert [c.name for c in clusters if c.id.startswith("subject/animal")] == ["animal"] * 3


def test_what_nobody_knows_is_in_no_tree() -> None:
    assert tag_tree("subject", count_paths([NOTHING, ()]), "main subject") == []
    assert tag_path(NOTHING, "main subject") == ()


def test_values_of_one_family_stand_together() -> None:
    assert tag_path(tags(dominant_colour="orange"), "dominant colour") == ("warm colours", "orange")
    assert tag_path(tags(dominant_colour="multicoloured"), "dominant colour") == ("multicoloured",)


def test_a_field_with_many_values_and_no_classes_is_left_to_the_language_model() -> None:
    images = [tags(light=f"value {n}") for n in range(20)]
    assert tag_tree("light", count_paths(images), "light") == []


def test_the_name_is_the_most_specific_value_with_its_own_score() -> None:
    seen = describe_with_tags(Caption("i", "", "taggers", DOG), CRITERION, "main subject")
    assert (seen.name.text, seen.name.score) == ("dog", 0.9)
    assert "dog" in seen.description.text
    assert "animal" in seen.description.text
    general = describe_with_tags(Caption("i", "", "taggers", SOME_ANIMAL), CRITERION, "main subject")
    assert general.name.text == "animal"


@pytest.mark.parametrize("field", ["main subject", ""])
def test_what_the_taggers_do_not_know_is_unclear_with_a_reason(field: str) -> None:
    seen = describe_with_tags(Caption("i", "", "taggers", NOTHING), CRITERION, field)
    assert seen.name.text == seen.description.text == ""
    assert seen.name.unclear == seen.description.unclear != ""


def test_known_values_are_in_order_from_the_specific_to_the_general() -> None:
    assert [tag.value for tag in known_values(DOG, "main subject")] == ["dog", "pet dog or cat", "animal"]


def collection(**columns: list[str]) -> list[tuple[Tag, ...]]:
    """One image a row of the columns."""
    rows = zip(*columns.values(), strict=True)
    return [tags(**dict(zip(columns, row, strict=True))) for row in rows]


def test_fields_that_say_nothing_of_the_collection_are_left_out() -> None:
    images = collection(
        light=["dark"] * 5 + ["bright"] * 5,
        medium=["photograph"] * 10,
        place=["street"] * 2 + [UNKNOWN] * 8,
        text_in_picture=["A", "B"] * 5,
    )
    assert [field.name for field in telling_fields(count_paths(images))] == ["light"]


def test_what_pictures_show_comes_before_how_they_look() -> None:
    images = collection(light=["dark", "bright"] * 5, people=["none seen"] * 5 + ["crowd"] * 5)
    assert [field.name for field in telling_fields(count_paths(images))] == ["people", "light"]


def test_a_field_of_which_more_is_known_comes_first() -> None:
    images = collection(light=["dark", "bright"] * 6, contrast=["low", "high"] * 2 + [UNKNOWN] * 8)
    assert [field.name for field in telling_fields(count_paths(images))] == ["light", "contrast"]


def test_a_criterion_finds_the_field_that_it_was_made_from() -> None:
    fields = telling_fields(
        count_paths(collection(light=["dark", "bright"] * 5, people=["none seen", "crowd"] * 5))
    )
    made = Criterion("b", "Brightness", "How bright it is.", values=("dark", "bright"))
    assert field_of(made, fields) == "light"
    assert field_of(Criterion("m", "Mood", "Which mood.", values=("calm",)), fields) == ""
    assert field_of(Criterion("m", "Mood", "Which mood."), fields) == ""
