"""Answers in Parquet: what a distributed job writes, part by part, and the workspace takes in.

A part is a file that is written once. One that ends early, because its writer was killed, is no part.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from store.answers import Call
from store.errors import InputError
from store.records import Usage
from tools.open_place import Place, open_place

_ROWS = 2_000
"""Rows that are held at a time while a part is read."""


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """What became of one question about one picture."""

    path: str
    """As the list of pictures has it."""
    image_id: str
    """Empty where the file gives no picture."""
    question: str
    """`ImageQuestion.id`: by it, another run of the job knows what it has asked already."""
    stage: str
    model: str
    key: str = ""
    """The key of the answer; empty where there is none."""
    reply: str = ""
    """JSON; empty where there is none."""
    confidence: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    seconds: float = 0.0
    error: str = ""
    """Why there is no answer."""


def row_of(path: str, image_id: str, question: str, call: Call) -> AnswerRow:
    """A call, with its answer or why there is none, as a row."""
    reply = json.dumps(call.reply) if call.key else ""
    return AnswerRow(
        path=path,
        image_id=image_id,
        question=question,
        stage=call.stage,
        model=call.model,
        key=call.key,
        reply=reply,
        confidence=call.confidence,
        **asdict(call.usage),
        error=call.error,
    )


def call_of(row: Mapping[str, Any]) -> Call:
    """The call of a row that has an answer. Raises ValueError where what is there is none."""
    reply = json.loads(row["reply"])
    if not isinstance(reply, dict) or len(row["key"]) != 64 or row["stage"] not in ("caption", "describe"):
        raise ValueError(f"no answer of a caption or description: {row['reply'][:80]!r}")
    usage = Usage(*(row[name] or 0 for name in Usage.__dataclass_fields__))
    return Call(row["stage"], row["model"], usage, "", row["key"], reply, row["confidence"])


def as_table(rows: Sequence[AnswerRow]) -> Any:
    """Rows as an Arrow table; its schema does not depend on what is in them."""
    import pyarrow as pa

    kinds = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "float | None": pa.float64()}
    fields = AnswerRow.__dataclass_fields__
    schema = pa.schema([(name, kinds[str(field.type)]) for name, field in fields.items()])
    return pa.Table.from_pylist([asdict(row) for row in rows], schema=schema)


def read_parts(
    folder: str, columns: Sequence[str] | None = None, *, on_bad: Callable[[str, str], None] = lambda *_: None
) -> Iterator[list[dict[str, Any]]]:
    """The rows of all parts in `folder`, part by part in the order of their names, some thousand at a time.

    `on_bad` gets the name and the trouble of a file that is no whole part; it is passed over. A folder that
    is not there has no parts. Raises InputError where the place cannot be reached.
    """
    place = open_place(folder)
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    for path in parquet_files(place):
        name = path.rpartition("/")[2]
        try:
            with place.files.open_input_file(path) as source:
                part = ParquetFile(source)
                wanted = columns or list(AnswerRow.__dataclass_fields__)
                lacking = set(wanted) - set(part.schema_arrow.names)
                if lacking:
                    on_bad(name, f"it has no column {', '.join(sorted(lacking))}")
                    continue
                for batch in part.iter_batches(batch_size=_ROWS, columns=wanted):
                    yield batch.to_pylist()
        except (ArrowException, OSError) as error:
            on_bad(name, str(error))


def parquet_files(place: Place) -> list[str]:
    """The Parquet files in a folder, or the file itself, by name. None where nothing is there."""
    from pyarrow.fs import FileSelector, FileType

    try:
        found = place.files.get_file_info(place.path)
        if found.type == FileType.File:
            return [place.path]
        listed = place.files.get_file_info(FileSelector(place.path, allow_not_found=True))
    except OSError as error:
        raise InputError(f"'{place.path}' cannot be reached: {error}.") from error
    return sorted(one.path for one in listed if one.type == FileType.File and one.path.endswith(".parquet"))
