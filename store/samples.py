"""Which images are named by the language model; kept, so that a run that goes on need not draw them anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from store.batches import batches
from store.catalogue import PAGE, live
from store.database import Database

_UNNAMED = (
    f"SELECT {{what}} FROM sample s WHERE s.criterion_id = ? AND {live('s.image_id')}"
    " AND NOT EXISTS (SELECT 1 FROM name t WHERE t.criterion_id = s.criterion_id AND t.image_id = s.image_id)"
)


class Samples:
    """A sample of the images for each criterion."""

    def __init__(self, database: Database) -> None:
        """Read and write through `database`."""
        self._db = database

    def is_kept(self, criterion_id: str, drawn: str) -> bool:
        """Whether the sample of the criterion was drawn like this, from texts that are still the same."""
        row = self._db.one("SELECT stamp FROM sample_stamp WHERE criterion_id = ?", (criterion_id,))
        return row is not None and row[0] == self._stamp(criterion_id, drawn)

    def keep(self, criterion_id: str, drawn: str, image_ids: Iterable[str]) -> None:
        """Keep a sample in place of the one there was; `drawn` says how. Ids may come while others write."""
        stamp = self._stamp(criterion_id, drawn)
        with self._db.transaction() as connection:
            # A sample without a stamp is not used: a kill from here on leaves none.
            connection.execute("DELETE FROM sample_stamp WHERE criterion_id = ?", (criterion_id,))
            connection.execute("DELETE FROM sample WHERE criterion_id = ?", (criterion_id,))
        for part in batches(image_ids, PAGE):
            self._db.write_many("INSERT INTO sample VALUES (?,?)", [(criterion_id, i) for i in part])
        self._db.write("INSERT INTO sample_stamp VALUES (?,?)", (criterion_id, stamp))

    def unnamed(self, criterion_id: str) -> Iterator[str]:
        """The images of the sample that have no name yet, in the order of ids.

        What is written while they are gone through does not disturb it.
        """
        query = f"{_UNNAMED.format(what='s.image_id')} AND s.image_id > ? ORDER BY s.image_id LIMIT ?"
        for rows in self._db.pages(query, (criterion_id,), first="", size=PAGE):
            yield from (image_id for (image_id,) in rows)

    def unnamed_count(self, criterion_id: str) -> int:
        """How many they are."""
        return self._db.number(_UNNAMED.format(what="COUNT(*)"), (criterion_id,))

    def _stamp(self, criterion_id: str, drawn: str) -> str:
        changes = [self._db.tally(table).changes for table in ("caption", "gone")]
        return f"{drawn} {self._db.tally('description', criterion_id).changes} {changes}"
