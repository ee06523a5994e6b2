"""A snapshot's rows as one Parquet file, each with the part of the split that it belongs to; the same bytes everywhere.

Stays out: which snapshots there are.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lakemill.training.training_rows import Choice

GROUP_ROWS = 65_536
SPLIT, SAMPLED = "_split", "_sampled"
LEFT_OUT = "left out"


def write_parquet(chosen: Choice, path: Path) -> int:
    """Write the rows in their order; a file of that name is replaced once all are written.

    Parameters
    ----------
    chosen : Choice
    path : Path

    Returns
    -------
    int
        Rows. Beside the columns of the table each has ``_split``, which is train, validation, test or left out, and
        ``_sampled``, whether a training has it in memory.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    schema = chosen.rows.schema.append(pa.field(SPLIT, pa.string())).append(pa.field(SAMPLED, pa.bool_()))
    try:
        with pq.ParquetWriter(unfinished, schema, compression="zstd") as writer:
            for group in _in_groups(_mark(chosen)):
                writer.write_table(group.cast(schema), row_group_size=GROUP_ROWS)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return len(chosen.rows)


def _mark(chosen: Choice) -> Iterator[pa.Table]:
    names = np.asarray([*chosen.split.parts, LEFT_OUT], dtype=object)
    part = np.full(len(chosen.rows), len(names) - 1, dtype="int8")
    for number, positions in enumerate(chosen.split.parts.values()):
        part[positions] = number
    is_sampled = np.full(len(chosen.rows), chosen.sample is None)
    if chosen.sample is not None:
        is_sampled[chosen.sample.positions] = True
    for at, rows in chosen.rows.read_in_order():
        marked = rows.append_column(SPLIT, pa.array(names[part[at]], pa.string()))
        yield marked.append_column(SAMPLED, pa.array(is_sampled[at] & (part[at] < len(names) - 1)))


def _in_groups(pieces: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Cut rows into groups of one size, however they come."""
    held: list[pa.Table] = []
    for piece in pieces:
        held.append(piece)
        while sum(map(len, held)) >= GROUP_ROWS:
            together = pa.concat_tables(held)
            yield together.slice(0, GROUP_ROWS).combine_chunks()
            held = [together.slice(GROUP_ROWS)]
    together = pa.concat_tables(held) if held else None
    if together is not None and len(together):
        yield together.combine_chunks()
