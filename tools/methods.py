"""The methods that can be compared, by the names that a person gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from store.errors import InputError
from store.records import Criterion
from tools.method import Grouped, Means, Method
from tools.own_method import OWN, OWN_WITH_K
from tools.peer_bertopic import is_installed, peer_bertopic
from tools.peer_ictc import peer_ictc
from tools.peer_kmeans import peer_kmeans
from tools.peer_xcluster import peer_xcluster


async def _ictc(texts: Sequence[str], criterion: Criterion, means: Means, /) -> Grouped:
    return await peer_ictc(
        texts,
        criterion,
        means.text,
        k=means.k,
        closed=means.closed,
        list_chars=means.list_chars,
        on_answer=means.on_answer,
    )


async def _xcluster(texts: Sequence[str], criterion: Criterion, means: Means, /) -> Grouped:
    return await peer_xcluster(
        texts,
        criterion,
        means.text,
        closed=means.closed,
        list_chars=means.list_chars,
        on_answer=means.on_answer,
    )


async def _kmeans(texts: Sequence[str], criterion: Criterion, means: Means, /) -> Grouped:
    found = peer_kmeans(texts, means.embedder, k=means.k, seed=means.seed)
    means.on_answer()
    return found


async def _bertopic(texts: Sequence[str], criterion: Criterion, means: Means, /) -> Grouped:
    found = peer_bertopic(texts, means.embedder, k=means.k, seed=means.seed)
    means.on_answer()
    return found


PEERS: Mapping[str, Method] = {
    method.key: method
    for method in (
        Method("ictc", "IC|TC", _ictc, steps=lambda n: 2 * n + 1, needs_k=True),
        Method("xcluster", "X-Cluster", _xcluster, steps=lambda n: 4 * n + 1),
        Method("kmeans", "k-means", _kmeans, steps=lambda _: 1, needs_k=True),
        Method("bertopic", "BERTopic", _bertopic, steps=lambda _: 1),
    )
}
"""What xcluster is compared with."""


def chosen_methods(names: Sequence[str], *, own: bool, own_with_k: bool, with_k: bool) -> list[Method]:
    """Our own method if it is wanted, then the peers of these names in their order, each once.

    What cannot run is told before anything is paid for: raises InputError for a name that is no peer's, a
    method that needs K when there will be none (`with_k` false), one that is not installed, and no method.
    """
    wanted = list(dict.fromkeys(name.strip().casefold() for name in names if name.strip()))
    unknown = next((name for name in wanted if name not in PEERS), None)
    if unknown is not None:
        raise InputError(f"No method '{unknown}' to compare with. Known ones: {', '.join(PEERS)}.")
    chosen = [OWN_WITH_K if own_with_k else OWN] if own else []
    chosen += [PEERS[name] for name in wanted]
    if not chosen:
        raise InputError(f"There is no method to run. Name some with --against: {', '.join(PEERS)}.")
    for method in chosen:
        if method.needs_k and not with_k:
            raise InputError(
                f"{method.title} cannot run without the number of clusters. Give --k true or a number, or "
                "leave it out."
            )
        if method.key == "bertopic" and not is_installed():
            raise InputError("BERTopic is not installed. Run `make peers`, or leave bertopic out.")
    return chosen
