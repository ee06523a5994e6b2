"""Rows of a file scored as a partition's are: the same reading, the same features, the same model.

A file has the columns of the workflow's table, as cleaning leaves them; neither its query nor its cleaning rules are
applied. Stays out: printing, and writing the result.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.pipeline import Pipeline

from lakemill.collection.delivery import PROVENANCE
from lakemill.collection.formats import read_files
from lakemill.collection.input_files import InputFile
from lakemill.collection.text_types import read_as, read_instants
from lakemill.config import Workflow
from lakemill.config.features import Features
from lakemill.config.sources import FilesSource
from lakemill.evaluation.scores import SCHEMA, score_rows, without_scores
from lakemill.exceptions import TableError, suggest
from lakemill.lake import Lake
from lakemill.preprocessing.windows import look_back
from lakemill.preprocessing.windows.series import name_needed
from lakemill.registry.models import Registry
from lakemill.training.found_features import features_of

PIECE_ROWS = 100_000


@dataclass(frozen=True)
class FileScores:
    """What becomes of a file.

    Attributes
    ----------
    version : str
    pieces : iterator of pyarrow.Table
        The file's rows with ``score``, ``predicted``, ``model_version``, ``reason`` and, of classes, one column
        ``probability_<class>`` each.
    refused : list of str
        Why something in the file is no row; filled while the pieces are read.
    """

    version: str
    pieces: Iterator[pa.Table]
    refused: list[str]


def score_file(workflow: Workflow, lake: Lake, registry: Registry, path: Path, *, version: str) -> FileScores:
    """Score the rows of a file.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
        Windows look back on its rows.
    registry : Registry
    path : Path
        CSV, JSON, NDJSON, Excel or Parquet.
    version : str

    Returns
    -------
    FileScores

    Raises
    ------
    TableError
        While pieces are read: if the file cannot be read, or lacks a column.
    """
    pipeline = registry.load(version)
    features = features_of(workflow, lake, registry.tags(version)["snapshot"])
    scorer = _Scorer(workflow, lake, pipeline, features, where=str(path))
    refused: list[str] = []

    def score() -> Iterator[pa.Table]:
        pieces = _read(path, refused)
        for piece in _join(pieces) if features.windows else pieces:  # with windows rows look back on one another
            yield _append(piece, scorer.score(piece), version, scorer.classes)

    return FileScores(version, score(), refused)


class _Scorer:
    """Scores pieces of a file: its columns get the types that they have in the lake, then what windows need."""

    def __init__(self, workflow: Workflow, lake: Lake, pipeline: Pipeline, features: Features, *, where: str) -> None:
        self._workflow, self._lake, self._where = workflow, lake, where
        self._pipeline, self._features = pipeline, features
        held = lake.read("clean", [])
        self._types = {} if held is None else {field.name: field.type for field in held.schema}
        self.classes = [str(one) for one in getattr(pipeline, "classes_", ())]

    def score(self, piece: pa.Table) -> pa.Table:
        """Score rows; one with a value that cannot be read has the reason."""
        rows, faults = self._type(piece)
        is_readable = faults.is_null().to_numpy()
        rows = rows.filter(pa.array(is_readable))
        if self._features.windows:
            rows = look_back(self._workflow, self._lake, rows, windows=self._features.windows)
        scores = score_rows(self._pipeline, rows, self._features)
        unread = without_scores(int((~is_readable).sum()), None)
        unread = unread.set_column(SCHEMA.get_field_index("reason"), "reason", faults.drop_null())
        places = np.concatenate([np.flatnonzero(is_readable), np.flatnonzero(~is_readable)])
        return pa.concat_tables([scores, unread]).take(np.argsort(places))

    def _type(self, piece: pa.Table) -> tuple[pa.Table, pa.ChunkedArray]:
        """Return the columns that are needed, and for each row what of it cannot be read."""
        columns = {}
        faults = pa.chunked_array([pa.nulls(len(piece), pa.string())])
        needed, event_time = self._name_needed(), self._workflow.table.event_time
        self._require(needed, piece)
        for name in needed:
            columns[name], unreadable = self._read_column(name, piece.column(name))
            if name == event_time and self._features.windows:
                unreadable = columns[name].is_null()
            texts = pc.fill_null(piece.column(name).cast(pa.string()), "missing")
            told = pc.binary_join_element_wise(f"{name} cannot be read", texts, ": ")
            faults = pc.coalesce(faults, pc.if_else(unreadable, told, pa.scalar(None, pa.string())))
        return pa.table(columns), faults

    def _name_needed(self) -> list[str]:
        features, table = self._features, self._workflow.table
        columns = (*features.numeric, *features.categorical, *features.dates, *features.text)
        back = name_needed(features.windows, event_time=table.event_time, key=table.key) if features.windows else ()
        return list(dict.fromkeys((*columns, *back)))

    def _read_column(self, name: str, values: pa.ChunkedArray) -> tuple[Any, Any]:
        if name in self._features.dates or name == self._workflow.table.event_time:
            return read_instants(values, self._workflow.partition.timezone)
        usual = pa.float64() if name in self._features.read_as_numbers else pa.string()
        return read_as(values, self._types.get(name, usual))

    def _require(self, needed: list[str], piece: pa.Table) -> None:
        lacking = [name for name in needed if name not in piece.column_names]
        if lacking:
            raise TableError(
                f"no column {', '.join(map(repr, lacking))}",
                where=self._where,
                remedy=f"{suggest(lacking[0], piece.column_names)}; the model takes {', '.join(needed)}",
            )


def _read(path: Path, refused: list[str]) -> Iterator[pa.Table]:
    if path.suffix.lower() == ".parquet":
        yield from _read_parquet(path)
        return
    file = InputFile(str(path), path.stat().st_size, lambda: path.open("rb"))
    pieces = read_files([file], FilesSource(path=str(path)))
    sparse: list[pa.Table] = []
    has_rows = False
    for piece in pieces:
        refused += [f"{one.reason} (row {one.source_row})" if one.source_row else one.reason for one in piece.refused]
        rows = piece.rows.drop_columns([name for name in piece.rows.column_names if name in PROVENANCE])
        has_rows = has_rows or rows.num_columns > 0
        if piece.is_sparse:
            sparse.append(rows)
        elif rows.num_columns:
            yield rows
    if sparse:
        yield from _join(iter(sparse))
    if not has_rows:
        raise TableError(
            f"no rows: {refused[0] if refused else 'it is empty'}", where=str(path), remedy="mend the file"
        )


def _read_parquet(path: Path) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(path) as file:
            names = [name for name in file.schema_arrow.names if name not in PROVENANCE]
            for batch in file.iter_batches(PIECE_ROWS, columns=names):
                yield pa.Table.from_batches([batch])
    except pa.ArrowInvalid as error:
        raise TableError(f"cannot be read: {error}", where=str(path), remedy="mend the file") from None


def _join(pieces: Iterator[pa.Table]) -> Iterator[pa.Table]:
    yield pa.concat_tables(list(pieces), promote_options="default").combine_chunks()


def _append(piece: pa.Table, scores: pa.Table, version: str, classes: list[str]) -> pa.Table:
    """Return the file's columns, but for those of our names, and beside them the scores."""
    is_scored = scores.column("score").is_valid()
    made: dict[str, Any] = {"score": scores.column("score"), "predicted": scores.column("predicted")}
    for place, name in enumerate(classes):
        made[f"probability_{name}"] = pc.list_element(scores.column("probabilities"), place)
    made["model_version"] = pc.if_else(is_scored, version, pa.scalar(None, pa.string()))
    made["reason"] = scores.column("reason")
    own = {name: piece.column(name) for name in piece.column_names if name not in made}
    return pa.table({**own, **made})
