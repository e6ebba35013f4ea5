"""The prompts: one Markdown file each, rendered strictly (a variable left out is an error).

A file is a sequence of turns, each under a heading of its own line: `# system`, `# user` or `# assistant`.
Earlier user and assistant turns are examples. In a vision prompt the line `<image>` marks where the picture
goes. What comes from pictures, file names and models is passed in as values: Jinja does not render values
again.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

from jinja2 import Environment, StrictUndefined, Template

Role = Literal["system", "user", "assistant"]
_ROLES: dict[str, Role] = {"# system": "system", "# user": "user", "# assistant": "assistant"}
_IMAGE = "<image>"


class Turn(NamedTuple):
    """One turn of a rendered prompt."""

    role: Role
    text: str
    """For a turn with a picture: what stands before it."""
    after: str | None = None
    """What stands after the picture; None for a turn without one."""


def names() -> list[str]:
    """The names of all prompts."""
    return sorted(f.name.removesuffix(".md") for f in files(__name__).iterdir() if f.name.endswith(".md"))


def render(name: str, **values: object) -> list[Turn]:
    """Render `prompts/<name>.md`. Raises jinja2.UndefinedError when a variable is left out."""
    return [
        Turn(role, before.render(values).strip(), after.render(values).strip() if after else None)
        for role, before, after in _load(name)
    ]


@cache
def _load(name: str) -> list[tuple[Role, Template, Template | None]]:
    """Each turn's template, cut at the picture: found in the rendered text, a value could fake its place."""
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    turns: list[tuple[Role, list[str]]] = []
    for line in files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8").splitlines():
        if line.strip() in _ROLES:
            turns.append((_ROLES[line.strip()], []))
        elif turns:
            turns[-1][1].append(line)
    loaded: list[tuple[Role, Template, Template | None]] = []
    for role, lines in turns:
        image = next((n for n, line in enumerate(lines) if line.strip() == _IMAGE), len(lines))
        before, after = ("\n".join(part) for part in (lines[:image], lines[image + 1 :]))
        after_it = environment.from_string(after) if image < len(lines) else None
        loaded.append((role, environment.from_string(before), after_it))
    return loaded
