"""Look through a grouping: pages of images, counts, and what two criteria have in common.

Only images that belong to the collection are seen. One index answers nearly everything, so that a hundred
thousand images under a criterion can be paged through and counted in tens of milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal, NamedTuple

from store.catalogue import LIVE, LIVE_ASSIGNMENT
from store.database import Database
from store.errors import InputError
from store.grouping import NameCount
from store.records import Cluster

Order = Literal["joined", "surest", "least sure"]
_ORDERS: dict[Order, str] = {
    "joined": "i.seq",
    "surest": "a.confidence DESC, a.image_id",
    "least sure": "a.confidence, a.image_id",
}
_BELOW = """
WITH RECURSIVE below(id, position) AS (
    SELECT id, position FROM cluster WHERE id = ?1
    UNION SELECT c.id, c.position FROM below b JOIN cluster c ON c.parent_id = b.id
    WHERE c.criterion_id = ?2
)
SELECT id FROM below b WHERE NOT EXISTS (
    SELECT 1 FROM cluster c WHERE c.criterion_id = ?2 AND c.parent_id = b.id
) ORDER BY position
"""


class Placed(NamedTuple):
    """Where an image stands under a criterion."""

    image_id: str
    cluster_id: str
    """The fine cluster; empty when unclear."""
    confidence: float
    how: str


class Within(NamedTuple):
    """A condition: the image is in one of these fine clusters of that criterion."""

    criterion_id: str
    cluster_ids: Sequence[str]
    """`[""]` stands for the unclear ones."""


class Sureness(NamedTuple):
    """How images came to where they are."""

    how: str
    images: int
    confidence: float
    """The mean."""


class Browse:
    """Reads the grouping for whoever looks at it. Changes nothing.

    Cluster ids are those of fine clusters (see `leaves_of`); None stands for every image that is in one,
    `[""]` for the unclear ones. `also`: conditions that must hold besides, each under a criterion.
    """

    def __init__(self, database: Database) -> None:
        """Read through `database`."""
        self._db = database

    # clusters --------------------------------------------------------------------------------------------

    def cluster(self, cluster_id: str) -> Cluster:
        """The cluster of this id. Raises InputError when there is none."""
        row = self._db.one(
            "SELECT id, criterion_id, level, name, parent_id, names FROM cluster WHERE id = ?", (cluster_id,)
        )
        if row is None:
            raise InputError(
                f"There is no cluster '{cluster_id}' (any more): its criterion may have been grouped anew. "
                "Choose one of the clusters that are there now."
            )
        return Cluster(row[0], row[1], row[2], row[3], row[4], tuple(json.loads(row[5])))

    def leaves_of(self, cluster_id: str) -> list[str]:
        """The ids of the fine clusters below a cluster, in tree order; its own when it has none below.

        Raises InputError when there is no such cluster.
        """
        criterion_id = self.cluster(cluster_id).criterion_id
        return [row[0] for row in self._db.rows(_BELOW, (cluster_id, criterion_id))]

    # images ----------------------------------------------------------------------------------------------

    def images(self, *, limit: int = 60, offset: int = 0) -> list[str]:
        """Ids of the collection's images in the order in which they joined."""
        query = f"SELECT i.id FROM image i WHERE {LIVE} ORDER BY i.seq LIMIT ? OFFSET ?"
        return [row[0] for row in self._db.rows(query, (limit, offset))]

    def page(
        self,
        criterion_id: str,
        cluster_ids: Sequence[str] | None,
        *,
        order: Order = "joined",
        limit: int = 60,
        offset: int = 0,
        also: Sequence[Within] = (),
    ) -> list[Placed]:
        """Images under a criterion, at most `limit` of them after the first `offset`.

        `joined` is the order in which they joined the collection; equally sure ones stand by id.
        """
        where, values = _where(criterion_id, cluster_ids, also)
        source = "assignment a"
        if order == "joined":
            # Every image: walk them in order and stop when the page is full. A few: find them, then sort.
            join = "image i CROSS JOIN assignment a" if cluster_ids is None else "assignment a JOIN image i"
            source = f"{join} ON i.id = a.image_id"
        query = (
            f"SELECT a.image_id, a.cluster_id, a.confidence, a.how FROM {source} {where}"
            f" ORDER BY {_ORDERS[order]} LIMIT ? OFFSET ?"
        )
        return [Placed(*row) for row in self._db.rows(query, (*values, limit, offset))]

    def sample(
        self,
        criterion_id: str,
        cluster_ids: Sequence[str] | None,
        *,
        limit: int,
        also: Sequence[Within] = (),
        outside: Sequence[Within] = (),
    ) -> list[str]:
        """Up to `limit` ids of the images there, the same at every call: those with the smallest ids.

        An id is a hash of the picture, so this is as good as drawing lots. `outside`: conditions
        none of which may hold.
        """
        where, values = _where(criterion_id, cluster_ids, also, outside=outside)
        query = f"SELECT a.image_id FROM assignment a {where} ORDER BY a.image_id LIMIT ?"
        return [row[0] for row in self._db.rows(query, (*values, limit))]

    def matching(
        self,
        *,
        within: Sequence[Within] = (),
        taken_from: date | None = None,
        taken_to: date | None = None,
        formats: Sequence[str] = (),
    ) -> list[str]:
        """Ids of the images for which all of this holds, as they joined.

        Both days of taking are included; an image without a date is not matched when one is asked for.
        `formats` are Pillow's names, whatever their case.
        """
        parts, values = [LIVE], []
        for condition in within:
            part, more = _inside(condition, "i.id")
            parts.append(part)
            values += more
        if taken_from:
            parts.append("i.taken_at >= ?")
            values.append(taken_from.isoformat())
        if taken_to:
            parts.append("i.taken_at < ?")
            values.append((taken_to + timedelta(days=1)).isoformat())
        if formats:
            parts.append(f"i.format COLLATE NOCASE IN ({','.join('?' * len(formats))})")
            values += formats
        query = f"SELECT i.id FROM image i WHERE {' AND '.join(parts)} ORDER BY i.seq"
        return [row[0] for row in self._db.rows(query, values)]

    # numbers ---------------------------------------------------------------------------------------------

    def count(
        self, criterion_id: str, cluster_ids: Sequence[str] | None, *, also: Sequence[Within] = ()
    ) -> int:
        """How many images `page` gives in all."""
        where, values = _where(criterion_id, cluster_ids, also)
        return self._db.number(f"SELECT COUNT(*) FROM assignment a {where}", values)

    def counts(self, criterion_id: str, *, also: Sequence[Within] = ()) -> dict[str, int]:
        """Fine cluster id to how many images it holds; the empty id counts the unclear ones."""
        where, values = _where(criterion_id, None, also, unclear_too=True)
        query = f"SELECT a.cluster_id, COUNT(*) FROM assignment a {where} GROUP BY a.cluster_id"
        return dict(self._db.rows(query, values))

    def pairs(self, first_id: str, second_id: str) -> dict[tuple[str, str], int]:
        """(fine cluster under the first, under the second criterion) to how many images are in both.

        The empty id stands for unclear; images that one of the criteria has not placed yet are left out.
        """
        # Both by image id, side by side, and not by the index of clusters: half the time.
        query = (
            "SELECT a.cluster_id, b.cluster_id, COUNT(*) FROM assignment a NOT INDEXED"
            " JOIN assignment b ON b.image_id = a.image_id"
            f" WHERE a.criterion_id = ? AND b.criterion_id = ? AND {LIVE_ASSIGNMENT} GROUP BY 1, 2"
        )
        rows = self._db.rows(query, (first_id, second_id))
        return {(first, second): images for first, second, images in rows}

    def sureness(self, criterion_id: str, cluster_ids: Sequence[str]) -> list[Sureness]:
        """How the images there were placed, the most frequent way first."""
        where, values = _where(criterion_id, cluster_ids)
        query = (
            f"SELECT a.how, COUNT(*), AVG(a.confidence) FROM assignment a {where}"
            " GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        return [Sureness(*row) for row in self._db.rows(query, values)]

    def names(self, criterion_id: str, cluster_ids: Sequence[str], *, most: int) -> list[NameCount]:
        """The raw names that the images there bear most often, ties by name."""
        where, values = _where(criterion_id, cluster_ids)
        query = (
            "SELECT n.text, COUNT(*) FROM assignment a JOIN name n"
            f" ON n.criterion_id = a.criterion_id AND n.image_id = a.image_id AND n.text != '' {where}"
            " GROUP BY n.text ORDER BY 2 DESC, 1 LIMIT ?"
        )
        return [NameCount(*row) for row in self._db.rows(query, (*values, most))]

    def reasons(self, criterion_id: str) -> list[tuple[str, int]]:
        """Why images are unclear, with how many: the most frequent reason first, ties by reason."""
        where, values = _where(criterion_id, [""])
        query = f"SELECT a.unclear, COUNT(*) FROM assignment a {where} GROUP BY 1 ORDER BY 2 DESC, 1"
        return [(reason, images) for reason, images in self._db.rows(query, values)]


def _where(
    criterion_id: str,
    cluster_ids: Sequence[str] | None,
    also: Sequence[Within] = (),
    *,
    outside: Sequence[Within] = (),
    unclear_too: bool = False,
) -> tuple[str, list[object]]:
    """The condition on `assignment a` with its values."""
    parts, values = ["a.criterion_id = ?"], [criterion_id]
    if cluster_ids is not None:
        parts.append(f"a.cluster_id IN ({','.join('?' * len(cluster_ids))})")
        values += cluster_ids
    elif not unclear_too:
        parts.append("a.cluster_id != ''")
    for condition, negated in (*((c, "") for c in also), *((c, "NOT ") for c in outside)):
        part, more = _inside(condition, "a.image_id")
        parts.append(negated + part)
        values += more
    return f"WHERE {' AND '.join(parts)} AND {LIVE_ASSIGNMENT}", list(values)


def _inside(within: Within, column: str) -> tuple[str, list[str]]:
    # A list that the index gives, not a question per row: three times as quick at 100,000 images.
    marks = ",".join("?" * len(within.cluster_ids))
    condition = (
        f"{column} IN (SELECT o.image_id FROM assignment o WHERE o.criterion_id = ?"
        f" AND o.cluster_id IN ({marks}))"
    )
    return condition, [within.criterion_id, *within.cluster_ids]
