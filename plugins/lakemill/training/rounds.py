"""A study that several workers share, and that ends the same with any number of them.

Trials have a position. They are done in rounds, and a trial learns from the rounds before its own only, so what it
tries does not depend on who ends first. A worker claims a position by creating a trial in Optuna's storage, which
numbers trials one after the other; of two claims of one position the lower number stands. While a trial runs, its
worker counts up a beat; where a beat stands still, others take the trial over.

Stays out: fitting and scoring (``tuning.py``), what is drawn (``drawing.py``).
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from lakemill.config.training import Budget, Candidate
from lakemill.training.drawing import draw_trial
from lakemill.training.trials import undraw

BEAT_SECONDS = 2.0
GRACE_SECONDS = 30.0  # a beat that stands still for so long: its worker is no more


@dataclass(frozen=True)
class Claim:
    """A trial that a worker has taken upon itself.

    Attributes
    ----------
    position : int
    parameters : dict
        For the estimator.
    number : int
        The trial's in Optuna's study, where trials that were given up are counted too.
    trial_id : int
    """

    position: int
    parameters: dict[str, Any]
    number: int
    trial_id: int


class SharedStudy:
    """The trials of one candidate.

    Parameters
    ----------
    candidate : Candidate
    budget : Budget
    seed : int
    name : str
        Of the study: trials kept under it are not run again.
    storage : optuna.storages.BaseStorage
    where : str
        For errors.
    grace : float
        Seconds that a beat may stand still.
    clock : callable
        Seconds from any moment on, only ever rising.
    """

    def __init__(
        self,
        candidate: Candidate,
        budget: Budget,
        *,
        seed: int,
        name: str,
        storage: optuna.storages.BaseStorage,
        where: str = "",
        grace: float = GRACE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        logging.getLogger("optuna").setLevel(logging.WARNING)
        self.trials = budget.trials if candidate.space else 1
        self._candidate, self._budget, self._seed, self._where = candidate, budget, seed, where
        self._storage, self._grace, self._clock = storage, grace, clock
        self._study = optuna.create_study(study_name=name, storage=storage, direction="maximize", load_if_exists=True)
        self._study_id = storage.get_study_id_from_name(name)
        self._beats: dict[int, tuple[int, float]] = {}  # of others' trials: the last beat seen, and since when

    def done(self) -> list[FrozenTrial]:
        """Return the finished trials in the order of their positions."""
        return self._read()[0]

    def has_ended(self) -> bool:
        """Tell whether no further trial is to be run."""
        return not self._open_round(self.done())

    def take_over(self, worker: str) -> None:
        """Give up what was claimed under a worker's name: it has been started anew, so nobody runs that any more."""
        for trial in self._read()[1].values():
            if trial.user_attrs["worker"] == worker:
                self._fail(trial.number)

    def claim(self, worker: str) -> Claim | None:
        """Claim a trial of the open round; None where there is none, or all are in the hands of living workers.

        Parameters
        ----------
        worker : str

        Returns
        -------
        Claim or None
        """
        done, running = self._read()
        finished = {_position(trial) for trial in done}
        held = {position for position, trial in running.items() if not self._is_abandoned(trial)}
        for position in self._open_round(done):
            if position in finished or position in held:
                continue
            if position in running:
                self._fail(running[position].number)
            if (claim := self._try_to_claim(position, done, worker)) is not None:
                return claim
        return None

    def complete(self, claim: Claim, value: float, attributes: dict[str, Any]) -> None:
        """Record a trial's value and what else is told of it; nothing where others have taken it over.

        Parameters
        ----------
        claim : Claim
        value : float
        attributes : dict
            Kept with the trial.
        """
        with suppress(UpdateFinishedTrialError):
            for name, one in attributes.items():
                self._storage.set_trial_user_attr(claim.trial_id, name, one)
            self._storage.set_trial_state_values(claim.trial_id, TrialState.COMPLETE, [value])

    def give_up(self, claim: Claim) -> None:
        """Leave a trial to others."""
        self._fail(claim.number)

    @contextmanager
    def beating(self, claim: Claim, *, every: float = BEAT_SECONDS) -> Iterator[None]:
        """Show others that a trial is being run, for as long as the block lasts."""
        ended = threading.Event()

        def beat() -> None:
            count = 0
            while not ended.wait(every):
                count += 1
                try:
                    self._storage.set_trial_user_attr(claim.trial_id, "beat", count)
                except UpdateFinishedTrialError:
                    return
                except StorageInternalError as error:  # the database may come back before the grace is over
                    logging.getLogger(__name__).warning("no beat: %s", error)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _read(self) -> tuple[list[FrozenTrial], dict[int, FrozenTrial]]:
        """Return finished trials in order, and those that are being run by their positions: of each the first claim."""
        done: dict[int, FrozenTrial] = {}
        running: dict[int, FrozenTrial] = {}
        for trial in self._claims():
            (done if trial.state is TrialState.COMPLETE else running).setdefault(_position(trial), trial)
        return [done[position] for position in sorted(done)], running

    def _claims(self) -> list[FrozenTrial]:
        states = (TrialState.RUNNING, TrialState.COMPLETE)
        return [one for one in self._study.get_trials(deepcopy=False, states=states) if "position" in one.user_attrs]

    def _open_round(self, done: list[FrozenTrial]) -> range:
        finished = {_position(trial) for trial in done}
        for start in range(0, self.trials, self._budget.at_once):
            if self._is_enough([trial for trial in done if _position(trial) < start]):
                break
            round_ = range(start, min(start + self._budget.at_once, self.trials))
            if not finished.issuperset(round_):
                return round_
        return range(0)

    def _is_enough(self, before: list[FrozenTrial]) -> bool:
        """Tell whether the trials of the rounds before are enough, though the budget has more."""
        if not before:
            return False
        values, patience = [value_of(trial) for trial in before], self._budget.patience
        if patience is not None and len(values) - 1 - values.index(max(values)) >= patience:
            return True
        return sum(_seconds(trial) for trial in before) >= 60 * self._budget.minutes

    def _is_abandoned(self, trial: FrozenTrial) -> bool:
        beat, now = int(trial.user_attrs.get("beat", 0)), self._clock()
        seen, since = self._beats.get(trial.number, (None, now))
        if seen != beat:
            since = now
        self._beats[trial.number] = (beat, since)
        return now - since > self._grace

    def _try_to_claim(self, position: int, done: list[FrozenTrial], worker: str) -> Claim | None:
        start = position - position % self._budget.at_once
        earlier = [trial for trial in done if _position(trial) < start]
        drawn, distributions = draw_trial(
            self._candidate, position, [_plain(one) for one in earlier], trials=self.trials, seed=self._seed,
            where=self._where,
        )  # fmt: skip
        mark = uuid.uuid4().hex
        trial_id = self._storage.create_new_trial(
            self._study_id,
            create_trial(
                state=TrialState.RUNNING,
                params=drawn,
                distributions=distributions,
                user_attrs={"position": position, "worker": worker, "mark": mark},
            ),
        )
        claims = [trial for trial in self._claims() if _position(trial) == position]
        number = next((trial.number for trial in claims if trial.user_attrs["mark"] == mark), None)
        if number is None:  # another of this name has given it up
            return None
        if claims[0].number < number:
            self._fail(number)
            return None
        return Claim(position, undraw(drawn, self._candidate), number, trial_id)

    def _fail(self, number: int) -> None:
        with suppress(UpdateFinishedTrialError):
            self._study.tell(number, state=TrialState.FAIL, skip_if_finished=True)


def _position(trial: FrozenTrial) -> int:
    return int(trial.user_attrs["position"])


def value_of(trial: FrozenTrial) -> float:
    """Return a finished trial's value, minus infinity where the metric was not defined."""
    assert trial.value is not None  # noqa: S101  # it is complete
    return float(trial.value)


def _seconds(trial: FrozenTrial) -> float:
    return trial.duration.total_seconds() if trial.duration is not None else 0.0


def _plain(trial: FrozenTrial) -> FrozenTrial:
    return create_trial(params=trial.params, distributions=trial.distributions, value=trial.value)
