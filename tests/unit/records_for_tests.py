"""Records of persons with known duplicates: FEBRL's sets, and larger ones of the same kind. Stays out: asserting.

A larger set is not the small one repeated: names, streets and suburbs are drawn as often as FEBRL has them,
dates of birth and numbers anew. Some persons live together and share surname and address, and are no duplicates.
"""

import csv
import io
import lzma
from pathlib import Path

import numpy as np
import pyarrow as pa

FOLDER = Path(__file__).resolve().parents[1] / "data" / "febrl"
TOGETHER = (
    ("given_name",),
    ("surname",),
    ("street_number",),
    ("address_1",),
    ("address_2",),
    ("suburb", "postcode", "state"),
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def read_febrl(number: str) -> tuple[pa.Table, np.ndarray]:
    """Records of a set, and the number of the person of each; 4 is both its files, one after the other."""
    rows: list[dict[str, str]] = []
    for name in ("4a", "4b") if number == "4" else (number,):
        text = lzma.decompress((FOLDER / f"dataset{name}.csv.xz").read_bytes()).decode()
        rows += csv.DictReader(io.StringIO(text), skipinitialspace=True)
    persons = np.array([int(row["rec_id"].split("-")[1]) for row in rows])
    names = [name for name in rows[0] if name.strip() != "rec_id"]
    return pa.table({name.strip(): pa.array([row[name].strip() or None for row in rows]) for name in names}), persons


def make_records(
    count: int, *, seed: int = 0, copies: float = 0.2, households: float = 0.1
) -> tuple[pa.Table, np.ndarray]:
    """So many records, a share of them copies with mistakes, and the number of the person of each."""
    draw = np.random.default_rng(seed)
    originals = count - int(count * copies)
    records = _draw_persons(originals, draw, households)
    persons = np.concatenate([np.arange(originals), draw.integers(0, originals, count - originals)])
    made = [dict(records[person]) for person in persons]
    for record in made[originals:]:
        _spoil(record, draw)
    order = draw.permutation(count)
    names = list(records[0])
    return pa.table({name: pa.array([made[at][name] for at in order], pa.string()) for name in names}), persons[order]


def count_pairs(groups: np.ndarray, persons: np.ndarray) -> tuple[float, float]:
    """Precision and recall of groups, by pairs of rows."""

    def pairs(labels: np.ndarray) -> int:
        counts = np.unique(labels, return_counts=True)[1]
        return int((counts * (counts - 1) // 2).sum())

    both = pairs(groups.astype(np.int64) * (int(persons.max()) + 1) + persons)
    return both / max(pairs(groups), 1), both / pairs(persons)


def _draw_persons(count: int, draw: np.random.Generator, households: float) -> list[dict[str, str | None]]:
    known = read_febrl("4")[0].slice(0, 5000).to_pylist()
    picks = {names: draw.integers(0, len(known), count) for names in TOGETHER}
    born = np.datetime64("1900-01-01") + draw.integers(0, 36_500, count)
    numbers = draw.integers(1_000_000, 10_000_000, count)
    found = []
    for at in range(count):
        record = {name: known[picks[names][at]][name] for names in TOGETHER for name in names}
        record["date_of_birth"] = str(born[at]).replace("-", "")
        record["soc_sec_id"] = str(numbers[at])
        if at and draw.random() < households:
            other = found[at - 1]
            shared = ("surname", "street_number", "address_1", "address_2", "suburb", "postcode", "state")
            record.update({name: other[name] for name in shared})
        found.append(record)
    return found


def _spoil(record: dict[str, str | None], draw: np.random.Generator) -> None:
    """Make one to five mistakes, as FEBRL does: letters, values lost, names and dates the wrong way round."""
    names = list(record)
    for _ in range(draw.integers(1, 6)):
        kind, name = draw.random(), names[draw.integers(0, len(names))]
        value = record[name]
        if kind < 0.05:
            record["given_name"], record["surname"] = record["surname"], record["given_name"]
        elif kind < 0.15:
            record[name] = None
        elif value:
            record[name] = misspell(value, draw)


def misspell(text: str, draw: np.random.Generator) -> str:
    """A text with one letter more, less, another, or two exchanged."""
    at, kind = int(draw.integers(0, len(text))), draw.integers(0, 4)
    letter = str(draw.integers(0, 10)) if text[at].isdigit() else LETTERS[draw.integers(0, 26)]
    if kind == 0:
        return text[:at] + letter + text[at:]
    if kind == 1 and len(text) > 1:
        return text[:at] + text[at + 1 :]
    if kind == 2 and at + 1 < len(text):
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + letter + text[at + 1 :]
