"""The prompts: one Markdown file each, rendered strictly (a variable left out is an error).

A file is a sequence of turns, each under a heading of its own line: `# system`, `# user` or `# assistant`. Earlier
user and assistant turns are examples. In a vision prompt the line `<image>` marks where the picture goes.
What comes from pictures, file names and models is passed in as values: Jinja does not render values again.
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
    return [_render(role, template, values) for role, template in _load(name)]


def _render(role: Role, template: Template, values: dict[str, object]) -> Turn:
    # The picture's place is found in the template, not in the rendered text, where a value could fake it.
    before, image, after = template.render(values, image=_MARK).partition(_MARK)
    return Turn(role, before.strip(), after.strip() if image else None)


_MARK = "\x00image\x00"


@cache
def _load(name: str) -> list[tuple[Role, Template]]:
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    turns: list[tuple[Role, list[str]]] = []
    for line in files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8").splitlines():
        if line.strip() in _ROLES:
            turns.append((_ROLES[line.strip()], []))
        elif turns:
            turns[-1][1].append("{{ image }}" if line.strip() == _IMAGE else line)
    return [(role, environment.from_string("\n".join(lines))) for role, lines in turns]
