"""Clean rows, faults put into them at known rates, and what cleaning made of each kind. Stays out: asserting."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pyarrow as pa
from records_for_tests import make_records, misspell
from workflows_for_tests import make_workflow

from lakemill.preprocessing.cleaning import clean_rows

CITIES = ("Amsterdam", "Barcelona", "Copenhagen", "Dublin", "Edinburgh", "Florence", "Hamburg", "Istanbul")
RATES = {
    "mixed date formats": 0.03,
    "decimal commas": 0.03,
    "unit slips": 0.03,
    "misspelt categories": 0.03,
    "sentinels": 0.02,
    "outliers": 0.01,
    "words for booleans": 0.03,
    "exact duplicates": 0.02,
    "near-duplicates": 0.02,
    "gaps": 0.02,
}
COLUMN_OF = {
    "mixed date formats": "ordered_at",
    "decimal commas": "amount",
    "unit slips": "distance",
    "misspelt categories": "city",
    "sentinels": "stock",
    "outliers": "weight",
    "words for booleans": "paid",
    "gaps": "reading",
}
PERSON = ("given_name", "surname", "address_1", "suburb", "postcode", "date_of_birth")
RULES: list[dict[str, Any]] = [
    {"rule": "dates", "columns": ["ordered_at"], "day_first": True},
    {"rule": "numbers", "columns": ["amount"], "decimal": "either"},
    {
        "rule": "units",
        "columns": ["distance"],
        "to": "km",
        "units": {"mi": 1.609344, "m": 0.001},
        "low": 0.5,
        "high": 400,
    },
    {"rule": "categories", "columns": ["city"], "vocabulary": list(CITIES)},
    {"rule": "sentinels", "columns": ["stock"], "values": [-1, 9999]},
    {"rule": "booleans", "columns": ["paid"]},
    {"rule": "outliers", "columns": ["weight"], "action": "missing", "learn_from": "partition"},
    {"rule": "duplicates", "keep": "first"},
    {"rule": "near_duplicates", "columns": list(PERSON)},
    {"rule": "gaps", "columns": ["reading"], "longest": "1 hour"},
]


@dataclass(frozen=True)
class Result:
    """What came of a kind of fault: how many were put in and found, how many good rows were there and touched."""

    kind: str
    seeded: int
    found: int
    good: int
    touched: int


def make_clean(count: int, seed: int = 0) -> pa.Table:
    """Rows without a fault, as they would be delivered: dates and numbers as texts; none nearly like another."""
    draw = np.random.default_rng([seed, 1])
    start = datetime(2020, 1, 1, tzinfo=timezone.utc)
    persons, _ = make_records(count, seed=seed, copies=0.0, households=0.0)
    ordered = [start - timedelta(minutes=int(minute)) for minute in draw.integers(0, 500_000, count)]
    return pa.table(
        {
            "id": pa.array(range(count), pa.int64()),
            "at": pa.array(
                [start + timedelta(seconds=86_400 * at / count) for at in range(count)], pa.timestamp("us", "UTC")
            ),
            "ordered_at": [f"{moment:%Y-%m-%d %H:%M}" for moment in ordered],
            "amount": [f"{value:.2f}" for value in draw.lognormal(5, 1, count)],
            "distance": [f"{value:.1f}" for value in draw.uniform(1, 390, count)],
            "city": draw.choice(CITIES, count).tolist(),
            "stock": draw.integers(0, 500, count),
            "weight": draw.normal(70, 8, count).round(1),
            "paid": [str(value).lower() for value in draw.random(count) < 0.5],
            "reading": (20 + np.arange(count) * 0.001).round(3),
            **{name: persons.column(name) for name in PERSON},
        }
    )


def put_faults(clean: pa.Table, seed: int = 0) -> tuple[pa.Table, dict[str, np.ndarray]]:
    """Rows with faults, and by kind where they are; of duplicates, which are appended, where the copies are."""
    draw = np.random.default_rng([seed, 2])
    count = len(clean)
    columns = {name: clean.column(name).to_pylist() for name in clean.column_names}
    where = {kind: np.flatnonzero(draw.random(count) < RATES[kind]) for kind in COLUMN_OF}
    where["gaps"] = where["gaps"][(where["gaps"] > 0) & (where["gaps"] < count - 1)]
    for kind, name in COLUMN_OF.items():
        for at in where[kind]:
            columns[name][at] = _spoil(kind, columns[name][at], draw)
    for kind in ("exact duplicates", "near-duplicates"):
        copied = np.flatnonzero(draw.random(count) < RATES[kind])
        where[kind] = np.arange(len(columns["id"]), len(columns["id"]) + len(copied))
        for at in copied:
            copy = {name: columns[name][at] for name in columns}
            if kind == "near-duplicates":
                copy["id"] = count + len(columns["id"])
                for name in draw.choice(PERSON, 2, replace=False):
                    copy[name] = misspell(copy[name], draw) if copy[name] else None
            for name, value in copy.items():
                columns[name].append(value)
    return pa.table({name: pa.array(columns[name], clean.schema.field(name).type) for name in columns}), where


def _spoil(kind: str, value: Any, draw: np.random.Generator) -> Any:
    if kind == "mixed date formats":
        moment = datetime.strptime(value, "%Y-%m-%d %H:%M")
        return moment.strftime(draw.choice(["%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%Y-%m-%dT%H:%MZ"]))
    if kind == "decimal commas":
        whole, cents = value.split(".")
        return f"{int(whole):,}".replace(",", ".") + f",{cents}"
    if kind == "unit slips":
        kilometres = float(value)
        return draw.choice(
            [f"{kilometres / 1.609344:.4f} mi", f"{kilometres * 1000:.0f} m", f"{kilometres * 1000:.0f}"]
        )
    if kind == "misspelt categories":
        while (wrong := misspell(value, draw)) == value:
            pass
        return wrong
    if kind == "words for booleans":
        return str(draw.choice(["yes", "Ja", "1"] if value == "true" else ["no", "Nein", "0"]))
    return {
        "sentinels": int(draw.choice([-1, 9999])),
        "outliers": 70 + float(draw.choice([-1, 1])) * float(draw.uniform(70, 900)),
        "gaps": None,
    }[kind]


def measure(count: int, seed: int = 0) -> tuple[list[Result], int]:
    """Put faults into so many rows and clean them; return what came of each kind, and how many good rows were lost."""
    clean = make_clean(count, seed)
    faulty, where = put_faults(clean, seed)
    workflow = make_workflow().model_copy(update={"clean": _rules()})
    want = _index(clean_rows(workflow, clean).rows)
    done = clean_rows(workflow, faulty)
    have = _index(done.rows)
    results = []
    for kind, name in COLUMN_OF.items():
        bad = set(where[kind].tolist())
        # what was learnt or filled from bad neighbours counts as touched too
        found = sum(_is_mended(kind, want, have, name, at) for at in bad)
        good = [at for at in range(count) if at not in bad]
        touched = sum(at not in have or not _agree(want[at][name], have[at][name]) for at in good)
        results.append(Result(kind, len(bad), found, len(good), touched))
    for kind in ("exact duplicates", "near-duplicates"):
        copies = [faulty.column("id")[int(at)].as_py() for at in where[kind]]
        gone = len(copies) if kind == "exact duplicates" else sum(one not in have for one in copies)
        if kind == "exact duplicates":
            gone -= len(done.rows) - len(set(done.rows.column("id").to_pylist()))
        results.append(Result(kind, len(copies), gone, count, sum(at not in have for at in range(count))))
    return results, sum(at not in have for at in range(count))


def _rules() -> Any:
    return make_workflow(clean=RULES).clean


def _index(rows: pa.Table) -> dict[int, dict[str, Any]]:
    return {row["id"]: row for row in rows.to_pylist()}


def _is_mended(kind: str, want: dict, have: dict, name: str, at: int) -> bool:
    if at not in have:
        return False
    if kind in ("sentinels", "outliers"):
        return have[at][name] is None
    if kind == "gaps":
        return bool(have[at][f"{name}_was_missing"]) and _agree(want[at][name], have[at][name])
    return _agree(want[at][name], have[at][name])


def _agree(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 0.002 * max(abs(one), 1)
    return one == other
