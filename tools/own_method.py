"""xcluster's own grouping as a method that can be compared with others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from models.vectors import TextEmbedder
from store.answers import Vectors
from store.errors import ModelError
from store.grouping import NameCount
from store.records import LEVELS, Assignment, Cluster, Criterion, Level, Name
from tools.ask import Asker
from tools.assign import assign
from tools.assign_alike import assign_alike
from tools.build_hierarchy import build_hierarchy
from tools.evaluate import clusters_at
from tools.held_out import borne_out, held_out
from tools.learn_places import Placing, decided_first, learn_places
from tools.likeness import name_evidence
from tools.method import Grouped, Means, Method
from tools.name import name
from tools.naming_sample import naming_sample, second_look


class Learn(Protocol):
    """How the places of unnamed texts are learnt; `tools.learn_places.learn_places` is one."""

    def __call__(
        self, vectors: Vectors, leaf_ids: Sequence[str], clusters: Sequence[Cluster], /, *, first: Level
    ) -> Placing | None:
        """Learn from named texts and their leaves; None when there is nothing to learn from."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What of the method is used: all of it, unless what each part is worth is to be measured."""

    name_all: bool = False
    """Name every text, not a sample."""
    evidence: bool = True
    """Hold names alike by the texts that bear them too, not by their words alone."""
    join_untold: bool = True
    """Join names that texts do not tell apart; never without evidence."""
    ask_odd: bool = True
    """Ask the model about leaves that are like none of the middle clusters."""
    ask_broad: bool = True
    """Have the model make the coarse level."""
    second_look: bool = True
    """Ask the model about the most doubtful of the unnamed texts."""
    learn: Learn = learn_places
    bear_out: bool = True
    """Let other texts say how sure the places of named ones are; no place changes."""


ALL_PARTS = Parts()


@dataclass(frozen=True, slots=True)
class OrganisedTexts:
    """The tree of some texts, and their places in it."""

    clusters: Sequence[Cluster]
    assignments: Mapping[str, Assignment]
    """Of each distinct text, by the text."""
    failed: int
    """Texts that were to be named and had no valid reply; they are placed like the unnamed."""

    def at(self, level: Level, texts: Sequence[str]) -> Sequence[str]:
        """The cluster of each text at a level, in the order of `texts`; as `clusters_at` has it."""
        places = self.assignments
        leaves = [places[passage].cluster_id if passage in places else "" for passage in texts]
        return clusters_at(level, leaves, self.clusters)


async def organise_texts(
    texts: Sequence[str],
    criterion: Criterion,
    text: Asker,
    embedder: TextEmbedder,
    *,
    seed: int = 0,
    parts: Parts = ALL_PARTS,
    on_answer: Callable[[], None] = lambda: None,
) -> OrganisedTexts:
    """Name a sample, build the tree, and assign: the line of a run, on texts alone."""
    distinct = list(dict.fromkeys(texts))
    vectors = embedder.embed(distinct)
    asked = list(range(len(distinct))) if parts.name_all else naming_sample(distinct, seed=seed)
    answers = await name([distinct[n] for n in asked], [criterion], text, on_answer=on_answer)
    said = {n: a[0] for n, a in zip(asked, answers, strict=True) if not isinstance(a, ModelError)}
    counts = [NameCount(*pair) for pair in Counter(label for label in said.values() if label).most_common()]
    evidence = name_evidence(list(said.values()), vectors[list(said)]) if parts.evidence else None
    clusters = await build_hierarchy(
        criterion,
        counts,
        text,
        embedder,
        evidence=evidence,
        join_untold=parts.join_untold,
        ask_odd=parts.ask_odd,
        ask_broad=parts.ask_broad,
        on_answer=on_answer,
    )
    names = [Name(distinct[n], criterion.id, label) for n, label in said.items()]
    placed = await assign(names, {}, clusters, criterion, text, embedder)
    first = decided_first(criterion)
    leaves = [a.cluster_id for a in placed]
    if parts.bear_out:
        others = held_out(vectors[list(said)], leaves, clusters, first=first)
        placed = [borne_out(*pair) for pair in zip(placed, others, strict=True)]
    places = parts.learn(vectors[list(said)], leaves, clusters, first=first)
    rest = [n for n in range(len(distinct)) if n not in said]
    carried = (
        await assign_alike(
            [distinct[n] for n in rest],
            [distinct[n] for n in rest],
            vectors[np.array(rest, dtype=int)],
            places,
            clusters,
            criterion,
            text,
            second_look=second_look(len(distinct)) if parts.second_look else 0.0,
            on_answer=on_answer,
        )
        if places and rest
        else []
    )
    everywhere = {a.image_id: a for a in (*placed, *(c.assignment for c in carried))}
    return OrganisedTexts(clusters, everywhere, len(asked) - len(said))


async def own(
    texts: Sequence[str], criterion: Criterion, means: Means, /, *, parts: Parts = ALL_PARTS
) -> Grouped:
    """Our method as one of those that are compared; K only where the criterion has one."""
    made = await organise_texts(
        texts,
        criterion,
        means.text,
        means.embedder,
        seed=means.seed,
        parts=parts,
        on_answer=means.on_answer,
    )
    return Grouped(
        levels={level: made.at(level, texts) for level in LEVELS},
        lists={level: [c.name for c in made.clusters if c.level == level] for level in LEVELS},
        names={cluster.id: cluster.name for cluster in made.clusters},
        notes=(f"{made.failed:,} texts had no valid reply when they were labelled",) if made.failed else (),
    )


async def _own_with_k(texts: Sequence[str], criterion: Criterion, means: Means, /) -> Grouped:
    return await own(texts, replace(criterion, k=means.k), means)


OWN = Method("own", "xcluster (own)", own)
OWN_WITH_K = Method("own", "own, K given", _own_with_k, needs_k=True)
