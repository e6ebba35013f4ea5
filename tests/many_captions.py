"""More captions than are named: scenes with things beside them, and some of which likeness cannot tell."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from store.workspace import Workspace
from tests.fake_world import SCENES
from tools.import_captions import import_captions

_SIZES = "tiny small slim short round broad tall large huge vast".split()
_THINGS = (
    "stone fence lamp bench bottle basket ladder barrel candle mirror carpet pillar shelf bucket kettle "
    "statue wheel ribbon curtain bell hammer brush coin feather thread needle drum violin map stamp"
).split()


def shows_one(number: int) -> bool:
    """Whether picture `number` shows one thing; every fourth shows four, so that likeness is in doubt."""
    return number % 4 != 0


def caption(number: int) -> str:
    """What there is to say of picture `number`; no two are the same."""
    chance = random.Random(number)
    beside = ", ".join(f"{chance.choice(_SIZES)} {chance.choice(_THINGS)}" for _ in range(4))
    if shows_one(number):
        return f"{SCENES[number % 12].caption} Beside it one sees {beside}."
    several = chance.sample([scene.subject for scene in SCENES], 4)
    return f"A {' and a '.join(several)} are seen together. Beside them one sees {beside}."


def subject(number: int) -> str:
    """What the fake server calls it: the first of the scenes that its caption tells of."""
    return next(scene.subject for scene in SCENES if scene.subject in caption(number))


def write(file: Path, numbers: Iterable[int]) -> Path:
    """Write the captions of these pictures to `file`."""
    with file.open("w", encoding="utf-8") as rows:
        rows.writelines(json.dumps({"image": f"{n}.jpg", "caption": caption(n)}) + "\n" for n in numbers)
    return file


def bring(folder: Path, numbers: Sequence[int]) -> None:
    """Import the captions of these pictures into the workspace `folder`."""
    source = write(folder.parent / f"{folder.name}-{min(numbers)}-{max(numbers)}.jsonl", numbers)
    with Workspace(folder, create=True).for_writing() as workspace:
        import_captions(workspace, source, on_progress=lambda _: None)
