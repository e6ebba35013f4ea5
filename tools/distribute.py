"""Distribute: ask about the pictures of a list on a Ray cluster, and write the answers as Parquet parts.

Ray Data does the work of a scheduler: it reads pictures on whatever cores there are, hands them to the actors
that ask, holds reading back while these are busy, and writes parts as answers come. What is asked, and under
which key, is what a run on one machine asks (`tools.image_question`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from store.errors import InputError, XclusterError
from tools.answer_parts import parquet_files, read_parts
from tools.fetch_picture import fetch_picture
from tools.find_files import PATH_COLUMNS
from tools.image_question import ImageQuestion
from tools.open_place import open_place

Ask = Callable[[Any, bool], Any]
"""From Ray's dataset of pictures (`path`, `image_id`, `picture`, `problem`), and whether the question was
answered before, to a dataset of answer rows."""

_BLOCK = 64
"""Pictures that are read by one task, and written together at the least."""
_READERS = 8
"""Threads of a task: object stores take long to begin and do not mind company."""
_REASONS = 3


class Distributed(NamedTuple):
    """What a job did about the pictures of its list."""

    listed: int
    """Different paths."""
    answered_before: int
    answered: int
    """By this job."""
    failed: int
    """Without an answer now; another run of the job asks about them again."""
    reasons: tuple[str, ...]
    """Some of why."""


def distribute(
    question: ImageQuestion,
    model: str,
    images: str,
    out: str,
    ask: Ask,
    *,
    longest_side: int,
    column: str = "",
    rows_per_part: int = 500,
    progress: bool = False,
) -> Distributed:
    """Ask about each picture that `images`, a Parquet file or a folder of them, names in `column`.

    Paths must be absolute, or addresses that every machine of the cluster can open. Parts are written into
    the folder `out`, each with at least `rows_per_part` rows as long as there are any; a picture that has its
    answer in one that is there is not asked about again. `progress`: Ray may draw its bars.

    Raises InputError when the list cannot be used or Ray is missing, and what `ask` raises where it would
    meet every question; parts written until then stay.
    """
    wanted = list(dict.fromkeys(_listed(images, column)))
    asked = question.id(model)
    before, _ = _answered(out, asked)
    todo = [path for path in wanted if path not in before]
    reasons: list[str] = []
    if todo:
        rows = ask(_pictures(_ray_data(progress), todo, longest_side), bool(before))
        _write(rows, out, rows_per_part)
        after, reasons = _answered(out, asked)
    else:
        after = before
    failed = [path for path in todo if path not in after]
    return Distributed(
        listed=len(wanted),
        answered_before=len(wanted) - len(todo),
        answered=len(todo) - len(failed),
        failed=len(failed),
        reasons=tuple(reasons) if failed else (),
    )


def _ray_data(progress: bool) -> Any:
    try:
        import ray
        from ray import data
    except ImportError as error:
        raise InputError("Ray is not installed: pip install 'xcluster[ray]'") from error
    if not ray.is_initialized():
        # Joins the cluster that RAY_ADDRESS names, or the one that this process is a job of.
        ray.init()
    settings = data.DataContext.get_current()
    settings.enable_progress_bars = progress
    # Ray Data would put an exception of its own, with a text of its own, in the place of an actor's.
    settings.raise_original_map_exception = True
    return data


def _listed(images: str, column: str) -> Iterator[str]:
    """The paths of the list, in its order."""
    place = open_place(images)
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    files = parquet_files(place)
    if not files:
        raise InputError(f"'{images}' holds no Parquet file. Give one with a column of paths or addresses.")
    for path in files:
        try:
            with place.files.open_input_file(path) as source:
                table = ParquetFile(source)
                names = table.schema_arrow.names
                chosen = column or next((name for name in PATH_COLUMNS if name in names), "")
                if chosen not in names:
                    raise InputError(
                        f"'{path}' has no column '{column or ', '.join(PATH_COLUMNS)}'; it has "
                        f"{', '.join(names)}. Name the column of the paths with --column."
                    )
                for batch in table.iter_batches(columns=[chosen]):
                    yield from map(_absolute, batch.column(0).to_pylist())
        except (ArrowException, OSError) as error:
            raise InputError(f"'{path}' cannot be read as Parquet: {error}.") from error


def _absolute(path: object) -> str:
    if isinstance(path, str) and (path.startswith("/") or "://" in path):
        return path
    raise InputError(
        f"The list names '{path}'. Every machine of the cluster must be able to open what it names: give "
        "absolute paths of a shared disk, or addresses such as s3://bucket/name.jpg."
    )


def _answered(out: str, question: str) -> tuple[set[str], list[str]]:
    """The paths that have an answer to the question in `out`, and some reasons why others have none."""
    paths: set[str] = set()
    reasons: dict[str, None] = {}
    for rows in read_parts(out, ("path", "question", "key", "error")):
        for row in rows:
            if row["question"] != question:
                continue
            if row["key"]:
                paths.add(row["path"])
            elif len(reasons) < _REASONS:
                reasons[f"{row['path']}: {row['error']}"] = None
    return paths, list(reasons)


def _pictures(data: Any, paths: Sequence[str], longest_side: int) -> Any:
    import pyarrow as pa

    blocks = [
        pa.table({"path": pa.array(paths[start : start + _BLOCK], pa.string())})
        for start in range(0, len(paths), _BLOCK)
    ]
    return data.from_arrow(blocks).map_batches(
        _fetch, batch_format="pyarrow", batch_size=_BLOCK, fn_kwargs={"longest_side": longest_side}
    )


def _fetch(table: Any, longest_side: int) -> Any:
    """Read the pictures of a table of paths. Same order and length."""
    import pyarrow as pa

    paths = table.column("path").to_pylist()
    with ThreadPoolExecutor(_READERS) as pool:
        found = list(pool.map(lambda path: fetch_picture(path, longest_side=longest_side), paths))
    return pa.table(
        {
            "path": pa.array(paths, pa.string()),
            "image_id": pa.array([one.image_id for one in found], pa.string()),
            "picture": pa.array([one.picture for one in found], pa.large_string()),
            "problem": pa.array([one.problem for one in found], pa.string()),
        }
    )


def _write(rows: Any, out: str, rows_per_part: int) -> None:
    from ray.exceptions import RayError

    place = open_place(out)
    try:
        rows.write_parquet(place.path, filesystem=place.files, min_rows_per_file=rows_per_part)
    except RayError as error:
        raise _ours(error) or error from error


def _ours(error: BaseException) -> XclusterError | None:
    """The error for a person with which an actor ended the job, out of what Ray wraps around it."""
    inside = getattr(getattr(error, "cause", None), "args", ())
    return next((one for one in inside if isinstance(one, XclusterError)), None)
