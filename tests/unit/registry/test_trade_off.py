"""Pictures of score against training time: what stands in them, and that nothing needs a screen or a point."""

import math
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image
from workflows_for_tests import make_workflow

from lakemill.lake.times import FIT, TRIAL, Time
from lakemill.registry.trade_off import Point, draw_points, draw_releases, draw_trials
from lakemill.registry.training_times import Release

LABELS = {
    "title": "small", "seconds_label": "CPU time (s)", "score_label": "roc_auc", "greater_is_better": True,
    "chosen_label": "fitted",
}  # fmt: skip
POINTS = [Point("a", 1.0, 0.6), Point("b", 2.0, 0.7, is_chosen=True), Point("a", 60.0, 0.65, 0.02, "v1")]
TRIED = Time(
    "2020-01-01", TRIAL, 70, 1.5, 1.6, 2000, snapshot="s", candidate="plain", trial=0, metric="roc_auc", score=0.7,
    standard_error=0.02, fit_cpu_seconds=1.2,
)  # fmt: skip


def colours_in(png: bytes) -> int:
    image = Image.open(BytesIO(png))
    assert (image.format, image.size) == ("PNG", (1200, 750))
    return len(image.convert("RGB").getcolors(maxcolors=1_000_000))


@pytest.mark.parametrize("greater_is_better", [True, False])
@pytest.mark.parametrize("points", [POINTS, POINTS[:1], [replace(POINTS[0], seconds=0.0)]])
def test_points_are_drawn(points: list[Point], greater_is_better: bool) -> None:
    drawn = draw_points(points, **{**LABELS, "greater_is_better": greater_is_better})

    assert colours_in(drawn) > colours_in(draw_points([], **LABELS))


def test_the_same_points_give_the_same_bytes() -> None:
    assert draw_points(POINTS, **LABELS) == draw_points(POINTS, **LABELS)


def test_the_chosen_one_is_marked() -> None:
    unmarked = [replace(one, is_chosen=False) for one in POINTS]

    assert draw_points(POINTS, **LABELS) != draw_points(unmarked, **LABELS)


def test_what_is_not_a_number_is_left_out() -> None:
    strange = [Point("a", math.nan, 0.9), Point("a", 1.0, math.nan)]

    assert draw_points([*POINTS, *strange], **LABELS) == draw_points(POINTS, **LABELS)


def test_trials_without_a_score_are_left_out() -> None:
    fit = replace(TRIED, what=FIT, version="1", note="the best score")
    trials = [TRIED, replace(TRIED, trial=1, score=0.6, fit_cpu_seconds=0.4)]

    drawn = draw_trials(make_workflow(), trials, fit)

    assert colours_in(drawn) > 2
    assert draw_trials(make_workflow(), [*trials, replace(TRIED, trial=2, score=None)], fit) == drawn


def test_releases_that_were_not_evaluated_are_left_out() -> None:
    release = Release("2020-01", "1", "plain", 0.7, 0.02, 100, 5.0, 1.0, 2.0, ())
    later = replace(release, partition="2020-02", version="2", score=0.72, trials_seconds=9.0)

    drawn = draw_releases(make_workflow(), [release, later], in_charge="2")

    assert drawn != draw_releases(make_workflow(), [release, later], in_charge="1")
    assert draw_releases(make_workflow(), [release, later, replace(release, score=None)], in_charge="2") == drawn
