"""Group pictures that look the same, so that one description serves them all.

Two fingerprints are near-duplicates when all three of their cues agree (`tools/fingerprint.py`): the hashes
differ in few bits, no cell differs much in luma, none much in chroma. The hash alone cannot do it: two cards
of one rank are nearer to each other by it than a photograph is to itself with 1 % of its rim cut off.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from tools.fingerprint import HASH_BITS, LUMA_CELLS, Fingerprints, pack

MAX_DISTANCE = 32
"""Bits of 256 in which the hashes of near-duplicates may differ.

Measured on photographs: 12 at most after re-encoding (JPEG down to quality 15, WebP, AVIF) or scaling (a
quarter to one and a half), 32 after 1 % was cut off each side; two different photographs differ in 84 or
more, two cards in 22.
"""

_MAX_LUMA_STEPS = 2
"""Levels of 16 by which any luma cell may differ. Cards within 40 bits of each other differ by 5 or more."""
_MAX_CHROMA_STEPS = 1
"""Levels of 16 by which any chroma cell may differ; re-encoded and scaled pictures differ by 1 at most."""

_COMPARE_ALL = 4096
"""Up to that many pictures, every pair is compared. Among more, a picture is compared with that many of a
bucket."""
_BUCKET_PAIRS = 64
"""Comparisons for each picture and sample of bits that are worth their time."""
_RECALL = 0.99
"""Chance that two pictures at exactly the largest distance meet in a bucket; nearer ones meet more surely."""


def group_near_duplicates(
    phashes: Iterable[tuple[str, str]], max_distance: int = MAX_DISTANCE
) -> dict[str, str]:
    """Map each image id to the id of the image that represents it, often itself.

    `phashes`: image ids, each once, with `Image.phash`; they are gone through once, and 176 bytes of each are
    held. Earlier ids lead later ones; every member is a near-duplicate of its leader, so groups do not grow
    by chains, and leaders are no near-duplicates of each other. An image with an empty phash (flat, or no
    file) is alone. Up to 4,096 images all pairs are compared; beyond that, pairs that share a sample of hash
    bits, in as many random samples as find a pair at the largest distance with a chance of 99 %
    (locality-sensitive hashing, Indyk and Motwani 1998). The samples are drawn with a fixed seed: same input,
    same groups.

    Raises ValueError when a phash is not a whole fingerprint.
    """
    groups: dict[str, str] = {}
    seen: list[str] = []
    buffer = bytearray()
    for image_id, phash in phashes:
        groups[image_id] = image_id
        if phash:
            seen.append(image_id)
            buffer += pack(phash)
    if not seen:
        return groups
    packed = np.frombuffer(buffer, np.uint8).reshape(len(seen), -1)
    _, first, of = np.unique(
        packed.view(np.dtype((np.void, packed.shape[1]))).ravel(), return_index=True, return_inverse=True
    )
    # Distinct fingerprints, in the order of their first images.
    distinct = np.sort(first)
    leaders = distinct[_find_leaders(Fingerprints(packed[distinct]), max_distance)]
    led_by = leaders[np.searchsorted(distinct, first)][of]
    for image_id, leader in zip(seen, led_by.tolist(), strict=True):
        groups[image_id] = seen[leader]
    return groups


def _find_leaders(prints: Fingerprints, max_distance: int) -> NDArray[np.int64]:
    """Give each row the row that leads it. Rows that lead are compared with each other, key by key."""
    rows = np.arange(len(prints.hashes))
    leaders = rows.copy()
    settled = False
    while not settled:
        settled = True
        for key in _keys(prints.hashes, max_distance):
            alive = np.flatnonzero(leaders == rows)
            settled &= _join(
                prints, leaders, _earliest_matches(prints, alive, key, max_distance), max_distance
            )
    return leaders


def _join(
    prints: Fingerprints, leaders: NDArray[np.int64], firsts: NDArray[np.int64], max_distance: int
) -> bool:
    """Let rows follow the leader of their first match, in place; False when some have to look for another.

    Those are rows too far from that leader, and the followers of a row that has itself begun to follow.
    """
    settled = True
    for row in np.flatnonzero(firsts < np.arange(len(firsts))).tolist():
        leader = leaders[firsts[row]]
        if leader == firsts[row] or _alike(prints, leader[None], np.array([row]), max_distance)[0]:
            leaders[row] = leader
        else:
            settled = False
    orphans = np.flatnonzero(leaders[leaders] != leaders)
    leaders[orphans] = orphans
    return settled and not len(orphans)


def _earliest_matches(
    prints: Fingerprints, rows: NDArray[np.int64], key: NDArray[np.int64], max_distance: int
) -> NDArray[np.int64]:
    """For every row, the first of `rows` (ascending) with its key that is its near-duplicate, or itself."""
    earliest = np.arange(len(prints.hashes))
    for first, second in _near_pairs(prints, rows[np.argsort(key[rows], kind="stable")], key, max_distance):
        np.minimum.at(earliest, second, first)
    return earliest


def _near_pairs(
    prints: Fingerprints, rows: NDArray[np.int64], key: NDArray[np.int64], max_distance: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Give pairs (a, b), a < b, of near-duplicates among `rows` with the same key.

    `rows` is sorted by key, then by row.

    All places are shifted against each other by one, two, three, ... at once, as long as any pair shares a
    key.
    """
    keys, hashes = key[rows], prints.hashes[rows].T.copy()
    places = np.arange(len(rows))
    for shift in range(1, min(len(rows), _COMPARE_ALL)):
        places = places[: np.searchsorted(places, len(rows) - shift)]
        places = places[keys[places] == keys[places + shift]]
        if not len(places):
            return
        near, distance = places, np.zeros(len(places), np.uint16)
        for word in hashes:
            distance = distance + np.bitwise_count(word[near] ^ word[near + shift])
            close = distance <= max_distance
            near, distance = near[close], distance[close]
        if len(near):
            alike = _alike(prints, rows[near], rows[near + shift], max_distance)
            yield rows[near[alike]], rows[near[alike] + shift]


def _alike(
    prints: Fingerprints, a: NDArray[np.int64], b: NDArray[np.int64], max_distance: int
) -> NDArray[np.bool_]:
    """Whether rows `a` and `b` agree in all three cues, pair by pair."""
    bits = np.bitwise_count(prints.hashes[a] ^ prints.hashes[b]).sum(axis=1)
    one, other = prints.cells[a], prints.cells[b]
    steps = np.maximum(
        np.abs((one >> 4).astype(np.int8) - (other >> 4).astype(np.int8)),
        np.abs((one & 15).astype(np.int8) - (other & 15).astype(np.int8)),
    )
    luma, chroma = steps[:, : LUMA_CELLS // 2], steps[:, LUMA_CELLS // 2 :]
    alike: NDArray[np.bool_] = (
        (bits <= max_distance)
        & (luma.max(axis=1) <= _MAX_LUMA_STEPS)
        & (chroma.max(axis=1) <= _MAX_CHROMA_STEPS)
    )
    return alike


def _keys(hashes: NDArray[np.uint64], max_distance: int) -> Iterator[NDArray[np.int64]]:
    """Give, for each random sample of hash bits, every row's key; one empty sample for few rows."""
    if len(hashes) <= _COMPARE_ALL or max_distance >= HASH_BITS:
        yield np.zeros(len(hashes), np.int64)
        return
    random = np.random.default_rng(0)
    shuffled = random.permutation(HASH_BITS)
    # Bits of real pictures hang together, so how many are needed is tried. Near-duplicates share keys however
    # long these are, so there is an end to trying.
    most = math.ceil(math.log2(len(hashes) / _BUCKET_PAIRS)) + 4
    keys = ((n, _sample(hashes, shuffled[:n])) for n in range(1, most))
    bits = next((n for n, key in keys if _pairs(key) <= _BUCKET_PAIRS * len(hashes)), most)
    meet = (1 - max_distance / HASH_BITS) ** bits
    tables = math.ceil(math.log(1 - _RECALL) / math.log(1 - meet)) if max_distance > 0 else 1
    for _ in range(tables):
        yield _sample(hashes, random.choice(HASH_BITS, bits, replace=False))


def _pairs(keys: NDArray[np.int64]) -> float:
    """How many pairs of rows share a key."""
    counts = np.unique(keys, return_counts=True)[1].astype(np.float64)
    return float((counts * (counts - 1)).sum() / 2)


def _sample(hashes: NDArray[np.uint64], sample: NDArray[np.int64]) -> NDArray[np.int64]:
    key = np.zeros(len(hashes), np.int64)
    for bit in sample.tolist():
        key = (key << 1) | ((hashes[:, bit // 64] >> np.uint64(bit % 64)) & np.uint64(1)).astype(np.int64)
    return key
