"""The rows of JSON Lines, CSV and Parquet files, whatever they are about.

A row that cannot be read is reported and passed over; what comes after it is read. A file that breaks off is
read up to there.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from store.errors import InputError

_LONGEST_LINE = 16 * 2**20


class BadRow(NamedTuple):
    """A row that gave nothing, and why."""

    line: int
    """Line or row in the file, from 1; 0 for a whole file, which `reason` then names."""
    reason: str


class Row(NamedTuple):
    """One row, by column."""

    line: int
    """Line or row in the file, from 1."""
    values: dict[str, Any]


OnBad = Callable[[BadRow], None]


def column_among(present: Sequence[str], names: Sequence[str]) -> str:
    """The first of `names` that is a column, as the file writes it, whatever its case; empty when none is."""
    by_name = {name.casefold().strip(): name for name in reversed(present)}
    return next((by_name[name.casefold()] for name in names if name.casefold() in by_name), "")


def named_columns(present: Sequence[str]) -> str:
    """The columns of a file for a message: not all of very many, nor the whole of a very long name."""
    return ", ".join(str(name)[:60] for name in present[:30]) or "none"


def needed_column(
    present: Sequence[str], given: str | None, guesses: Sequence[str], *, what: str, option: str, source: str
) -> str:
    """The column that was `given`, else the first of `guesses` that is there.

    Raises InputError with the columns of `source` and the option by which one of them is named.
    """
    found = column_among(present, guesses if given is None else [given])
    if not found:
        missing = f"no column for the {what}" if given is None else f"no column '{given}'"
        raise InputError(
            f"{source} has {missing}. Its columns: {named_columns(present)}. Name one with {option}."
        )
    return found


def _open(source: Path) -> IO[bytes]:
    try:
        return cast("IO[bytes]", gzip.open(source)) if source.suffix.lower() == ".gz" else source.open("rb")
    except OSError as error:
        raise InputError(f"{source} cannot be read ({error.strerror}). Check its permissions.") from error


def json_rows(source: Path, on_bad: OnBad) -> Iterator[Row]:
    """The objects of a JSON Lines file, gzip or not."""
    with _open(source) as file:
        for line, data in _lines(file, on_bad):
            try:
                values = json.loads(data.decode("utf-8-sig"))
            except UnicodeDecodeError:
                on_bad(BadRow(line, "not UTF-8"))
            except (ValueError, RecursionError) as error:
                on_bad(BadRow(line, f"not JSON ({error})"))
            else:
                if isinstance(values, dict):
                    yield Row(line, values)
                else:
                    on_bad(BadRow(line, "not a JSON object"))


def _lines(file: IO[bytes], on_bad: OnBad) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of the lines that hold something, as far as the file can be read."""
    for line in count(1):
        try:
            data = piece = file.readline(_LONGEST_LINE)
            while len(piece) == _LONGEST_LINE and not piece.endswith(b"\n"):
                piece = file.readline(_LONGEST_LINE)
        except (OSError, EOFError, zlib.error) as error:
            on_bad(BadRow(line, f"the file is damaged from here on ({error})"))
            return
        if not data:
            return
        if piece is not data:
            on_bad(BadRow(line, f"longer than {_LONGEST_LINE // 2**20} MiB"))
        elif data.strip():
            yield line, data


def csv_rows(source: Path, on_bad: OnBad) -> Iterator[Row]:
    """The rows of a table with a header, gzip or not; comma, semicolon, tab or bar between the cells.

    A cell that is missing is None. Bytes that are no UTF-8 come back as lone surrogates.
    """
    with io.TextIOWrapper(_open(source), encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        try:
            head = file.readline(_LONGEST_LINE)
            header = next(csv.reader([head], delimiter=(delimiter := max(",;\t|", key=head.count))), [])
        except (OSError, EOFError, zlib.error, csv.Error) as error:
            raise InputError(f"{source.name} cannot be read as a table ({error}).") from error
        yield from _table_rows(csv.reader(file, delimiter=delimiter), header, on_bad)


def _table_rows(reader: Any, header: Sequence[str], on_bad: OnBad) -> Iterator[Row]:
    while True:
        line = reader.line_num + 2
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            on_bad(BadRow(line, f"not a row of a table ({error})"))
        except (OSError, EOFError, zlib.error) as error:
            on_bad(BadRow(line, f"the file is damaged from here on ({error})"))
            return
        else:
            if cells:
                yield Row(line, dict.fromkeys(header) | dict(zip(header, cells, strict=False)))


def parquet_rows(source: Path, choose: Callable[[Sequence[str]], Sequence[str]]) -> Iterator[Row]:
    """The rows of a Parquet file, with the columns that `choose` picks from those that are there.

    Of a column of pictures (structures with a path) only `path` is read. Raises InputError when the file
    cannot be read or pyarrow is missing.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError(
            "Parquet needs pyarrow, which is not installed: pip install 'xcluster[parquet]'"
        ) from error
    try:
        with pq.ParquetFile(source) as file:
            schema = file.schema_arrow
            columns = [
                f"{name}.path" if _has_path(schema.field(name).type) else name
                for name in choose(schema.names)
            ]
            numbers = count(1)
            for batch in file.iter_batches(batch_size=1_000, columns=columns):
                for values in batch.to_pylist():
                    yield Row(next(numbers), values)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{source.name} cannot be read as Parquet ({error}).") from error


def _has_path(kind: Any) -> bool:
    """Whether a column holds structures with a path; only the type of structures can be asked for a field."""
    return hasattr(kind, "get_field_index") and kind.get_field_index("path") >= 0
