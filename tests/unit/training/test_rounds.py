"""Claims of trials: each one once, a round after the other, from those who are gone by those who are there."""

from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from lakemill.config.training import Budget, Candidate
from lakemill.training.rounds import SharedStudy

CANDIDATE = Candidate.model_validate({"estimator": "x.Y", "search": {"a": {"low": 0.0, "high": 1.0}}})


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def storage() -> optuna.storages.BaseStorage:
    return optuna.storages.InMemoryStorage()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def share(storage: optuna.storages.BaseStorage, clock: Clock) -> Any:
    """Function that opens the one study as a worker does."""

    def share(**budget: Any) -> SharedStudy:
        limits = Budget.model_validate({"trials": 6, "at_once": 2, **budget})
        return SharedStudy(CANDIDATE, limits, seed=0, name="study", storage=storage, grace=30.0, clock=clock)

    return share


def run_all(study: SharedStudy, values: list[float]) -> list[dict[str, Any]]:
    """Run all trials, which reach these values by their positions; what they tried."""
    tried = []
    while (claim := study.claim("one")) is not None:
        study.complete(claim, values[claim.position], {})
        tried.append(claim.parameters)
    return tried


VALUES = [0.3, 0.1, 0.5, 0.2, 0.4, 0.6]


def test_a_round_begins_when_the_one_before_has_ended(share: Any) -> None:
    one, two = share(), share()
    first, second = one.claim("one"), two.claim("two")

    assert (first.position, second.position) == (0, 1)
    assert one.claim("one") is None
    one.complete(first, 0.1, {})
    assert one.claim("one") is None
    assert not one.has_ended()
    two.complete(second, 0.2, {})
    assert one.claim("one").position == 2


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_what_is_tried_does_not_depend_on_who_ends_first(share: Any, at_once: int) -> None:
    alone = run_all(share(at_once=at_once, trials=12), VALUES * 2)
    storage = optuna.storages.InMemoryStorage()
    limits = Budget(trials=12, at_once=at_once)
    study = SharedStudy(CANDIDATE, limits, seed=0, name="other", storage=storage)
    tried = {}
    while not study.has_ended():
        claims = [study.claim(str(number)) for number in range(at_once)]
        for claim in reversed(claims):
            study.complete(claim, (VALUES * 2)[claim.position], {})
            tried[claim.position] = claim.parameters

    assert [tried[position] for position in range(12)] == alone


def test_larger_rounds_learn_later(share: Any) -> None:
    def search(name: str, at_once: int) -> list[dict[str, Any]]:
        storage = optuna.storages.InMemoryStorage()
        budget = Budget(trials=9, at_once=at_once)
        return run_all(SharedStudy(CANDIDATE, budget, seed=0, name=name, storage=storage), VALUES * 2)

    one, three = search("one", 1), search("three", 3)

    assert one[:4] == three[:4]  # drawn at random, or from the same three
    assert one[5:] != three[5:]


def test_a_claim_gives_way_to_an_earlier_one_that_it_did_not_see(share: Any, storage: Any) -> None:
    one, two = share(), share()
    seen = two._read()
    first = one.claim("one")
    two._read = lambda: seen  # as if both had looked at the same time

    second = two.claim("two")

    assert (first.position, second.position) == (0, 1)
    states = [(trial.user_attrs["position"], trial.state) for trial in one._study.get_trials()]
    assert states == [(0, TrialState.RUNNING), (0, TrialState.FAIL), (1, TrialState.RUNNING)]


def test_a_trial_whose_beat_stands_still_is_taken_over_and_its_late_end_counts_nothing(
    share: Any, clock: Clock
) -> None:
    one, two = share(at_once=1), share(at_once=1)
    left = one.claim("one")
    assert two.claim("two") is None
    clock.now = 30.0
    assert two.claim("two") is None
    clock.now = 30.1

    taken = two.claim("two")

    assert (taken.position, taken.parameters) == (0, left.parameters)
    one.complete(left, 0.9, {"seconds": 1.0})
    two.complete(taken, 0.2, {"seconds": 2.0})
    assert [(trial.value, trial.user_attrs["seconds"]) for trial in two.done()] == [(0.2, 2.0)]


def test_a_trial_that_beats_is_left_to_its_worker(share: Any, clock: Clock, storage: Any) -> None:
    one, two = share(at_once=1), share(at_once=1)
    held = one.claim("one")
    for beat in range(1, 5):
        storage.set_trial_user_attr(held.trial_id, "beat", beat)
        clock.now += 25.0
        assert two.claim("two") is None


def test_a_running_trial_beats(share: Any) -> None:
    study = share()
    claim = study.claim("one")
    with study.beating(claim, every=0.001):
        while not study._study.get_trials()[claim.number].user_attrs.get("beat"):
            pass


def test_a_beat_ends_when_others_have_taken_the_trial_over(share: Any) -> None:
    study = share()
    claim = study.claim("one")
    with study.beating(claim, every=0.001):
        study.give_up(claim)

    assert study.claim("one").position == 0


def test_a_worker_that_is_started_anew_runs_at_once_what_it_had_left(share: Any) -> None:
    share(at_once=1).claim("one")
    again, other = share(at_once=1), share(at_once=1)

    other.take_over("two")
    assert other.claim("two") is None
    again.take_over("one")
    assert again.claim("one").position == 0


@pytest.mark.parametrize(
    ("patience", "at_once", "trials"),
    [(None, 2, 6), (6, 2, 6), (3, 1, 6), (2, 1, 5), (2, 2, 6), (1, 1, 2), (1, 2, 2), (1, 3, 6)],
)
def test_a_search_without_progress_ends_with_a_round(share: Any, patience: int, at_once: int, trials: int) -> None:
    tried = run_all(share(patience=patience, at_once=at_once), [0.3, 0.1, 0.5, 0.2, 0.4, 0.6])

    assert len(tried) == trials


def test_time_ends_a_search_with_a_round(share: Any) -> None:
    assert len(run_all(share(minutes=1e-9), VALUES)) == 2


def test_trials_of_a_version_that_knew_no_positions_are_left_alone(share: Any) -> None:
    study = share()
    study._study.add_trial(optuna.trial.create_trial(value=1.0))

    assert study.done() == []
    assert study.claim("one").position == 0


def test_a_claim_that_was_given_up_before_it_could_be_looked_at_is_none(share: Any, storage: Any) -> None:
    study, other, made = share(at_once=1), share(at_once=1), storage.create_new_trial

    def create(*given: Any) -> int:
        trial_id = made(*given)
        other.take_over("one")
        return trial_id

    storage.create_new_trial = create

    assert study.claim("one") is None
