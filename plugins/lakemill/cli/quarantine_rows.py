"""Refused rows as a person sees and mends them: counted, on a screen, in a CSV file and back from it.

Stays out: the commands, and bringing released rows into their partition (``collection.replaying``).
"""

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.box import HORIZONTALS
from rich.table import Table
from rich.text import Text

from lakemill.exceptions import ConfigError, suggest
from lakemill.lake import Lake
from lakemill.lake.quarantine import TABLE
from lakemill.lake.released import Release, identify_row

OWN = ("quarantine_id", "quarantine_partition", "quarantine_source", "quarantine_reasons")
JUDGED = ("validate", "clean")  # the steps whose refused rows can be replayed


@dataclass(frozen=True)
class Refused:
    """A refused row.

    Attributes
    ----------
    id, partition, source, step : str
    reasons : tuple of str
    row : str
        As JSON.
    """

    id: str
    partition: str
    source: str
    step: str
    reasons: tuple[str, ...]
    row: str

    @property
    def values(self) -> dict[str, Any]:
        """The row's values by column."""
        values: dict[str, Any] = json.loads(self.row)
        return values


@dataclass(frozen=True)
class Mended:
    """What a file releases.

    Attributes
    ----------
    releases : dict of str to list of Release
        By partition.
    unchanged : int
        Rows that stay refused.
    """

    releases: dict[str, list[Release]] = field(default_factory=dict)
    unchanged: int = 0

    def count(self, action: str) -> int:
        """Return the number of rows that are released in a way."""
        return sum(one.action == action for releases in self.releases.values() for one in releases)


def read_refused(
    lake: Lake, *, partition: str | None = None, source: str | None = None, reason: str | None = None
) -> list[Refused]:
    """Return refused rows, by partition, source and step in the order in which they were refused.

    Parameters
    ----------
    lake : Lake
    partition, source : str, optional
        Only theirs.
    reason : str, optional
        Only rows with a reason that holds this text.

    Returns
    -------
    list of Refused
    """
    rows = lake.read(TABLE, [partition] if partition else None, where={"source": source} if source else None)
    found = []
    for row in rows.to_pylist() if rows is not None else []:
        if reason is None or any(reason in one for one in row["reasons"]):
            name = identify_row(row["source"], row["step"], row["row"])
            found.append(Refused(name, row["partition"], row["source"], row["step"], tuple(row["reasons"]), row["row"]))
    return sorted(found, key=lambda one: (one.partition, one.source, one.step))


def show_counts(refused: Sequence[Refused]) -> Table:
    """Return a table of counts by partition, source, step and reason."""
    counts = Counter((one.partition, one.source, one.step, reason) for one in refused for reason in one.reasons)
    shown = Table(box=HORIZONTALS, padding=(0, 1, 0, 0), show_footer=True)
    for heading, footer in (("partition", "rows"), ("source", ""), ("step", "")):
        shown.add_column(heading, footer=footer, no_wrap=True)
    shown.add_column("reason", overflow="fold")
    shown.add_column("rows", justify="right", footer=f"{len(refused):,}", no_wrap=True)
    for (partition, source, step, reason), count in sorted(counts.items()):
        shown.add_row(partition, source, step, Text(reason), f"{count:,}")
    return shown


def show_refused(refused: Sequence[Refused], *, width: int) -> Table:
    """Return a table of refused rows, each with its reasons and the values that are there."""
    shown = Table(box=HORIZONTALS, padding=(0, 1, 0, 0), show_lines=True, width=width)
    for heading in ("id", "partition", "source"):
        shown.add_column(heading, no_wrap=True)
    shown.add_column("reasons", overflow="fold", ratio=2)
    shown.add_column("row", overflow="fold", ratio=3)
    for one in refused:
        values = ", ".join(f"{name}={as_text(value)}" for name, value in one.values.items() if value is not None)
        shown.add_row(one.id, one.partition, one.source, Text("\n".join(one.reasons)), Text(values))
    return shown


def write_refused(refused: Sequence[Refused], path: Path) -> int:
    """Write refused rows to a CSV file in which a person mends them.

    Parameters
    ----------
    refused : sequence of Refused
    path : Path

    Returns
    -------
    int
        Rows written.
    """
    columns = list(dict.fromkeys(name for one in refused for name in one.values))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*OWN, *columns])
        for one in refused:
            values = one.values
            own = [one.id, one.partition, one.source, "; ".join(one.reasons)]
            writer.writerow([*own, *(as_text(values.get(name)) for name in columns)])
    return len(refused)


def read_mended(path: Path, refused: Sequence[Refused], *, accept: bool, at: datetime, who: str, why: str) -> Mended:
    """Read what a person made of refused rows.

    Parameters
    ----------
    path : Path
        A CSV file as from `write_refused`; rows and columns may be left out.
    refused : sequence of Refused
        What is in quarantine now.
    accept : bool
        Whether unchanged rows are accepted as they are.
    at : datetime
        When they are released.
    who, why : str

    Returns
    -------
    Mended

    Raises
    ------
    ConfigError
        If the file cannot be read, or names a row or a column that is not there.
    """
    known = {(one.partition, one.id): one for one in refused}
    releases: dict[str, dict[str, Release]] = defaultdict(dict)
    unchanged = 0
    for number, cells in _read_lines(path):
        where = f"{path}: line {number}"
        one = known.get((str(cells.get(OWN[1])), str(cells.get(OWN[0]))))
        if one is None:
            remedy = "lakemill quarantine show --csv writes those that are there"
            raise ConfigError(f"no row {cells.get(OWN[0])!r} in quarantine", where=where, remedy=remedy)
        if one.step not in JUDGED:
            remedy = "mend what was delivered; leave this row out of the file"
            raise ConfigError(f"{one.id} was refused by the step {one.step}", where=where, remedy=remedy)
        changes = _find_changes(one.values, {name: text for name, text in cells.items() if name not in OWN}, where)
        if not changes and not accept:
            unchanged += 1
            continue
        action: Any = "mended" if changes else "accepted"
        made = Release(one.id, one.source, action, one.row, changes, one.reasons, at, who, why)
        if releases[one.partition].setdefault(one.id, made) != made:
            raise ConfigError(
                f"{one.id} is mended in two ways", where=where, remedy="rows alike in all values share an id: one line"
            )
    return Mended({key: [*made.values()] for key, made in releases.items() if made}, unchanged)


def as_text(value: Any) -> str:
    """Return a value of a refused row as it stands in a CSV file.

    Examples
    --------
    >>> as_text(None), as_text(1048.36058), as_text(True), as_text("EWR")
    ('', '1048.36058', 'true', 'EWR')
    """
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read_lines(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            lines = [(reader.line_num, line) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path), remedy="save it as CSV in UTF-8") from None
    lacking = [name for name in OWN[:2] if name not in (reader.fieldnames or ())]
    if lacking:
        raise ConfigError(
            f"no column {lacking[0]!r}", where=str(path), remedy="lakemill quarantine show --csv writes it"
        )
    for number, line in lines:
        if None in line or None in line.values():
            remedy = "write a text that holds commas in quotes"
            raise ConfigError("has not as many fields as the header", where=f"{path}: line {number}", remedy=remedy)
    return lines


def _find_changes(values: dict[str, Any], cells: dict[str, str], where: str) -> dict[str, str | None]:
    changes: dict[str, str | None] = {}
    for name, text in cells.items():
        if name not in values:
            if text:
                raise ConfigError(f"the row has no column {name!r}", where=where, remedy=suggest(name, list(values)))
        elif text != as_text(values[name]):
            changes[name] = text or None
    return changes
