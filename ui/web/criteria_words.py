"""What the criteria board shows as HTML and Markdown, safe whatever a model or a file name says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from tools.tree import Node

_BARS = 8
"""Groups that a card lists; the rest is counted."""


def plain(text: str) -> str:
    """Text that Markdown shows as it is: no links, pictures, formulas or colours come of it."""
    return re.sub(r"([\\`*_{}\[\]<>()#+\-.!|~$:&])", r"\\\1", " ".join(text.split()))


def shortened(text: str, most: int) -> str:
    """The text, cut at a word when it is longer than `most` characters."""
    words = " ".join(text.split())
    return words if len(words) <= most else words[:most].rsplit(" ", 1)[0].rstrip(",.;:") + " …"


def head(name: str, marks: Iterable[str], line: str, guidance: str = "") -> str:
    """The head of a card as HTML: the name, what is worth knowing at a glance, and below what it asks."""
    notes = "".join(f'<span class="xc-mark">{escape(mark)}</span>' for mark in marks)
    below = f'<div class="xc-line">{escape(line)}</div>' if line else ""
    guide = f'<div class="xc-guide">{escape(guidance)}</div>' if guidance else ""
    return f'<div class="xc-head"><strong>{escape(name)}</strong>{notes}</div>{below}{guide}'


def chips(label: str, values: Iterable[str]) -> str:
    """Short texts side by side under a label, as HTML."""
    inner = "".join(f"<span>{escape(value)}</span>" for value in values)
    return f'<div class="xc-label">{escape(label)}</div><div class="xc-chips">{inner}</div>'


def fields(pairs: Iterable[tuple[str, str]]) -> str:
    """Names with what there is to say under each, one below the other, as HTML."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs)
    return f'<dl class="xc-fields">{rows}</dl>'


def said(label: str, texts: Iterable[str]) -> str:
    """Longer texts, set off as quotations under a label, as HTML."""
    inner = "".join(f"<p>{escape(text)}</p>" for text in texts)
    return f'<div class="xc-label">{escape(label)}</div><div class="xc-said">{inner}</div>'


def bars(groups: Sequence[Node], unclear: int) -> str:
    """Groups with their counts as a small bar list, largest first, the unclear images last, as HTML."""
    rest = groups[_BARS:]
    rows = [(node.cluster.name, node.count, "") for node in groups[:_BARS]]
    if rest:
        rows.append((f"{len(rest)} more", sum(node.count for node in rest), " xc-faint"))
    if unclear:
        rows.append(("unclear", unclear, " xc-faint"))
    most = max((count for _, count, _ in rows), default=0) or 1
    lines = (
        f'<div class="xc-bar{kind}"><span title="{escape(name)}">{escape(name)}</span>'
        f'<span class="xc-track"><i style="width:{100 * count / most:.1f}%"></i></span>'
        f"<span>{count:,}</span></div>"
        for name, count, kind in rows
    )
    return f'<div class="xc-bars">{"".join(lines)}</div>'
