"""Columns of a report: what was measured of each, ranked by what its drift does to the predictions.

From the table ``drift``, which has all columns, and from the verdict, which says what alarms. Stays out: reading these.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lakemill.monitoring.differences import FLOORS
from lakemill.monitoring.report.distributions import Distribution, distribute
from lakemill.monitoring.sketches import ColumnProfile
from lakemill.monitoring.wording import WORDS

DRIFTED, FOUND, QUIET, UNJUDGED = "drift", "found", "none", "not judged"


@dataclass(frozen=True)
class Column:
    """What is known of a column, or of the predictions.

    Attributes
    ----------
    name : str
    state : str
        ``drift`` where it alarms, ``found`` where this partition alone shows it, ``none``, or ``not judged``.
    effect, p_value : float or None
        As in `lakemill.monitoring.drift.ColumnDrift`.
    moved : float or None
        By how much its drift moves the predictions.
    why : str
    usual : dict of str to float
        What the past makes usual, by statistic.
    statistics : dict of str to float
    distribution : Distribution or None
    """

    name: str
    state: str
    effect: float | None = None
    p_value: float | None = None
    moved: float | None = None
    why: str = ""
    usual: Mapping[str, float] = field(default_factory=dict)
    statistics: Mapping[str, float] = field(default_factory=dict)
    distribution: Distribution | None = None


def rank_columns(
    found: Mapping[str, Any],
    measured: Iterable[Mapping[str, Any]],
    reference: Mapping[str, ColumnProfile],
    current: Mapping[str, ColumnProfile],
) -> tuple[Column, ...]:
    """Bring together what is known of columns.

    Parameters
    ----------
    found : dict
        Of a verdict's evidence: ``drifted`` and ``drift``.
    measured : iterable of dict
        Rows of the table ``drift`` for the partition.
    reference, current : dict of str to ColumnProfile

    Returns
    -------
    tuple of Column
        First those whose drift moves predictions most, then by effect, then by name.
    """
    told = {one["column"]: one for one in found.get("drift") or ()}
    tests: dict[str, list[Mapping[str, Any]]] = {}
    for row in measured:
        tests.setdefault(row["column"], []).append(row)
    alarming = set(found.get("drifted") or ())
    columns = [
        _make(name, told.get(name) or {}, tests.get(name) or [], name in alarming, reference, current)
        for name in sorted({*told, *tests, *alarming, *current})
    ]
    return tuple(sorted(columns, key=lambda one: (-_or(one.moved, -1.0), -_or(one.effect, -1.0), one.name)))


def _make(
    name: str,
    told: Mapping[str, Any],
    tests: list[Mapping[str, Any]],
    alarms: bool,
    reference: Mapping[str, ColumnProfile],
    current: Mapping[str, ColumnProfile],
) -> Column:
    is_found = bool(told.get("is_found")) or any(test["is_found"] for test in tests)
    is_judged = bool(tests) or told.get("effect") is not None
    effect, why = told.get("effect"), told.get("why") or ""
    if tests and effect is None:
        telling = [test for test in tests if test["is_found"]] or tests
        largest = max(telling, key=_size)
        effect = min(1.0, _size(largest))
        why = why or (WORDS[largest["statistic"]].format(largest["effect"]) if largest["effect"] else "")
    return Column(
        name=name,
        state=DRIFTED if alarms else FOUND if is_found else QUIET if is_judged else UNJUDGED,
        effect=effect,
        p_value=min((test["p_value"] for test in tests), default=told.get("p_value")),
        moved=told.get("moves_predictions_by"),
        why=why,
        usual={test["statistic"]: test["usual"] for test in tests if test["usual"] is not None},
        statistics={test["statistic"]: test["effect"] for test in tests}
        | {test: value for test, value in (told.get("statistics") or {}).items() if value is not None},
        distribution=distribute(reference.get(name), current.get(name)),
    )


def _size(test: Mapping[str, Any]) -> float:
    """Return a statistic's effect on the scale that all share."""
    return float(test["effect"]) / FLOORS.get(test["statistic"], 1.0)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
