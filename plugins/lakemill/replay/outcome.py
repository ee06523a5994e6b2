"""What a replay came to: each policy's partitions, trainings, alarms and costs, read from its branch.

Stays out: drawing and printing.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lakemill.config import Workflow
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.standard_errors import NORMAL_95
from lakemill.lake import Lake
from lakemill.lake.times import SCORING, read_times
from lakemill.lake.verdicts import Verdict, read_all_verdicts
from lakemill.replay.branches import Place, open_branch, read_kept
from lakemill.replay.policies import Policy

ALARMS = ("data_drift", "estimated_performance", "realised_performance", "concept_drift")  # findings that are alarms


@dataclass(frozen=True)
class Step:
    """What became of one partition under a policy.

    Attributes
    ----------
    partition : str
    verdict, reason : str
        Of monitoring.
    champion : str or None
        Version that scored it.
    rows : int
        With a score, whose labels became known.
    score, standard_error : float or None
        Realised.
    expected : float or None
        What the champion scored at the gate.
    is_worse : bool or None
        Whether the score is worse than expected beyond chance; None where it is not known.
    has_alarm : bool
        Whether monitoring found drift or decay, whatever followed.
    gate : str or None
        ``pass`` or ``fail`` of the training after it; None where there was none.
    trained : str or None
        Version that was trained after it.
    training_cpu_seconds, scoring_cpu_seconds, judging_cpu_seconds : float
    """

    partition: str
    verdict: str
    reason: str
    champion: str | None
    rows: int
    score: float | None
    standard_error: float | None
    expected: float | None
    is_worse: bool | None
    has_alarm: bool
    gate: str | None
    trained: str | None
    training_cpu_seconds: float
    scoring_cpu_seconds: float
    judging_cpu_seconds: float

    @property
    def cpu_seconds(self) -> float:
        """All of them."""
        return self.training_cpu_seconds + self.scoring_cpu_seconds + self.judging_cpu_seconds


@dataclass(frozen=True)
class Outcome:
    """What a policy came to.

    Attributes
    ----------
    policy, about : str
    steps : tuple of Step
        In order.
    """

    policy: str
    about: str
    steps: tuple[Step, ...]

    @property
    def trainings(self) -> int:
        """Trainings that were asked for, the first included."""
        return sum(one.gate is not None for one in self.steps)

    @property
    def promotions(self) -> int:
        """Models that took charge."""
        return sum(one.gate == "pass" for one in self.steps)

    @property
    def alarms(self) -> int:
        """Partitions with an alarm."""
        return sum(one.has_alarm for one in self.steps)

    @property
    def false_alarms(self) -> int:
        """Partitions with an alarm in which the champion was as good as expected, or better."""
        return sum(one.has_alarm and one.is_worse is False for one in self.steps)

    @property
    def missed_alarms(self) -> int:
        """Partitions without an alarm in which the champion was worse than expected."""
        return sum(not one.has_alarm and one.is_worse is True for one in self.steps)

    @property
    def cpu_seconds(self) -> float:
        """Of training, scoring and judging."""
        return sum(one.cpu_seconds for one in self.steps)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        names = ("trainings", "promotions", "alarms", "false_alarms", "missed_alarms", "cpu_seconds")
        return {**asdict(self), **{name: getattr(self, name) for name in names}}


@dataclass(frozen=True)
class Comparison:
    """Policies beside each other.

    Attributes
    ----------
    workflow, metric : str
    greater_is_better : bool
    outcomes : tuple of Outcome
    notes : tuple of str
        What to keep in mind.
    """

    workflow: str
    metric: str
    greater_is_better: bool
    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = ()

    @property
    def partitions(self) -> tuple[str, ...]:
        """The partitions that were replayed."""
        return tuple(one.partition for one in self.outcomes[0].steps)

    @property
    def compared(self) -> tuple[str, ...]:
        """Those in which every policy has a score."""
        scored = [{step.partition for step in one.steps if step.score is not None} for one in self.outcomes]
        return tuple(key for key in self.partitions if all(key in keys for keys in scored))

    def mean_score(self, outcome: Outcome) -> float:
        """Return a policy's mean score over the partitions that can be compared, by their rows; NaN where none can."""
        steps = [one for one in outcome.steps if one.partition in self.compared]
        rows = sum(one.rows for one in steps)
        return sum((one.score or 0.0) * one.rows for one in steps) / rows if rows else math.nan

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        means = [self.mean_score(one) for one in self.outcomes]
        return {
            "workflow": self.workflow,
            "metric": self.metric,
            "greater_is_better": self.greater_is_better,
            "partitions": list(self.partitions),
            "compared": list(self.compared),
            "notes": list(self.notes),
            "policies": [
                {**one.as_dict(), "mean_score": None if math.isnan(mean) else mean}
                for one, mean in zip(self.outcomes, means, strict=True)
            ],
        }


def read_outcome(policy: Policy, place: Place) -> Outcome:
    """Return what a policy came to in its branch.

    Parameters
    ----------
    policy : Policy
    place : Place
        All of its partitions are done.

    Returns
    -------
    Outcome
    """
    lake = open_branch(place)
    verdicts = read_all_verdicts(lake)
    gates, times = verdicts["gate"], read_times(lake)
    steps = []
    for key in place.keys:
        kept, judged, gated = read_kept(lake, key), verdicts["monitoring"][key], gates.get(key)
        of_key = [one for one in times if one.partition == key]
        scoring = sum(one.cpu_seconds for one in of_key if one.what == SCORING)
        steps.append(
            _describe(
                policy.workflow,
                judged,
                _find_gate_error(judged.evidence["champion"], gates),
                gate=gated.verdict if gated else None,
                trained=gated.evidence.get("version") if gated else None,
                training_cpu_seconds=sum(one.cpu_seconds for one in of_key if one.what != SCORING)
                + kept["auditing_cpu_seconds"],
                scoring_cpu_seconds=scoring,
                judging_cpu_seconds=kept["judging_cpu_seconds"],
            )
        )
    return Outcome(policy.name, policy.about, tuple(steps))


def has_alarm(judged: Verdict) -> bool:
    """Tell whether monitoring found that the champion may do worse, or does, whatever follows from it."""
    return any(one["finding"] in ALARMS and one["holds"] for one in judged.evidence["findings"])


def is_worse(
    workflow: Workflow,
    *,
    score: float | None,
    standard_error: float | None,
    expected: float | None,
    error_expected: float | None,
    rows: int,
) -> bool | None:
    """Tell whether a realised score is worse than that of the gate, beyond the chance that both have.

    Parameters
    ----------
    workflow : Workflow
    score, standard_error : float or None
        Realised.
    expected, error_expected : float or None
        At the gate.
    rows : int
        Fewer than ``monitor.rows`` say nothing.

    Returns
    -------
    bool or None
        None where any of it is not known.
    """
    if score is None or standard_error is None or expected is None or rows < workflow.monitor.rows:
        return None
    gain = METRICS[workflow.train.metric].gain(score, expected)
    return gain < -NORMAL_95 * math.hypot(standard_error, error_expected or 0.0)


def _describe(workflow: Workflow, judged: Verdict, error_expected: float | None, **known: Any) -> Step:
    found = judged.evidence
    worse = is_worse(
        workflow,
        score=found["score"],
        standard_error=found["standard_error"],
        expected=found["expected"],
        error_expected=error_expected,
        rows=found["rows"],
    )
    return Step(
        partition=judged.partition,
        verdict=judged.verdict,
        reason=judged.reasons[0],
        champion=found["champion"],
        rows=found["rows"],
        score=found["score"],
        standard_error=found["standard_error"],
        expected=found["expected"],
        is_worse=worse,
        has_alarm=has_alarm(judged),
        **known,
    )


def _find_gate_error(version: str | None, gates: dict[str, Verdict]) -> float | None:
    """Return the standard error of what a version scored at the gate."""
    for one in gates.values():
        if version is not None and one.evidence.get("version") == version:
            error = one.evidence.get("standard_error")
            return None if error is None else float(error)
    return None


def describe_notes(workflow: Workflow, lake: Lake, keys: Sequence[str], blocked: Sequence[str]) -> tuple[str, ...]:
    """Return what to keep in mind of a replay.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
        The one that is read.
    keys, blocked : sequence of str
        Partitions that are replayed, and those between them that are blocked.
    """
    notes = []
    if workflow.approve.when != "never":
        notes.append(f"approve: {workflow.approve.when} - nobody is asked in a replay: what the gate lets through is")
    if blocked:
        notes.append(f"blocked, and passed over as in the live lake: {', '.join(blocked)}")
    earlier = [key for key in lake.partitions("clean") if workflow.partition.holds(key) and key < keys[0]]
    if earlier:
        notes.append(f"{earlier[0]} to {earlier[-1]} are learnt from, and were not judged")
    return tuple(notes)
