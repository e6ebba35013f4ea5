"""What each part of the grouping is worth: the method whole, and with one part taken away at a time.

    python -m tests.bench_ablation DATA [--sets mood location] [--less "words alone" "no second look"]
                                        [--sample 500] [--seed 0] [--own-k] [--workspace FOLDER] [--json FILE]

As `tests.bench_grouping`, whose workspace it can go on with: most questions are then answered already. The
lead of the whole method over each lesser one is given with its interval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from store.answers import Vectors
from store.records import Cluster, Criterion, Level
from tests.bench_grouping import compared, parser_with_k, report
from tools.learn_places import Place
from tools.method import Grouped, Means, Method
from tools.own_method import OWN, OWN_WITH_K, Parts, own


class Nearest:
    """Each text goes where the one named text that it is most like went."""

    def __init__(self, vectors: Vectors, leaf_ids: Sequence[str]) -> None:
        self._vectors, self._leaf_ids = vectors, leaf_ids

    def place(self, vectors: Vectors) -> list[Place]:
        return [Place(self._leaf_ids[int(n)], 1.0) for n in (vectors @ self._vectors.T).argmax(axis=1)]


class Largest:
    """Each text goes to the largest leaf: what is left of the places when nothing is learnt."""

    def __init__(self, leaf_ids: Sequence[str]) -> None:
        self._leaf = Counter(leaf_ids).most_common(1)[0][0]

    def place(self, vectors: Vectors) -> list[Place]:
        return [Place(self._leaf, 1.0)] * len(vectors)


def nearest(vectors: Vectors, leaf_ids: Sequence[str], _: Sequence[Cluster], *, first: Level) -> Nearest:
    return Nearest(np.asarray(vectors), leaf_ids)


def largest(_: Vectors, leaf_ids: Sequence[str], __: Sequence[Cluster], *, first: Level) -> Largest:
    return Largest(leaf_ids)


LESS = {
    "words alone": Parts(evidence=False),
    "untold kept": Parts(join_untold=False),
    "odd not asked": Parts(ask_odd=False),
    "coarse not asked": Parts(ask_broad=False),
    "no second look": Parts(second_look=False),
    "nearest named": Parts(second_look=False, learn=nearest),
    "nothing learnt": Parts(second_look=False, learn=largest),
}
"""The method without one of its parts; the last three without the second look too, which would mend them."""


def main() -> None:
    parser = parser_with_k(__doc__)
    parser.add_argument(
        "--less",
        nargs="+",
        choices=list(LESS),
        default=list(LESS),
        metavar="METHOD",
        help=f"of the lesser methods: {', '.join(LESS)}",
    )
    given = parser.parse_args()
    whole = OWN_WITH_K if given.own_k else OWN
    report(compared(given, [whole, *(lesser(title, with_k=given.own_k) for title in given.less)]), given.json)


def lesser(title: str, *, with_k: bool) -> Method:
    """The method without a part."""

    async def run(texts: Sequence[str], criterion: Criterion, means: Means, /) -> Grouped:
        asked = replace(criterion, k=means.k if with_k else None)
        return await own(texts, asked, means, parts=LESS[title])

    return Method(title, title, run)


if __name__ == "__main__":
    main()
