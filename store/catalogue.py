"""Images, files and captions: the part of the catalogue with as many rows as there are images."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from store.database import Database, Row
from store.distinct import Met
from store.records import Caption, Image, ScannedFile, Tag
from store.stand_in import STAND_IN, drop_what_others_told, drop_what_was_read

_IMAGE = "i.id, i.width, i.height, i.format, i.byte_size, i.phash, i.taken_at"
_CAPTION = "image_id, text, model, tags, shared_from, imported_as"
ADD_IMAGE = (
    "INSERT OR IGNORE INTO image (id, width, height, format, byte_size, phash, taken_at)"
    " VALUES (?,?,?,?,?,?,?)"
)
ADD_CAPTION = f"INSERT OR REPLACE INTO caption ({_CAPTION}) VALUES (?,?,?,?,?,?)"


def live(column: str) -> str:
    """The condition that the image whose id is in `column` belongs to the collection.

    It does while a file holds it, or when it came as a caption without a file. The table `gone`, which lists
    the others, is kept by triggers of the schema.
    """
    return f"NOT EXISTS (SELECT 1 FROM gone g WHERE g.image_id = {column})"


LIVE = live("i.id")
LIVE_ASSIGNMENT = live("a.image_id")
"""The same of an assignment, without the table of images: so an index can answer alone."""
GONE_CAPTIONS = "SELECT COUNT(*) FROM gone g JOIN caption c ON c.image_id = g.image_id"
"""How many captions are of images that do not belong to the collection."""


PAGE = 5_000
"""Images that are read at a time where all are gone through."""


class SkippedFile(NamedTuple):
    """A file that was not taken, and why."""

    path: Path
    reason: str


class Catalogue:
    """What is known of the images. The images themselves stay where they are."""

    def __init__(self, database: Database) -> None:
        """Read and write through `database`."""
        self._db = database

    # files and images ------------------------------------------------------------------------------------

    def known_files(self, paths: Sequence[str]) -> dict[str, tuple[int, int]]:
        """(byte size, mtime in ns) of those `paths` that an earlier scan has read."""
        query = "SELECT path, byte_size, mtime_ns FROM file WHERE path IN ({keys})"
        return {path: (size, mtime_ns) for path, size, mtime_ns in self._db.where_in(query, paths)}

    def add_files(self, files: Sequence[ScannedFile], *, root: Path) -> None:
        """Store what a scan found; a path seen before is replaced."""
        images = [f.image for f in files if f.image is not None]
        with self._db.transaction() as connection:
            connection.executemany(
                ADD_IMAGE,
                [image_row(image) for image in images],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO file (path, root, byte_size, mtime_ns, image_id, skipped)"
                " VALUES (?,?,?,?,?,?)",
                [
                    (str(f.path), str(root), f.byte_size, f.mtime_ns, f.image and f.image.id, f.skipped)
                    for f in files
                ],
            )

    def forget_files(self, root: Path, met: Met) -> None:
        """Drop the files of `root` whose paths a scan has not met any more."""
        query = "SELECT rowid, path FROM file WHERE root = ? AND rowid > ? ORDER BY rowid LIMIT ?"
        for rows in self._db.pages(query, (str(root),), size=PAGE):
            lost = met.lacks([path for _, path in rows])
            self._db.write_many("DELETE FROM file WHERE path = ?", [(path,) for path in lost])

    def roots(self) -> list[Path]:
        """The folders, files and lists that scans were given."""
        return [Path(row[0]) for row in self._db.rows("SELECT DISTINCT root FROM file ORDER BY root")]

    def skipped(self) -> list[SkippedFile]:
        """Files that were not taken, by path."""
        rows = self._db.rows("SELECT path, skipped FROM file WHERE skipped != '' ORDER BY path")
        return [SkippedFile(Path(path), reason) for path, reason in rows]

    def image_count(self) -> int:
        """How many images the collection has."""
        return self._db.tally("image").rows - self._db.tally("gone").rows

    def file_count(self) -> int:
        """How many files hold an image of the collection."""
        return self._db.number("SELECT COUNT(*) FROM file WHERE image_id IS NOT NULL")

    def images(self, ids: Sequence[str]) -> dict[str, Image]:
        """The images with these ids."""
        query = f"SELECT {_IMAGE} FROM image i WHERE i.id IN ({{keys}})"
        return {row[0]: _image(row) for row in self._db.where_in(query, ids)}

    def image_ids(self) -> list[str]:
        """The ids of the collection's images in the order in which they joined."""
        return list(self.joined())

    def joined(self) -> Iterator[str]:
        """The same one by one; no more of them are held than a page."""
        query = f"SELECT i.seq, i.id FROM image i WHERE {LIVE} AND i.seq > ? ORDER BY i.seq LIMIT ?"
        for rows in self._db.pages(query, size=PAGE):
            yield from (image_id for _, image_id in rows)

    def paths(self, ids: Sequence[str]) -> dict[str, Path]:
        """One file for each image that has one (the first by path)."""
        query = "SELECT image_id, MIN(path) FROM file WHERE image_id IN ({keys}) GROUP BY image_id"
        return {image_id: Path(path) for image_id, path in self._db.where_in(query, ids)}

    def all_paths(self) -> Iterator[tuple[str, Path]]:
        """(image id, file) of every file that holds an image, by path."""
        rows = self._db.rows("SELECT image_id, path FROM file WHERE image_id IS NOT NULL ORDER BY path")
        return ((image_id, Path(path)) for image_id, path in rows)

    def phashes(self) -> Iterator[tuple[str, str]]:
        """Perceptual hash of each image that has a file, in the order in which they joined."""
        query = (
            f"SELECT i.seq, i.id, i.phash FROM image i WHERE i.phash != '' AND {LIVE}"
            " AND i.seq > ? ORDER BY i.seq LIMIT ?"
        )
        for rows in self._db.pages(query, size=PAGE):
            yield from ((image_id, phash) for _, image_id, phash in rows)

    def membership(self) -> str:
        """A mark that changes whenever an image joins the collection or leaves it."""
        return f"{self._db.tally('image').rows} {self._db.tally('gone').changes}"

    def set_twins(self, twin_of: Mapping[str, str]) -> None:
        """Record which image leads each near-identical group; an image that leads itself has no entry."""
        pairs = [(leader, image_id) for image_id, leader in twin_of.items() if leader != image_id]
        with self._db.transaction() as connection:
            connection.execute("UPDATE image SET twin_of = '' WHERE twin_of != ''")
            connection.executemany("UPDATE image SET twin_of = ? WHERE id = ?", pairs)

    def twins(self, ids: Sequence[str]) -> dict[str, str]:
        """Image id to the id of its group's leader, for the images that have one."""
        query = "SELECT id, twin_of FROM image WHERE twin_of != '' AND id IN ({keys})"
        return dict(self._db.where_in(query, ids))

    def twin_count(self) -> int:
        """How many images share the answers of a near-identical one."""
        return self._db.number(f"SELECT COUNT(*) FROM image i WHERE i.twin_of != '' AND {LIVE}")

    # captions --------------------------------------------------------------------------------------------

    def uncaptioned(self, *, leaders: bool) -> Iterator[str]:
        """Images with no caption and no failure, group leaders or those that follow one, as they joined.

        What is written while they are gone through does not disturb it.
        """
        query = (
            f"SELECT i.seq, i.id FROM image i WHERE {LIVE} AND i.format != 'none'"
            f" AND i.twin_of {'=' if leaders else '!='} ''"
            f" AND NOT EXISTS (SELECT 1 FROM caption c WHERE c.image_id = i.id AND c.model != '{STAND_IN}')"
            " AND NOT EXISTS (SELECT 1 FROM failure x WHERE x.image_id = i.id AND x.stage = 'caption')"
            " AND i.seq > ? ORDER BY i.seq LIMIT ?"
        )
        for rows in self._db.pages(query, size=PAGE):
            yield from (image_id for _, image_id in rows)

    def add_captions(self, captions: Sequence[Caption]) -> None:
        """Store captions; one that was there is replaced, with what was read from it where it stood in."""
        with self._db.transaction() as connection:
            drop_what_was_read(connection, [caption.image_id for caption in captions])
            connection.executemany(ADD_CAPTION, [caption_row(caption) for caption in captions])

    def captions(self, ids: Sequence[str]) -> dict[str, Caption]:
        """The captions of these images, where there are any."""
        query = f"SELECT {_CAPTION} FROM caption WHERE image_id IN ({{keys}})"
        return {row[0]: _caption(row) for row in self._db.where_in(query, ids)}

    def caption_count(self) -> int:
        """How many images of the collection have a caption; one that stands in counts where no file is."""
        looked_at = (
            f"SELECT COUNT(*) FROM caption c JOIN image i ON i.id = c.image_id"
            f" WHERE {LIVE} AND c.model = '{STAND_IN}' AND i.format != 'none'"
        )
        return self.captioned_count() - self._db.number(looked_at)

    def captioned_count(self) -> int:
        """How many images have a caption, if only one that stands in."""
        return self._db.tally("caption").rows - self._db.number(GONE_CAPTIONS)

    def captioned(self, *, size: int = PAGE) -> Iterator[list[str]]:
        """The images that have a caption, if only one that stands in, as they joined, `size` at a time."""
        query = (
            f"SELECT i.seq, i.id FROM image i CROSS JOIN caption c ON c.image_id = i.id WHERE {LIVE}"
            " AND i.seq > ? ORDER BY i.seq LIMIT ?"
        )
        for rows in self._db.pages(query, size=size):
            yield [image_id for _, image_id in rows]

    def tag_fields(self) -> list[str]:
        """The fields that the embedded taggers filled for any image, in their own order of importance."""
        query = (
            "SELECT json_extract(t.value, '$[0]'), AVG(t.key) FROM caption c, json_each(c.tags) t GROUP BY 1"
        )
        return [row[0] for row in self._db.rows(f"{query} ORDER BY 2")]

    def drop_captions(self, *, other_than: str) -> int:
        """Drop captions of another vision model than `other_than` (imported ones stay). Returns how many."""
        others = f"FROM caption WHERE model NOT IN (?, 'import', '{STAND_IN}')"
        count = self._db.number(f"SELECT COUNT(*) {others}", (other_than,))
        if count:
            self._db.write(f"DELETE {others}", (other_than,))
        return count

    def add_imported(self, rows: Sequence[tuple[Image, Caption]]) -> None:
        """Store captions that came from a file; an image row without pixels is made where none exists.

        What was read from a caption that says another thing goes with it (`store/stand_in.py`).
        """
        with self._db.transaction() as connection:
            connection.executemany(
                ADD_IMAGE,
                [image_row(image) for image, _ in rows],
            )
            drop_what_was_read(connection, [image.id for image, _ in rows])
            drop_what_others_told(connection, {image.id: caption.text for image, caption in rows})
            connection.executemany(ADD_CAPTION, [caption_row(caption) for _, caption in rows])

    # failures --------------------------------------------------------------------------------------------

    def add_failures(self, stage: str, reasons: Mapping[str, str]) -> None:
        """Record why images got no answer in `stage`, so that they are not asked again in this run."""
        self._db.write_many(
            "INSERT OR REPLACE INTO failure (image_id, stage, reason) VALUES (?,?,?)",
            [(image_id, stage, reason) for image_id, reason in reasons.items()],
        )

    def failures(self) -> dict[tuple[str, str], str]:
        """(image id, stage) to the reason why it got no answer."""
        rows = self._db.rows("SELECT image_id, stage, reason FROM failure ORDER BY stage, image_id")
        return {(image_id, stage): reason for image_id, stage, reason in rows}

    def clear_failures(self) -> None:
        """Forget the failures, so that the next run tries those images again."""
        self._db.write("DELETE FROM failure")


def image_row(image: Image) -> tuple[object, ...]:
    """The values of `ADD_IMAGE`."""
    taken = image.taken_at.isoformat() if image.taken_at else None
    return (image.id, image.width, image.height, image.format, image.byte_size, image.phash, taken)


def _image(row: Row) -> Image:
    taken = datetime.fromisoformat(row[6]) if row[6] else None
    return Image(row[0], row[1], row[2], row[3], row[4], row[5], taken)


def caption_row(caption: Caption) -> tuple[object, ...]:
    """The values of `ADD_CAPTION`."""
    tags = json.dumps([[t.field, t.value, t.score, t.source] for t in caption.tags])
    c = caption
    return (c.image_id, c.text, c.model, tags, c.shared_from, c.imported_as)


def _caption(row: Row) -> Caption:
    tags = tuple(Tag(*tag) for tag in json.loads(row[3]))
    return Caption(row[0], row[1], row[2], tags, row[4], row[5])
