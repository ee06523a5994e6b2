"""The columns of files before their rows are written: what they are called in the table, and which ones must be there.

Capitals do not tell columns of a table apart, so names that differ by them alone are one column. The first delivery
gives a table its columns: a file of it is refused that lacks one which the workflow names, or that has others than most
files have. Stays out: columns and types of a table that is there (``lake/streams.py``).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.collection.table import name_needed
from lakemill.config import Workflow
from lakemill.config.sources import FilesSource, HttpSource
from lakemill.exceptions import CollectionError, LakemillError, MisfitError, suggest
from lakemill.lake import find_columns_read

OF_THE_READER = ("source_file", "source_row")


@dataclass(frozen=True)
class Needed:
    """The columns of a source that a workflow names.

    Attributes
    ----------
    columns : mapping of str to str
        By name, the place in the workflow file, or the query, that names it.
    spelled : tuple of str
        Those whose capitals count, as the workflow file's do; a query's do not.
    event_time : str or None
        The column by which one delivery is cut into partitions.
    """

    columns: MappingProxyType[str, str] = field(default_factory=lambda: MappingProxyType({}))
    spelled: tuple[str, ...] = ()
    event_time: str | None = None


def find_needed(workflow: Workflow, name: str, project: Path) -> Needed:
    """Find the columns that a workflow file, or its query, names of a source.

    Parameters
    ----------
    workflow : Workflow
    name : str
        The source.
    project : Path
        What the path of the query starts at.
    """
    source = workflow.collect[name]
    columns = dict.fromkeys(getattr(source, "types", {}), "types")
    event_time = source.event_time if isinstance(source, FilesSource | HttpSource) else None
    sql = workflow.table.sql
    if event_time is not None:
        columns[event_time] = "event_time"
    label = workflow.table.label
    if name == label.source:
        columns |= dict.fromkeys(workflow.table.label_key, "table.label.key")
        columns[label.column] = "table.label.column"
        if label.known_at is not None:
            columns[label.known_at] = "table.label.known_at"
    elif sql is None:
        columns |= {column: place.split(":")[0] for place, column in name_needed(workflow).items()}
    spelled = tuple(columns)
    if sql is not None and (project / sql).is_file():
        query = (project / sql).read_text(encoding="utf-8", errors="replace")
        known = {column.lower() for column in columns}
        columns |= {column: sql for column in find_columns_read(query, name) if column.lower() not in known}
    return Needed(MappingProxyType(columns), spelled, event_time)


class Headers:
    """Judges the columns of what comes, file by file, before it is written.

    Parameters
    ----------
    held : sequence of str
        Columns of the table; none where this delivery is its first.
    needed : Needed
    peeked : sequence of sequence of str
        Columns of some files of the delivery, by which it is known which ones most of them have.
    is_fixed : bool
        Whether later deliveries must have the columns of this one.
    where : str
        For errors.
    """

    def __init__(
        self,
        held: Sequence[str],
        needed: Needed,
        *,
        peeked: Sequence[Sequence[str]] = (),
        is_fixed: bool = True,
        where: str = "",
    ) -> None:
        self._is_first = not held
        self._is_fixed = is_fixed
        self._needed = needed
        self._where = where
        counts = Counter(name for names in peeked for name in {one.lower() for one in names})
        first = {name.lower() for names in peeked[:1] for name in names}  # decides where half of them have a column
        self._common = {name for name, count in counts.items() if 2 * count + (name in first) > len(peeked)}
        spellings = Counter(name for names in peeked for name in names)
        common = [name for name, _ in spellings.most_common() if name.lower() in self._common]
        self._spelling: dict[str, str] = {}
        for name in (*held, *needed.spelled, *common):
            self._spelling.setdefault(name.lower(), name)

    def spell(self, rows: pa.Table, *, is_sparse: bool) -> tuple[pa.Table, pa.Table]:
        """Give columns the names that the table has for them.

        Parameters
        ----------
        rows : pyarrow.Table
        is_sparse : bool
            Whether each row has columns of its own: then columns that differ by capitals alone are made one.

        Returns
        -------
        rows : pyarrow.Table
        contradictory : pyarrow.Table
            Rows that have values in two such columns.
        """
        alike: dict[str, list[str]] = {}
        for name in rows.column_names:
            if name not in OF_THE_READER:
                alike.setdefault(name.lower(), []).append(name)
        contradictory = rows.slice(0, 0)
        if is_sparse:
            for names in (names for names in alike.values() if len(names) > 1):
                counts = [pc.cast(pc.is_valid(rows.column(name)), pa.int8()) for name in names]
                has_one = pc.less_equal(_add(counts), 1)
                contradictory = pa.concat_tables([contradictory, rows.filter(pc.invert(has_one))])
                rows = rows.filter(has_one)
            for lowered, names in alike.items():
                kept = self._spelling.setdefault(lowered, names[0])
                if names != [kept]:
                    at = rows.column_names.index(names[0])
                    values = pc.coalesce(*(rows.column(name) for name in names))
                    rows = rows.drop_columns(names).add_column(at, kept, values)
            return rows, contradictory
        known = {names[0]: self._spelling.setdefault(lowered, names[0]) for lowered, names in alike.items()}
        single = {names[0] for names in alike.values() if len(names) == 1}
        return rows.rename_columns([known[one] if one in single else one for one in rows.column_names]), contradictory

    def find_fault(self, names: Iterable[str]) -> LakemillError | None:
        """Return why a file with these columns is refused, None where it is not."""
        mine = {name.lower(): name for name in names if name not in OF_THE_READER}
        cut_by = self._needed.event_time
        if cut_by is not None and cut_by.lower() not in mine:
            return CollectionError(
                f"event_time: no column {cut_by!r}", where=self._where, remedy=suggest(cut_by, list(mine.values()))
            )
        if not self._is_first or not self._is_fixed:
            return None  # the table says what fits, or whatever comes does
        for name, place in self._needed.columns.items():
            if name.lower() not in mine:
                return MisfitError(
                    f"no column {name!r}, which {place} names",
                    where=self._where,
                    remedy=suggest(name, list(mine.values())),
                )
        lacking = [self._spelling[name] for name in sorted(self._common - mine.keys())]
        own = [name for lowered, name in mine.items() if lowered not in self._common]
        if self._common and (lacking or own):
            problem = f"has {_list(own)} where most files of this delivery have {_list(lacking)}"
            if not own:
                problem = f"lacks {_list(lacking)}, which most files of this delivery have"
            elif not lacking:
                problem = f"has {_list(own)}, which most files of this delivery have not"
            return MisfitError(
                problem, where=self._where, remedy="mend its header; 'columns: grow' at the source takes it as it is"
            )
        return None


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:5]))
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _add(counts: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    total = counts[0]
    for one in counts[1:]:
        total = pc.add(total, one)
    return total
