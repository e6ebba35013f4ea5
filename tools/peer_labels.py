"""The raw labels of which peers make their clusters: our own naming, so that methods share its answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from store.errors import ModelError
from store.records import Criterion
from tools.ask import Asker
from tools.name import name


class LabelCount(NamedTuple):
    """A raw label and how many texts have it."""

    label: str
    texts: int


class PeerLabels(NamedTuple):
    """The labels that go into a prompt, and what does not."""

    counts: tuple[LabelCount, ...]
    """Distinct labels, most frequent first, as many as fit; without the unclear ones."""
    notes: tuple[str, ...]


async def peer_labels(
    texts: Sequence[str],
    criterion: Criterion,
    text: Asker,
    *,
    list_chars: int,
    on_answer: Callable[[], None] = lambda: None,
) -> PeerLabels:
    """Label each of `texts` in a call of its own, and count the labels.

    A text without a label (unclear, or no valid reply) is not counted. When the labels together take more
    than `list_chars` characters the least frequent are left out, which the notes say.
    """
    named = await name(texts, [criterion], text, on_answer=on_answer)
    labels = [labels[0] for labels in named if not isinstance(labels, ModelError)]
    counts = [LabelCount(*pair) for pair in Counter(label for label in labels if label).most_common()]
    room, fitting = list_chars, 0
    for label, count in counts:
        room -= len(f"{label} ({count}), ")
        if room < 0:
            break
        fitting += 1
    failed = len(named) - len(labels)
    notes = []
    if failed:
        notes.append(f"{failed:,} texts had no valid reply when they were labelled")
    if fitting < len(counts):
        notes.append(f"the {len(counts) - fitting:,} least frequent of {len(counts):,} labels did not fit")
    return PeerLabels(tuple(counts[:fitting]), tuple(notes))
