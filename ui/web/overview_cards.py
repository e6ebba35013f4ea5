"""The criteria as cards: what each one means and how the collection falls into its coarse clusters."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import NamedTuple
from urllib.parse import urlencode

import streamlit as st

from agent.words import plural
from store.records import Criterion
from store.workspace import Workspace
from tools.tree import Node, tree
from ui.web import navigation

_COLUMNS = 3
_BARS = 5


class Card(NamedTuple):
    """A criterion with its distribution."""

    criterion: Criterion
    groups: tuple[Node, ...]
    """Coarse, largest first; none before it is grouped."""
    unclear: int
    missing: int
    """Captioned images that are not assigned yet."""

    @property
    def total(self) -> int:
        """Images that are assigned or unclear."""
        return sum(node.count for node in self.groups) + self.unclear


def read_cards(workspace: Workspace) -> list[Card]:
    """A card for each accepted criterion, in order."""
    grouping = workspace.grouping
    cards = []
    for criterion in grouping.criteria("accepted"):
        counts: Mapping[str, int] = grouping.leaf_counts(criterion.id)
        groups = tuple(tree(grouping.clusters(criterion.id), counts))
        missing = grouping.missing_count("assignment", criterion.id)
        cards.append(Card(criterion, groups, counts.get("", 0), missing))
    return cards


def draw_cards(cards: list[Card]) -> None:
    """Draw the cards in rows."""
    for start in range(0, len(cards), _COLUMNS):
        for column, card in zip(st.columns(_COLUMNS), cards[start : start + _COLUMNS], strict=False):
            with column.container(border=True, height="stretch"):
                st.html(_html(card))
                if card.groups:
                    navigation.link(
                        "explore", "Explore", icon=":material/arrow_forward:", criterion=card.criterion.id
                    )


def _html(card: Card) -> str:
    criterion = card.criterion
    return (
        f'<div class="xo-card"><h3>{escape(criterion.name)}</h3>'
        f'<p title="{escape(criterion.definition)}">{escape(criterion.definition)}</p>{_bars(card)}'
        f'<p class="xo-foot">{escape(_foot(card))}</p></div>'
    )


def _bars(card: Card) -> str:
    rows = [(node.cluster.name, node.count, node.cluster.id) for node in card.groups[:_BARS]]
    most = max((node.count for node in card.groups), default=0) or 1
    lines = []
    for name, count, cluster_id in rows:
        address = urlencode({"criterion": card.criterion.id, "cluster": cluster_id})
        lines.append(
            f'<a class="xo-bar" href="explore?{escape(address)}" target="_self" title="{escape(name)}">'
            f'<span>{escape(name)}</span><span class="xo-track"><i style="width:{100 * count / most:.1f}%">'
            f"</i></span><span>{count:,}</span></a>"
        )
    return f'<div class="xo-bars">{"".join(lines)}</div>' if lines else ""


def _foot(card: Card) -> str:
    told = []
    if (more := len(card.groups) - _BARS) > 0:
        told.append(f"{more} more")
    if card.total:
        told.append(f"{card.unclear / card.total:.0%} unclear" if card.unclear else "nothing unclear")
    if card.missing:
        told.append(f"{plural(card.missing, 'image')} still to group")
    return " · ".join(told)
