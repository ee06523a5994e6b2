"""The champion against its challengers: realised scores on the same rows, with the paired interval of the gate.

Challengers are the champion before, and the model of the last training where it is not in charge. Both are put to rows
that neither has learnt from. Stays out: what follows (``decision.py``).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import stats

from lakemill.config import Workflow
from lakemill.evaluation.comparison import Difference, compare_paired
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.scored_rows import read_rows
from lakemill.evaluation.scores import score_rows
from lakemill.exceptions import RegistryError
from lakemill.lake import PARTITION, Lake
from lakemill.lake.verdicts import Verdict
from lakemill.monitoring.findings import Finding, round_figure
from lakemill.monitoring.performance import TRUTH, as_prediction
from lakemill.monitoring.thinning import spread_evenly
from lakemill.registry.challengers import FINDERS, Challenger
from lakemill.registry.ledger import Entry
from lakemill.registry.models import Registry
from lakemill.training.found_features import features_of

MOST_ROWS = 20_000  # of a partition, evenly over its labelled rows
NAMES = {"candidate": "worse_than_candidate", "previous": "worse_than_previous"}
CALLED = {"candidate": "the last candidate", "previous": "the champion before"}


@dataclass(frozen=True)
class Match:
    """The champion and one challenger on the same rows.

    Attributes
    ----------
    champion, challenger : str
        Their versions.
    rows : int
    difference : Difference
        By how much the champion is better, in the metric's unit.
    """

    champion: str
    challenger: str
    rows: int
    difference: Difference


def challenge(
    workflow: Workflow,
    key: str,
    lake: Lake,
    registry: Registry,
    champion: Entry | None,
    made: pd.DataFrame | None,
    earlier: Mapping[str, Verdict],
    *,
    by: str,
) -> tuple[Finding, Match | None]:
    """Compare the champion with a challenger on the rows whose labels became known.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition.
    lake : Lake
    registry : Registry
    champion : Entry or None
        In charge as of the partition's start.
    made : DataFrame or None
        As from `performance.read_predictions`.
    earlier : mapping of str to Verdict
        Monitoring's, by partition, in order.
    by : {"candidate", "previous"}

    Returns
    -------
    Finding
        ``worse_than_...``. The champion is worse in a partition where the whole interval lies below 0, at
        ``monitor.confidence``. It holds where that is so in as many of the last partitions as ``monitor.alarm`` asks
        for, this one being the last; at once where the whole interval lies below ``-monitor.decay``.
    Match or None
        None where they could not be compared.
    """
    name, start = NAMES[by], workflow.partition.interval(key).start
    if champion is None:
        return Finding(name, None, "there is no champion"), None
    challenger = FINDERS[by](lake, as_of=start)
    if challenger is None:
        return Finding(name, None, f"there is no other model: {CALLED[by]}"), None
    rows = _choose_rows(workflow, lake, made, champion, challenger)
    if rows is None or len(rows) < workflow.monitor.rows:
        known = 0 if rows is None else len(rows)
        said = f"{known:,} rows with a label that both can be put to, {workflow.monitor.rows} are needed"
        return Finding(name, None, said, {"version": challenger.version, "rows": known}), None
    try:
        match = _compare(workflow, lake, registry, champion, challenger, rows)
    except RegistryError as error:
        return Finding(name, None, error.problem, {"version": challenger.version}), None
    return _judge(workflow, by, match, earlier), match


def tell_whether_it_helped(
    workflow: Workflow, champion: Entry | None, match: Match | None, earlier: Mapping[str, Verdict]
) -> dict[str, object] | None:
    """Tell whether the training that brought the champion has helped, from all partitions that it was in charge of.

    Parameters
    ----------
    workflow : Workflow
    champion : Entry or None
    match : Match or None
        Against the champion before, in this partition.
    earlier : mapping of str to Verdict
        Of monitoring, by partition: their matches of the same two versions count, too.

    Returns
    -------
    dict or None
        ``version``, ``against``, ``helped`` (True or False beyond chance, else None), ``gain`` with its interval
        ``low`` and ``high``, ``rows``, ``partitions``; None where the two have not been compared yet.

    Notes
    -----
    The gain is the mean of the partitions' gains, by their rows; its interval that of independent partitions, each with
    the standard error that its own interval tells of.
    """
    if champion is None:
        return None
    found = [one.evidence.get("against_previous") for one in earlier.values()]
    matches = [one for one in found if one and one["champion"] == champion.version]
    if match is not None and not math.isnan(match.difference.gain):
        matches.append(describe(match))
    matches = [one for one in matches if one["challenger"] == matches[-1]["challenger"] and one["gain"] is not None]
    if not matches:
        return None
    weights = np.array([one["rows"] for one in matches], dtype=float)
    weights /= weights.sum()
    z = float(stats.norm.ppf(0.5 + workflow.monitor.confidence / 2))
    errors = np.array([(one["high"] - one["low"]) / (2 * z) for one in matches])
    gain = float(weights @ [one["gain"] for one in matches])
    reach = z * float(np.sqrt((weights * errors) @ (weights * errors)))
    return {
        "version": champion.version,
        "against": matches[-1]["challenger"],
        "helped": True if gain > reach else False if gain < -reach else None,
        "gain": round_figure(gain),
        "low": round_figure(gain - reach),
        "high": round_figure(gain + reach),
        "rows": sum(one["rows"] for one in matches),
        "partitions": len(matches),
    }


def describe(match: Match) -> dict[str, object]:
    """Return a match as evidence of a verdict."""
    ends = {name: round_figure(getattr(match.difference, name)) for name in ("gain", "low", "high")}
    return {"champion": match.champion, "challenger": match.challenger, "rows": match.rows, **ends}


def _choose_rows(
    workflow: Workflow, lake: Lake, made: pd.DataFrame | None, champion: Entry, challenger: Challenger
) -> pd.DataFrame | None:
    """Return the rows that the champion has scored and the challenger has not learnt from, a bounded number of them."""
    snapshot = lake.read_document(f"snapshots/{challenger.snapshot}")
    if made is None or snapshot is None:
        return None
    is_new = made[workflow.table.event_time] >= pd.Timestamp(datetime.fromisoformat(snapshot["as_of"]))
    rows = made[(made["model_version"] == champion.version) & is_new]
    return rows.iloc[spread_evenly(len(rows), MOST_ROWS)].reset_index(drop=True)


def _compare(
    workflow: Workflow, lake: Lake, registry: Registry, champion: Entry, challenger: Challenger, rows: pd.DataFrame
) -> Match:
    scored = _score(workflow, lake, registry, challenger, rows)
    own = [*workflow.table.key, PARTITION]
    both = rows.merge(scored, on=own, how="inner", suffixes=("", "_challenger"), validate="one_to_one")
    both = both[both["score_challenger"].notna() & both["score"].notna()].reset_index(drop=True)
    names = [name for name in scored.columns if name not in own]
    theirs = both[[f"{name}_challenger" for name in names]].set_axis(names, axis=1)
    theirs["model_version"] = challenger.version
    difference = compare_paired(
        METRICS[workflow.train.metric],
        both[TRUTH].to_numpy(),
        as_prediction(both, workflow.table.label.problem),
        as_prediction(theirs, workflow.table.label.problem),
        confidence=workflow.monitor.confidence,
        seed=workflow.train.seed,
    )
    return Match(champion.version, challenger.version, len(both), difference)


def _score(
    workflow: Workflow, lake: Lake, registry: Registry, challenger: Challenger, rows: pd.DataFrame
) -> pd.DataFrame:
    """Score rows of the lake by a challenger, as scoring would; return their keys with the scores."""
    pipeline, features = registry.load(challenger.version), features_of(workflow, lake, challenger.snapshot)
    own, parts = [*workflow.table.key, PARTITION], []
    for key, wanted in rows.groupby(PARTITION):
        clean = read_rows(workflow, lake, str(key), features.windows)
        numbered = clean.select(own).to_pandas().reset_index(names="_position")
        positions = numbered.merge(wanted[own], on=own, how="inner")["_position"].sort_values()
        taken = clean.take(pa.array(positions.to_numpy()))
        scores = score_rows(pipeline, taken, features).to_pandas()
        parts.append(pd.concat([taken.select(own).to_pandas(), scores], axis=1))
    return pd.concat(parts, ignore_index=True)


def _judge(workflow: Workflow, by: str, match: Match, earlier: Mapping[str, Verdict]) -> Finding:
    name, monitor, evidence, found = NAMES[by], workflow.monitor, describe(match), match.difference
    if any(math.isnan(one) for one in (found.gain, found.low, found.high)):
        return Finding(name, None, f"{workflow.train.metric} is not defined on these rows", evidence)
    interval = f"{monitor.confidence:.0%} interval [{found.low:+.4f}, {found.high:+.4f}]"
    text = (
        f"v{match.champion} {found.gain:+.4f} against {CALLED[by]}, v{match.challenger}, "
        f"on the same {match.rows:,} rows, {interval}"
    )
    if found.high >= 0:
        return Finding(name, False, text, evidence)
    count = 1 + _count_worse(by, match, earlier, last=monitor.alarm.of - 1)
    evidence |= {"partitions_worse": count}
    if count >= monitor.alarm.found or (monitor.decay is not None and found.high < -monitor.decay):
        return Finding(name, True, text, evidence)
    text += f"; worse in {count} of the last {monitor.alarm.of} partitions, {monitor.alarm.found} are asked for"
    return Finding(name, False, text, evidence)


def _count_worse(by: str, match: Match, earlier: Mapping[str, Verdict], *, last: int) -> int:
    """Return in how many of the last partitions the same champion was worse than the same challenger."""
    found = [one.evidence.get(f"against_{by}") for one in list(earlier.values())[-last:]] if last else []
    both = (match.champion, match.challenger)
    same = [one for one in found if one and (one["champion"], one["challenger"]) == both]
    return sum(one["high"] is not None and one["high"] < 0 for one in same)
