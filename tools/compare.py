"""Compare two clusters: what tells the images of one from those of the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from store.browse import Within
from store.errors import InputError
from store.workspace import Workspace
from tools.show_cluster import ClusterView, show_cluster
from tools.telling_clusters import Side, telling_clusters
from tools.telling_words import telling_words, words_of

TEXTS_A_SIDE = 2_000
_EXAMPLES = 4


@dataclass(frozen=True, slots=True)
class Contrast:
    """Something that the images of one side have more often than those of the other."""

    text: str
    """A word, or the name of a cluster."""
    criterion: str
    """The name of the cluster's criterion; empty for a word."""
    first_share: float
    second_share: float
    """Share of each side's images that have it, 0 to 1."""
    images: tuple[str, ...]
    """A few images that have it, on the side that has it more often."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two clusters side by side."""

    first: ClusterView
    second: ClusterView
    both: int
    """Images that are in both; they are left out of the contrasts."""
    words: tuple[Contrast, ...]
    """Words of captions and descriptions, the most telling first."""
    clusters: tuple[Contrast, ...]
    """Clusters of other criteria, the largest difference first."""


def compare(workspace: Workspace, first_id: str, second_id: str, *, most: int = 6) -> Comparison:
    """Say in what two clusters differ, at most `most` words and `most` clusters.

    Only what differs beyond chance is told: a small collection may have nothing to tell. Of a side with more
    than 2,000 images the words come from 2,000 of them, always the same (those with the smallest ids); all
    images count for the clusters. Words of the two clusters' own names are left out.

    Raises InputError when a cluster is not there, or both are the same.
    """
    if first_id == second_id:
        raise InputError("A cluster cannot be compared with itself. Name two different ones.")
    first, second = (show_cluster(workspace, cluster_id) for cluster_id in (first_id, second_id))
    insides = [Within(v.criterion.id, workspace.browse.leaves_of(v.cluster.id)) for v in (first, second)]
    both = workspace.browse.count(*insides[0], also=[insides[1]])
    sides = (
        Side(*insides[0], first.count - both, (insides[1],) if both else ()),
        Side(*insides[1], second.count - both, (insides[0],) if both else ()),
    )
    own_words = words_of(f"{first.cluster.name} {second.cluster.name}")
    return Comparison(
        first=first,
        second=second,
        both=both,
        words=tuple(_words(workspace, *sides, own_words))[:most],
        clusters=tuple(_clusters(workspace, *sides, most)),
    )


def _words(workspace: Workspace, first: Side, second: Side, own: frozenset[str]) -> Iterator[Contrast]:
    criteria = list(dict.fromkeys((first.criterion_id, second.criterion_id)))
    here, there = (_texts(workspace, side, criteria) for side in (first, second))
    for word in telling_words(here.values(), there.values()):
        if word.word not in own:
            having = [key for key, words in (here if word.z > 0 else there).items() if word.word in words]
            shares = word.first / len(here), word.second / len(there)
            yield Contrast(word.word, "", *shares, tuple(having[:_EXAMPLES]))


def _texts(workspace: Workspace, side: Side, criteria: Sequence[str]) -> dict[str, frozenset[str]]:
    """Image id to the words of its caption and of its descriptions under the clusters' own criteria."""
    ids = side.sample(workspace, TEXTS_A_SIDE)
    texts = {image_id: [caption.text] for image_id, caption in workspace.catalogue.captions(ids).items()}
    for criterion_id in criteria:
        for image_id, description in workspace.grouping.descriptions(criterion_id, ids).items():
            texts.setdefault(image_id, []).append(description.text)
    return {image_id: words_of(" ".join(texts[image_id])) for image_id in ids if image_id in texts}


def _clusters(workspace: Workspace, first: Side, second: Side, most: int) -> Iterator[Contrast]:
    for telling in telling_clusters(workspace, first, second)[:most]:
        more = first if telling.first_share > telling.second_share else second
        there = Within(telling.criterion.id, workspace.browse.leaves_of(telling.cluster.id))
        images = more.sample(workspace, _EXAMPLES, also=[there])
        shares = telling.first_share, telling.second_share
        yield Contrast(telling.cluster.name, telling.criterion.name, *shares, tuple(images))
