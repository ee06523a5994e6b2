"""Expectations of a partition against its own history: limits learnt from the partitions published before it.

Such an expectation is one of Great Expectations' own, with the suite parameter ``{"$PARAMETER": "history"}`` in place
of a limit. Stays out: evaluating it, which is as for any other once its limits are filled in.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import pyarrow as pa
from pydantic import Field, ValidationError
from scipy.stats import t

from lakemill.config import Workflow
from lakemill.config.partition import Interval
from lakemill.config.quantities import Confidence
from lakemill.config.section import Section
from lakemill.exceptions import ConfigError, TableError, suggest
from lakemill.lake import Lake
from lakemill.lake.verdicts import read_verdicts
from lakemill.validation.figures import Figure, measure
from lakemill.validation.inputs import read_judged

PARAMETER = {"$PARAMETER": "history"}
BOTH = ("min_value", "max_value")
LEAST_DIFFERENCE = 0.01  # a smaller one is never held against a partition
SHARES = ("present", "distinct_share")


class Settings(Section):
    """How limits are learnt: ``meta.history`` of an expectation."""

    partitions: int = Field(12, ge=2, description="So many published partitions before, at most.")
    least: int = Field(3, ge=2, description="With fewer the expectation passes, and says so.")
    confidence: Confidence = Field(0.999, description="Of the interval in which the next figure is expected.")
    tolerance: float | None = Field(
        None, ge=0, description="In its place: distance from the median; of shares and moments as is, else relative."
    )


@dataclass(frozen=True)
class Kind:
    """What an expectation learns: which figure, and which of its arguments that fills."""

    figure: str
    fills: tuple[str, ...]


KINDS: Mapping[str, Kind] = {
    "expect_table_row_count_to_be_between": Kind("rows", BOTH),
    "expect_column_proportion_of_non_null_values_to_be_between": Kind("present", BOTH),
    "expect_column_values_to_not_be_null": Kind("present", ("mostly",)),
    "expect_column_mean_to_be_between": Kind("mean", BOTH),
    "expect_column_median_to_be_between": Kind("median", BOTH),
    "expect_column_stdev_to_be_between": Kind("stdev", BOTH),
    "expect_column_sum_to_be_between": Kind("sum", BOTH),
    "expect_column_min_to_be_between": Kind("min", BOTH),
    "expect_column_max_to_be_between": Kind("max", BOTH),
    "expect_column_unique_value_count_to_be_between": Kind("distinct", BOTH),
    "expect_column_proportion_of_unique_values_to_be_between": Kind("distinct_share", BOTH),
    "expect_column_quantile_values_to_be_between": Kind("quantiles", ("value_ranges",)),
    "expect_column_distinct_values_to_be_in_set": Kind("categories", ("value_set",)),
    "expect_column_values_to_be_in_set": Kind("categories", ("value_set",)),
    "expect_column_distinct_values_to_contain_set": Kind("categories", ("value_set",)),
    "expect_column_kl_divergence_to_be_less_than": Kind("categories", ("partition_object",)),
}


@dataclass(frozen=True)
class Learnt:
    """An expectation with its limits filled in.

    Attributes
    ----------
    expectation : dict or None
        None where there is too little history.
    told : str
        What the limits are and where they come from, or why there are none.
    """

    expectation: dict[str, Any] | None
    told: str


def learns(one: Mapping[str, Any]) -> bool:
    """Tell whether an expectation takes a limit from history."""
    return bool(_open_arguments(one["kwargs"]))


def check_learning(one: Mapping[str, Any], *, where: str) -> None:
    """Check that an expectation can learn what it asks for.

    Parameters
    ----------
    one : mapping
        As from `load_suite`.
    where : str
        For errors.

    Raises
    ------
    ConfigError
        If its type, an argument or ``meta.history`` is not one that can be learnt by.
    """
    asked = _open_arguments(one["kwargs"])
    if not asked and "history" not in one["meta"]:
        return
    kind = KINDS.get(one["type"])
    if kind is None:
        raise ConfigError(
            f"{one['type']} cannot learn from history", where=where, remedy=suggest(one["type"], [*KINDS])
        )
    wrong = sorted(set(asked) - set(kind.fills))
    if wrong or not asked:
        problem = f"{wrong[0]} cannot be learnt" if wrong else "meta.history, but no argument is learnt"
        remedy = f'write {{"$PARAMETER": "history"}} for {" or ".join(kind.fills)}'
        raise ConfigError(f"{one['type']}: {problem}", where=where, remedy=remedy)
    if one["kwargs"].get("row_condition"):
        raise ConfigError(
            f"{one['type']}: row_condition together with history", where=where, remedy="leave one of them out"
        )
    _read_settings(one, where)


class History:
    """The figures of the partitions that were published before one.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition; nothing of it or of a later one is read.
    lake : Lake
    project : Path
    """

    def __init__(self, workflow: Workflow, key: str, lake: Lake, *, project: Path) -> None:
        self._workflow, self._key, self._lake, self._project = workflow, key, lake, project
        self._published: list[str] | None = None

    @property
    def published(self) -> list[str]:
        """Keys of the partitions published before, in order."""
        if self._published is None:
            verdicts = read_verdicts(self._lake, "ingestion")
            before = self._workflow.partition.earlier(self._key)
            self._published = [key for key in before if key in verdicts and verdicts[key].verdict != "blocked"]
        return self._published

    def fill_in(self, name: str, one: dict[str, Any], rows: pa.Schema, *, where: str) -> Learnt:
        """Fill an expectation's limits in.

        Parameters
        ----------
        name : str
            The source that is judged, or ``table``.
        one : dict
            The expectation.
        rows : pyarrow.Schema
            Of the rows that are judged.
        where : str
            For errors.

        Returns
        -------
        Learnt
        """
        settings, figure = _read_settings(one, where), _name_figure(one)
        if figure.column is not None and figure.column not in rows.names:
            problem = f"{one['type']}: no column {figure.column!r}"
            raise TableError(problem, where=where, remedy=suggest(figure.column, rows.names))
        keys = self.published[-settings.partitions :]
        found = [value for key in keys if (value := self._read(name, key, figure, where)) is not None]
        if len(found) < settings.least:
            return Learnt(None, f"too little history: {len(found)} partition(s), {settings.least} are needed")
        interval = self._workflow.partition.interval(self._key)
        kind = rows.field(figure.column).type if figure.column is not None else pa.null()
        filled = FILLERS[KINDS[one["type"]].fills](one, found, settings, interval, kind)
        kwargs = _replace_open(one["kwargs"], filled)
        if KINDS[one["type"]].figure == "categories":
            count = len(filled.get("value_set") or filled["partition_object"]["values"])
            told = f"{count} categories of {len(found)} partitions"
        else:
            limits = ", ".join(
                f"{limit}={value}" for limit, value in filled.items() if limit in _open_arguments(one["kwargs"])
            )
            told = f"by {len(found)} partitions {limits}"
        return Learnt({**one, "kwargs": kwargs}, told)

    def keep(self, name: str, expectations: Sequence[dict[str, Any]], rows: pa.Table, *, where: str) -> None:
        """Keep the partition's own figures for those that come after it.

        Parameters
        ----------
        name : str
            The source, or ``table``.
        expectations : sequence of dict
            Its suite.
        rows : pyarrow.Table
            As they are judged.
        where : str
            For errors.
        """
        figures = {str(figure): figure for figure in map(_name_figure, filter(learns, expectations))}
        if figures:
            interval = self._workflow.partition.interval(self._key)
            self._lake.write_document(
                f"figures/{self._key}/{name}", measure(rows, figures.values(), interval, where=where)
            )

    def _read(self, name: str, key: str, figure: Figure, where: str) -> Any:
        """Return a figure of an earlier partition; one that is not kept, of a new expectation, is measured now."""
        place = f"figures/{key}/{name}"
        kept = self._lake.read_document(place) or {}
        if str(figure) not in kept:
            rows = read_judged(self._workflow, name, key, self._lake, project=self._project)
            interval = self._workflow.partition.interval(key)
            kept = {**kept, **measure(rows, [figure], interval, where=where)}
            self._lake.write_document(place, kept)
        return kept[str(figure)]


def expect_next(values: Sequence[float], settings: Settings, *, is_absolute: bool = False) -> tuple[float, float]:
    """Return the limits between which the next of a series of figures is expected.

    Parameters
    ----------
    values : sequence of float
        At least two.
    settings : Settings
    is_absolute : bool
        Whether the least difference and the tolerance are absolute (shares, moments), not relative to the figure.

    Returns
    -------
    low, high : float

    Notes
    -----
    The prediction interval of a normal distribution with unknown mean and variance,
    mean +- t(n - 1) * s * sqrt(1 + 1 / n): wide where there is little history (Hahn and Meeker, Statistical Intervals).

    Examples
    --------
    >>> low, high = expect_next([100.0, 102.0, 98.0, 101.0, 99.0, 100.0], Settings())
    >>> round(low, 1), round(high, 1)
    (89.5, 110.5)
    >>> expect_next([100.0, 80.0, 100.0], Settings(tolerance=0.25))
    (75.0, 125.0)
    """
    centre = mean(values) if settings.tolerance is None else median(values)
    unit = 1.0 if is_absolute else abs(centre)
    if settings.tolerance is None:
        quantile = float(t.ppf((1 + settings.confidence) / 2, len(values) - 1))
        margin = quantile * stdev(values) * math.sqrt(1 + 1 / len(values))
    else:
        margin = settings.tolerance * unit
    margin = max(margin, LEAST_DIFFERENCE * unit if settings.tolerance is None else 0.0)
    return centre - margin, centre + margin


def _fill_limits(
    one: dict[str, Any], found: list[Any], settings: Settings, interval: Interval, kind: pa.DataType
) -> dict[str, Any]:
    figure, is_moment = KINDS[one["type"]].figure, pa.types.is_temporal(kind)
    low, high = expect_next(found, settings, is_absolute=figure in SHARES or is_moment)
    if figure == "rows":
        days = (interval.end - interval.start) / timedelta(days=1)
        return {"min_value": max(0, math.floor(low * days)), "max_value": math.ceil(high * days)}
    if figure in SHARES:
        return {"min_value": _round(max(low, 0.0), math.floor), "max_value": _round(min(high, 1.0), math.ceil)}
    if is_moment:
        return {limit: _as_text(value, interval, kind) for limit, value in zip(BOTH, (low, high), strict=True)}
    return {"min_value": _round(low, math.floor), "max_value": _round(high, math.ceil)}


def _fill_mostly(
    one: dict[str, Any], found: list[Any], settings: Settings, interval: Interval, kind: pa.DataType
) -> dict[str, Any]:
    low, _ = expect_next(found, settings, is_absolute=True)
    return {"mostly": _round(max(low, 0.0), math.floor)}


def _fill_ranges(
    one: dict[str, Any], found: list[Any], settings: Settings, interval: Interval, kind: pa.DataType
) -> dict[str, Any]:
    ranges = [expect_next(values, settings) for values in zip(*found, strict=True)]
    return {"value_ranges": [[_round(low, math.floor), _round(high, math.ceil)] for low, high in ranges]}


def _fill_set(
    one: dict[str, Any], found: list[Any], settings: Settings, interval: Interval, kind: pa.DataType
) -> dict[str, Any]:
    sets = [{value for value, _ in counts} for counts in found]
    is_least = one["type"] == "expect_column_distinct_values_to_contain_set"
    values = set.intersection(*sets) if is_least else set.union(*sets)
    return {"value_set": sorted(values, key=str)}


def _fill_weights(
    one: dict[str, Any], found: list[Any], settings: Settings, interval: Interval, kind: pa.DataType
) -> dict[str, Any]:
    sums: dict[Any, int] = {}
    for value, count in (pair for counts in found for pair in counts):
        sums[value] = sums.get(value, 0) + count
    total = sum(sums.values())
    values = sorted(sums, key=str)
    return {"partition_object": {"values": values, "weights": [sums[value] / total for value in values]}}


FILLERS: Mapping[tuple[str, ...], Callable[..., dict[str, Any]]] = {
    BOTH: _fill_limits,
    ("mostly",): _fill_mostly,
    ("value_ranges",): _fill_ranges,
    ("value_set",): _fill_set,
    ("partition_object",): _fill_weights,
}


def _open_arguments(kwargs: Mapping[str, Any]) -> list[str]:
    """Return the names of arguments that are left to history, those within another argument included."""
    found = [name for name, value in kwargs.items() if value == PARAMETER]
    inner = [value for value in kwargs.values() if isinstance(value, dict) and value != PARAMETER]
    return [*found, *(name for value in inner for name in _open_arguments(value))]


def _replace_open(kwargs: Mapping[str, Any], filled: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: filled[name] if value == PARAMETER else _replace_open(value, filled) if isinstance(value, dict) else value
        for name, value in kwargs.items()
    }


def _name_figure(one: Mapping[str, Any]) -> Figure:
    figure = KINDS[one["type"]].figure
    quantiles = one["kwargs"]["quantile_ranges"]["quantiles"] if figure == "quantiles" else ()
    return Figure(figure, one["kwargs"].get("column"), tuple(quantiles))


def _read_settings(one: Mapping[str, Any], where: str) -> Settings:
    try:
        return Settings.model_validate(one["meta"].get("history") or {})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(["meta.history", *map(str, first["loc"])])
        known = "; ".join(f"{name}: {field.description}" for name, field in Settings.model_fields.items())
        raise ConfigError(f"{one['type']}: {place}: {first['msg']}", where=where, remedy=known) from None


def _round(value: float, way: Callable[[float], int]) -> float:
    """Round to four digits, outwards, so that a limit reads well."""
    if value == 0 or not math.isfinite(value):
        return value
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 3)
    return float(f"{way(value / step) * step:.12g}")


def _as_text(distance: float, interval: Interval, kind: pa.DataType) -> str:
    moment = interval.end + distance * (interval.end - interval.start)
    return moment.isoformat(sep=" ") if getattr(kind, "tz", None) else moment.replace(tzinfo=None).isoformat(sep=" ")
