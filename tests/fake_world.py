"""What the fake model server knows: twelve scenes, told apart by colour, and how to answer our prompts.

Every answer follows from the request alone, so that the same question always gets the same answer.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from tools.sides import SIDES


class Scene(NamedTuple):
    """A picture's colour and what there is to say of it."""

    rgb: tuple[int, int, int]
    colour: str
    subject: str
    place: str
    weather: str

    @property
    def caption(self) -> str:
        return (
            f"A {self.colour} picture of a {self.subject} in a {self.place} on a {self.weather} day. "
            f"The {self.subject} is in the middle."
        )


SCENES = (
    Scene((220, 30, 30), "red", "fire truck", "street", "sunny"),
    Scene((30, 160, 40), "green", "frog", "forest", "rainy"),
    Scene((30, 60, 210), "blue", "sailing boat", "harbour", "windy"),
    Scene((240, 220, 40), "yellow", "taxi", "city", "sunny"),
    Scene((240, 140, 30), "orange", "tiger", "jungle", "foggy"),
    Scene((130, 40, 160), "purple", "butterfly", "garden", "sunny"),
    Scene((245, 160, 190), "pink", "flamingo", "lake", "windy"),
    Scene((120, 75, 40), "brown", "bear", "mountain", "snowy"),
    Scene((20, 20, 20), "black", "raven", "castle", "foggy"),
    Scene((240, 240, 240), "white", "sheep", "meadow", "snowy"),
    Scene((130, 130, 130), "grey", "elephant", "desert", "sunny"),
    Scene((40, 210, 210), "turquoise", "bicycle", "park", "rainy"),
)

GROUPS = {
    "vehicles": ("fire truck", "sailing boat", "taxi", "bicycle"),
    "wild animals": ("frog", "tiger", "bear", "elephant"),
    "birds and insects": ("butterfly", "flamingo", "raven", "sheep"),
    "nature": ("forest", "jungle", "lake", "mountain", "meadow", "desert"),
    "built places": ("street", "harbour", "city", "castle"),
    "green spaces": ("garden", "park"),
    "wet or cold weather": ("rainy", "snowy"),
    "warm colours": ("red", "yellow", "orange", "pink", "brown"),
    "cold colours": ("green", "blue", "purple", "turquoise"),
    "plain colours": ("black", "white", "grey"),
}
"""The common name of a group of names."""

ASPECTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "Subject": ("Which thing or animal is shown.", "subject", ("taxi", "frog", "bear")),
    "Surroundings": ("Where the picture was taken.", "place", ("street", "forest", "lake")),
    "Weather": ("What the weather is like.", "weather", ("sunny", "rainy", "foggy")),
    "Dominant colour": ("Which colour is most seen.", "colour", ("red", "green", "blue")),
}
_SIDES = {
    "type": "Subject",
    "place": "Surroundings",
    "time": "Weather",
    "look": "Dominant colour",
}
"""The aspect of each side of the scenes that there is something to say about."""
_ALSO_CALLED = {
    "place": "Surroundings",
    "location": "Surroundings",
    "animal": "Subject",
    "colour": "Dominant colour",
}


def scene_image(scene: Scene, *, variant: int = 0, side: int = 96) -> Image.Image:
    """A picture of a scene: its colour, with stripes and spots by `variant` so that no two look alike."""
    chance = np.random.default_rng([*scene.rgb, variant])
    pixels = np.full((side, side, 3), scene.rgb, dtype=np.float64)
    for _ in range(14):
        top, left = chance.integers(0, side - 8, 2)
        height, width = chance.integers(8, side // 2, 2)
        pixels[top : top + height, left : left + width] += chance.integers(-45, 46)
    mean = pixels.mean(axis=(0, 1))
    return Image.fromarray(np.clip(pixels - mean + scene.rgb, 0, 255).astype(np.uint8))


def seen_in(data_uri: str) -> Scene:
    """The scene whose colour is nearest to the picture's mean."""
    data = base64.b64decode(data_uri.partition(",")[2])
    with Image.open(io.BytesIO(data)) as picture:
        mean = np.asarray(picture.convert("RGB"), dtype=np.float64).mean(axis=(0, 1))
    return min(SCENES, key=lambda scene: float(np.abs(mean - scene.rgb).sum()))


def answer(schema: Mapping[str, Any], prompt: str, image: str) -> Any:
    """A reply that follows `schema`, to the turn `prompt` and the picture `image` (a data URI or empty)."""
    fields: dict[str, Any] = schema.get("properties", {})
    text = seen_in(image).caption if image else prompt
    match sorted(fields):
        case ["caption"]:
            return {"caption": text}
        case ["criteria"]:
            return {"criteria": _criteria(prompt)}
        case ["verdict"] if "Aspect: " in prompt:
            return {"verdict": _verdict(_options(fields["verdict"]), prompt)}
        case [*names] if "verdict" in names:
            return {
                name: "same" if name == "verdict" and _same(prompt) else _filled(fields[name], schema, text)
                for name in fields
            }
        case ["name"]:
            return {"name": _common_name(_listed(prompt, "Labels") or _colours(prompt))}
        case ["groups"]:
            (count,) = re.findall(r"^Find (\d+) groups", prompt, re.MULTILINE)[-1:]
            return {"groups": _broad(_listed(prompt, "Labels"))[: int(count)]}
        case ["names"]:
            return {"names": _k_names(_uncounted(_listed(prompt, "Labels")), fields["names"])}
        case ["coarse", "fine", "middle"]:
            labels = _listed(prompt, "Labels")
            return {"coarse": _broad(labels), "middle": _broad(labels)[::-1], "fine": labels}
        case [*labels] if "\nGroups: " in prompt and "\nLabels: " in prompt:
            return {label: _home(label, _options(fields[label])) for label in labels}
        case [field] if options := _options(fields[field]):
            return {field: _choice(options, prompt)}
        case ["choice"]:
            return {"choice": _free_choice(_listed(prompt, "Names"), prompt)}
    return {name: _aspect(name, fields[name], schema, text) for name in fields}


def _criteria(prompt: str) -> list[dict[str, Any]]:
    """The aspects of the side that is asked about, or all of them when none is.

    There is a second name for one of them when a castle is mentioned, to have something to merge.
    """
    found: list[dict[str, Any]] = [
        {"name": name, "definition": definition, "values": list(values)}
        for name, (definition, _, values) in ASPECTS.items()
    ]
    if "castle" in prompt:
        # Other values too: criteria that share theirs are joined without a question.
        found[1] |= {"name": "Location", "values": ["countryside", "town"]}
    if "echo" in prompt:
        found[1] |= {"values": ["farm", "lake"]}
    asked = re.findall(r"^The person asks for: .*?(\w+)$", prompt, re.MULTILINE)
    if asked and "castle" in prompt:
        # Only one batch has it, so that it is kept for no other reason than that it was asked for.
        word = asked[-1]
        found.append({"name": word.title(), "definition": f"Which {word} is seen.", "values": ["one", "two"]})
    side = next((side.name for side in SIDES if prompt.endswith(f"\nSide: {side.asks}")), "")
    wanted = _SIDES.get(side)
    return [one for one in found if not side or _ALSO_CALLED.get(one["name"].lower(), one["name"]) == wanted]


def _verdict(options: Sequence[str], prompt: str) -> str:
    """Whether the last word of a rule or a request is in the aspect that it is held against."""
    (wanted,) = re.findall(r"^(?:Rule|Asked for): .*?(\w+)$", prompt, re.MULTILINE)
    (aspect,) = re.findall(r"^Aspect: (.*)$", prompt, re.MULTILINE)
    fits = wanted.casefold() in re.findall(r"\w+", aspect.casefold())
    return next(option for option in options if (option in ("against", "about it")) == fits)


def _same(prompt: str) -> bool:
    return "Surroundings" in prompt and "Location" in prompt


def _listed(prompt: str, head: str) -> list[str]:
    rows = re.findall(rf"^{head}: (.*)$", prompt, re.MULTILINE)
    return [word.strip() for word in rows[-1].split(", ")] if rows else []


def _common_name(labels: Sequence[str]) -> str:
    fit = {name: sum(label in members for label in labels) for name, members in GROUPS.items()}
    best = max(fit, key=lambda name: fit[name])
    return best if fit[best] else f"kinds of {labels[0] if labels else 'things'}"


def _colours(prompt: str) -> list[str]:
    """The colours that texts speak of, most frequent first."""
    colours = {scene.colour: prompt.count(f" {scene.colour} ") for scene in SCENES}
    return sorted((c for c, count in colours.items() if count), key=lambda c: -colours[c])


def _broad(labels: Sequence[str]) -> list[str]:
    """The groups that hold any of the labels, by member or by their own name."""
    return [name for name, members in GROUPS.items() if {*labels} & {name, *members}] or list(labels[:2])


def _home(label: str, groups: Sequence[str]) -> str:
    """The group that holds the label, or is called like it; else the first."""
    return next((g for g in groups if label == g or label in GROUPS.get(g, ())), groups[0])


def _uncounted(labels: Sequence[str]) -> list[str]:
    """The labels of `label (count)` items."""
    return [re.sub(r" \(\d+\)$", "", label) for label in labels]


def _k_names(labels: Sequence[str], field: Mapping[str, Any]) -> list[str]:
    """The first labels, as many as are asked for; fewer when there are no more."""
    return list(labels[: int(field["minItems"])])


def _free_choice(names: Sequence[str], prompt: str) -> str:
    """The name that shares a word or a group with the text, in capitals; else words of the text's own."""
    (text,) = re.findall(r"^Text: (.*)$", prompt, re.MULTILINE)[-1:]
    # The first option is taken when no name fits.
    fitting = _choice(["\x00", *names], prompt)
    return fitting.upper() if fitting != "\x00" else " ".join(text.split()[-2:])


def _options(field: Mapping[str, Any]) -> list[str]:
    return [field["const"]] if "const" in field else list(field.get("enum", []))


def _choice(options: Sequence[str], prompt: str) -> str:
    """The first option that shares a word, or a group, with what is asked about; else the first one."""
    asked = re.findall(r"^(?:Text|Question): (.*)$", prompt, re.MULTILINE)
    words = set(re.findall(r"\w+", (asked or [prompt])[-1].casefold()))
    words |= {word for name, members in GROUPS.items() if words & set(members) for word in name.split()}
    return next((o for o in options if words & set(re.findall(r"\w+", o.casefold()))), options[0])


def _aspect(name: str, field: Mapping[str, Any], schema: Mapping[str, Any], text: str) -> Any:
    if name == "guidance":
        return text.splitlines()[0].rpartition(" in ")[0] or text
    label = _label(name, text)
    if "$ref" in field:
        field = schema["$defs"][field["$ref"].rpartition("/")[2]]
    if field.get("type") == "object":
        if "definition" in field["properties"]:
            # A field of the taggers is put into a person's words.
            word = name.removeprefix("main ")
            return {"name": word.capitalize(), "definition": f"Which {word} the picture has."}
        said = {"name": label, "description": f"Of {name.lower()} it shows: {label}."}
        return {
            key: said.get(key) or _filled(value, schema, text) for key, value in field["properties"].items()
        }
    return label if field.get("type") == "string" and not _options(field) else _filled(field, schema, text)


def _label(aspect: str, text: str) -> str:
    """What the text says of an aspect, found among the words that are known of it."""
    wanted = _ALSO_CALLED.get(aspect.casefold(), aspect)
    if wanted not in ASPECTS:
        return "unclear"
    column = ASPECTS[wanted][1]
    # A prompt may hold examples before the text that it asks about.
    passage = text.rpartition("Text:")[2]
    return next((value for scene in SCENES if (value := getattr(scene, column)) in passage), "unclear")


def _filled(field: Mapping[str, Any], schema: Mapping[str, Any], text: str) -> Any:
    """Anything that follows a schema, for fields that no rule above knows."""
    if "$ref" in field:
        field = schema["$defs"][field["$ref"].rpartition("/")[2]]
    if options := _options(field):
        return options[-1] if "different" in options else next(filter(None, options), "")
    match field.get("type"):
        case "object":
            return {key: _filled(value, schema, text) for key, value in field.get("properties", {}).items()}
        case "array":
            return [_filled(field["items"], schema, text)] * int(field.get("minItems", 1))
        case "integer" | "number":
            return field.get("minimum", 1)
        case "boolean":
            return True
    return "as seen"
