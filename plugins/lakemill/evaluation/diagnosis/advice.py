"""What to change next, in words that follow from figures: rules with stated thresholds, each with its figures.

Effects are measured in the way from a naive model's score to the metric's best value (`Scale`), so that one threshold
does for all metrics. To add a rule: a function that returns a `Finding` or None, a line in ``RULES``; its place is its
rank. Stays out: measuring, and test rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lakemill.evaluation.calibration import CONFIDENCE, LEAST_OF_CLASSES, LEAST_OF_VALUES, Calibration
from lakemill.evaluation.comparison import Difference
from lakemill.evaluation.diagnosis.slices import LEAST_RATIO, Slice
from lakemill.evaluation.importance import Importance
from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.scale import Scale
from lakemill.evaluation.slices import CHANCE

LEAST_GAIN = 0.01  # of the way: what is worth a change
LEAST_RISE = 0.02  # of the way, from half to all rows: few draws of the half leave more chance in it
MOST_LOSS = 0.02  # of the way: what dropping idle features may cost, at the interval's lower end
LARGE_GAP = 0.10  # of the way, from training to validation rows
LARGE_SHIFT = 0.05  # of the way, from unseen rows of the same period to validation rows
LOW = 0.25  # of the way: so little of it is gone
NEAR_CEILING = 0.90  # of the way from a naive model to what the labels' noise lets anyone reach
NOISE_SEEN = 0.01  # lower bound of the share of wrong labels


@dataclass(frozen=True)
class Try:
    """A variant of the model, fitted on training rows and compared on validation rows.

    Attributes
    ----------
    change : str
        What was changed, in words.
    difference : Difference
        Its gain over the model; the interval is corrected for the number of tries.
    seconds, seconds_before : float
        CPU seconds of fitting it, and the model.
    """

    change: str
    difference: Difference
    seconds: float
    seconds_before: float


@dataclass(frozen=True)
class Facts:
    """All that advice follows from.

    Attributes
    ----------
    metric : Metric
    scale : Scale
    train, validation : float
        Scores of the model that was fitted on training rows.
    doubling, shift : Difference or None
        Of the learning curve.
    split : str
        The workflow's kind of split.
    calibration : Calibration or None
        On validation rows.
    calibration_unseen : Calibration or None
        On unseen rows of the training period, of a model of half the rows.
    slices : list of Slice
    importances : list of Importance
    tries : dict of str to Try
        ``regularised``, ``flexible``, ``fewer_features``: those that were made.
    label_noise : dict
        Of the audit of labels: ``verdict``, ``noise_low``, ``noise_rate``, ``ceiling``.
    estimator : str
    unit : str
        Of the label.
    """

    metric: Metric
    scale: Scale
    train: float
    validation: float
    doubling: Difference | None = None
    shift: Difference | None = None
    split: str = "time"
    calibration: Calibration | None = None
    calibration_unseen: Calibration | None = None
    slices: list[Slice] = field(default_factory=list)
    importances: list[Importance] = field(default_factory=list)
    tries: dict[str, Try] = field(default_factory=dict)
    label_noise: dict[str, Any] = field(default_factory=dict)
    estimator: str = ""
    unit: str = ""

    @property
    def gap(self) -> float:
        """What is lost from training to validation rows, without what is lost since these differ."""
        lost = self.metric.gain(self.train, self.validation)
        return lost - max(self.shift.gain, 0.0) if self.shift is not None else lost

    @property
    def is_gap_large(self) -> bool:
        """Whether that is at least a tenth of the way."""
        return self.gap >= LARGE_GAP * self.scale.span

    @property
    def is_rising(self) -> bool:
        """Whether the second half of the rows gained something, beyond chance."""
        return self.doubling is not None and self._is_gain(self.doubling, LEAST_RISE)

    @property
    def way(self) -> float:
        """How much of the way the model has gone: 0 is a naive model, 1 the best there can be."""
        return self.metric.gain(self.validation, self.scale.naive) / self.scale.span

    @property
    def reach(self) -> float | None:
        """How much of the way to the ceiling of noisy labels; None where that is not known."""
        noise = self.label_noise
        if noise.get("verdict") != "estimated" or noise.get("ceiling") is None:
            return None
        span = self.metric.gain(noise["ceiling"], self.scale.naive)
        return self.metric.gain(self.validation, self.scale.naive) / span if span > 0 else None

    def helps(self, name: str) -> bool:
        """Tell whether a variant was tried and is better, beyond chance and by one hundredth of the way."""
        return name in self.tries and self._is_gain(self.tries[name].difference)

    def _is_gain(self, difference: Difference, least: float = LEAST_GAIN) -> bool:
        return difference.low > 0 and difference.gain >= least * self.scale.span

    def tell_doubling(self) -> str:
        """Say what the second half of the rows gained."""
        found = self.doubling
        if found is None:
            return "too few rows for a learning curve"
        return f"from half to all training rows the validation score gains {tell(found)}"


@dataclass(frozen=True)
class Finding:
    """Something that should be changed.

    Attributes
    ----------
    rule : str
    figures : str
        What it follows from.
    threshold : str
        From when on it is said.
    advice : str
        What to do.
    """

    rule: str
    figures: str
    threshold: str
    advice: str


def advise(facts: Facts) -> list[Finding]:
    """Apply all rules.

    Parameters
    ----------
    facts : Facts

    Returns
    -------
    list of Finding
        The first to be looked at first; empty where nothing is found.
    """
    return [finding for rule in RULES if (finding := rule(facts)) is not None]


def tell(difference: Difference) -> str:
    """Word a difference with its interval.

    Examples
    --------
    >>> tell(Difference(0.01234, -0.0021, 0.0268))
    '+0.0123 [-0.0021, +0.0268]'
    """
    return f"{difference.gain:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}]"


def look_at_labels(facts: Facts) -> Finding | None:
    """Look for wrong labels, and a score near what they let anyone reach."""
    reach, noise = facts.reach, facts.label_noise
    if reach is None or reach < NEAR_CEILING or noise["noise_low"] < NOISE_SEEN:
        return None
    return Finding(
        "labels",
        f"{noise['noise_rate']:.1%} of labels are estimated wrong; with them {facts.metric.name} reaches "
        f"{noise['ceiling']:.4f} at best, and the model has {facts.validation:.4f}: {reach:.0%} of the way from naive",
        f"{NEAR_CEILING:.0%} of the way to the ceiling, at least {NOISE_SEEN:.0%} wrong",
        "look at labels before anything else: lakemill labels review",
    )


def find_overfitting(facts: Facts) -> Finding | None:
    """Find a large gap that more rows, or holding the estimator back, would narrow; the gap alone is no fault."""
    if not facts.is_gap_large or not (facts.is_rising or facts.helps("regularised")):
        return None
    known = facts.tries.get("regularised")
    figures = (
        f"training {facts.train:.4f}, validation {facts.validation:.4f}: {facts.gap:.4f} lost to overfitting, "
        f"{facts.gap / facts.scale.span:.0%} of the way from naive to best; {facts.tell_doubling()}"
    )
    if known is not None:
        figures += f"; {known.change}: {tell(known.difference)}"
    if facts.helps("regularised"):
        assert known is not None  # noqa: S101  # it was tried
        advice = f"regularise: {known.change}, or have it searched there"
        advice += "; more rows help too" if facts.is_rising else ""
    else:
        advice = f"more rows; {facts.estimator} held back more does not replace them" if known else (
            f"more rows, or a parameter of {facts.estimator} that holds it back"
        )  # fmt: skip
    return Finding(
        "overfitting",
        figures,
        f"gap of {LARGE_GAP:.0%} of the way, and {LEAST_RISE:.0%} gained by rows or {LEAST_GAIN:.0%} by a change",
        advice,
    )


def find_underfitting(facts: Facts) -> Finding | None:
    """Find a flexible estimator that is better as it comes: the model's own misses shapes that the features hold."""
    if not facts.helps("flexible"):
        return None
    known = facts.tries["flexible"]
    return Finding(
        "underfitting",
        f"training {facts.train:.4f}, validation {facts.validation:.4f}, no overfitting; "
        f"{facts.tell_doubling()}; {known.change}: {tell(known.difference)}",
        f"gap below {LARGE_GAP:.0%} of the way, and another estimator gains {_least()}",
        f"another estimator than {facts.estimator}, or features that say what it misses: "
        f"add {known.change} to train.candidates",
    )


def ask_for_rows(facts: Facts) -> Finding | None:
    """Ask for rows where there is no large gap, and yet each further one helps."""
    if not facts.is_rising or facts.is_gap_large or facts.helps("flexible"):
        return None
    more = " (a longer history before the training)" if facts.split == "time" else ""
    return Finding(
        "more rows",
        facts.tell_doubling(),
        f"a gain of {_least(LEAST_RISE)}",
        f"more rows like these{more}: as many again may bring as much once more, at most",
    )


def ask_for_features(facts: Facts) -> Finding | None:
    """Ask for features where little is explained, and neither rows nor another estimator would change that."""
    is_tried = "flexible" in facts.tries
    if facts.way >= LOW or facts.is_rising or facts.helps("flexible") or facts.helps("regularised") or not is_tried:
        return None
    if look_at_labels(facts) is not None:
        return None
    return Finding(
        "weak features",
        f"validation {facts.validation:.4f}, naive {facts.scale.naive:.4f}: {facts.way:.0%} of the way to the best; "
        f"{facts.tell_doubling()}; {facts.tries['flexible'].change}: {tell(facts.tries['flexible'].difference)}",
        f"below {LOW:.0%} of the way, and neither gains {_least()}",
        "further features: what is left is not in these, or chance",
    )


def find_shift(facts: Facts) -> Finding | None:
    """Find a model that is better on unseen rows of its own period than on validation rows."""
    shift = facts.shift
    if shift is None or shift.low <= 0 or shift.gain < LARGE_SHIFT * facts.scale.span:
        return None
    of_time = "retrain more often, or find features whose meaning stays" if facts.split == "time" else (
        "see what sets validation rows apart: another split, or features that carry over"
    )  # fmt: skip
    return Finding(
        "other rows",
        f"fitted on half of the training rows, the model is better on the other half than on validation rows by "
        f"{tell(shift)}, {shift.gain / facts.scale.span:.0%} of the way",
        f"{LARGE_SHIFT:.0%} of the way, beyond chance",
        of_time,
    )


def find_miscalibration(facts: Facts) -> Finding | None:
    """Find predictions that do not come as often, or as large, as they say."""
    found, unseen = facts.calibration, facts.calibration_unseen
    if found is None or not found.is_off:
        return None
    is_classes = found.curves[0].name != ""
    unit = "" if is_classes or not facts.unit else f" of {facts.unit}"
    figures = f"predictions are {found.error:.4f}{unit} off on average"
    figures += f", {found.effect:.4f} more than by chance" if is_classes else (
        f", {found.effect:.1%} of the squared error more than by chance"
    )  # fmt: skip
    if found.predicted == found.predicted:
        figures += f"; mean predicted {found.predicted:.4g}, observed {found.observed:.4g}"
    least = f"{LEAST_OF_CLASSES:g}" if is_classes else f"{LEAST_OF_VALUES:.0%} of the squared error"
    threshold = f"{least} more than by chance, which is excluded at {CONFIDENCE:.1%}"
    if unseen is not None and not unseen.is_off:
        figures += f"; on unseen rows of the training period {unseen.error:.4f}{unit}, within the threshold"
        return Finding(
            "calibration", figures, threshold, "the estimator is calibrated on rows like those it learnt from, and "
            "validation rows differ: retrain more often rather than calibrate",
        )  # fmt: skip
    if is_classes:
        advice = (
            "calibrate: a class of yours around sklearn.calibration.CalibratedClassifierCV as a candidate, or tune by "
            "train.metric: log_loss; it matters where probabilities are used, not for ranking"
        )
    else:
        advice = "calibrate, or tune by root_mean_squared_error: a mean is asked for that is not predicted"
    return Finding("calibration", figures, threshold, advice)


def find_bad_slices(facts: Facts) -> Finding | None:
    """Find slices in which the model errs more than elsewhere, and than their labels explain."""
    bad = [one for one in facts.slices if one.is_bad]
    if not bad:
        return None
    told = "; ".join(
        f"{one.feature} {one.level} ({one.share:.0%} of rows): error {one.error:.4g} [{one.low:.4g}, {one.high:.4g}], "
        f"elsewhere {one.error_elsewhere:.4g}, expected here {one.expected:.4g}"
        for one in bad[:3]
    )
    more = f"; and {len(bad) - 3} more" if len(bad) > 3 else ""
    return Finding(
        "slices",
        told + more,
        f"{LEAST_RATIO:g} times the error elsewhere, p < {CHANCE:g} corrected for {len(facts.slices)} slices",
        "see how these rows differ: their labels, a feature that is missing for them, more rows of their kind",
    )


def drop_features(facts: Facts) -> Finding | None:
    """Find features without which the model, fitted again, is no worse."""
    known = facts.tries.get("fewer_features")
    if known is None or not known.difference.low > -MOST_LOSS * facts.scale.span:
        return None
    idle = [one.feature for one in facts.importances if one.is_idle]
    return Finding(
        "idle features",
        f"{', '.join(idle)}: nothing lost beyond noise when mixed; fitted without: {tell(known.difference)}, "
        f"{known.seconds:.2g} s of CPU instead of {known.seconds_before:.2g} s",
        f"loss within two standard deviations, and at most {MOST_LOSS:.0%} of the way lost without, by the interval",
        "could be dropped: features.drop, or leave them out of the lists",
    )


def _least(gain: float = LEAST_GAIN) -> str:
    return f"{gain:.0%} of the way from naive to best, beyond chance"


RULES: tuple[Callable[[Facts], Finding | None], ...] = (
    look_at_labels,
    find_overfitting,
    find_underfitting,
    ask_for_rows,
    ask_for_features,
    find_shift,
    find_miscalibration,
    find_bad_slices,
    drop_features,
)
