"""What a report takes from verdicts, those of earlier versions and of later ones too."""

from datetime import UTC, datetime
from typing import Any

import pytest

from lakemill.lake.verdicts import Verdict
from lakemill.monitoring.report.evidence import Known, read_drifted, read_other_alarms, read_scored, state

AT = datetime(2020, 1, 2, tzinfo=UTC)
JUDGED: dict[str, Any] = {"champion": "1", "metric": "roc_auc", "drifted": [], "columns": 3, "drift": []}


def say(evidence: dict[str, Any], ingested: Verdict | None = None) -> dict[str, tuple[str, str]]:
    known = Known(Verdict("monitoring", "2020-01-01", AT, "nothing", (), evidence), ingested)
    return {one.subject: (one.word, one.text) for one in state(known)}


def test_a_verdict_without_evidence_says_that_nothing_is_known() -> None:
    assert {subject: word for subject, (word, _) in say({}).items()} == {
        "data drift": "not judged",
        "realised performance": "not known",
    }


@pytest.mark.parametrize(
    ("evidence", "word", "text"),
    [
        ({"drifted": ["a"]}, "1 of 3", "drift of a"),
        ({"drift": [{"column": "b", "is_found": True}]}, "found", "found in b, but not often enough yet to be drift"),
        ({}, "none", "3 columns compared, no difference beyond floor, chance and the past"),
        ({"columns": 0}, "not judged", "nothing to compare with yet"),
    ],
)
def test_drift_is_told_from_what_was_found_once(evidence: dict[str, Any], word: str, text: str) -> None:
    assert say({**JUDGED, **evidence})["data drift"] == (word, text)


def test_decay_is_told_with_its_figures() -> None:
    evidence = {**JUDGED, "score": 0.7, "expected": 0.8, "rows": 1200}
    evidence["findings"] = [{"finding": "realised_performance", "holds": True}]

    word, text = say(evidence)["realised performance"]

    assert word == "decay"
    assert text == "roc_auc 0.7000, on 1,200 rows whose labels became known; at the gate it was 0.8000"


def test_ingestion_tells_of_data_quality() -> None:
    counts = {"rows": 200, "clean": 190, "quarantined": 8, "duplicates": 2}
    ingested = Verdict("ingestion", "2020-01-01", AT, "published", ("a warning",), counts)

    said = say(JUDGED, ingested)["data quality"]

    assert said == ("4.0% refused", "200 rows came, 190 are clean, 8 were refused, 2 dropped as duplicates; a warning")


def test_findings_that_are_new_are_told_as_they_say_themselves() -> None:
    finding = {"finding": "label_shift", "holds": True, "follows": "alert", "text": "more are late"}
    evidence = {**JUDGED, "score": 0.7, "findings": [finding, {"finding": "realised_performance", "holds": True}]}

    said = say(evidence)

    assert said["label shift"] == ("found", "more are late; what follows: alert")
    assert said["realised performance"][0] == "decay"


def test_all_that_alarms_is_named() -> None:
    evidence = {"drifted": ["a"], "prediction_drift": {"drifted": ["score"]}, "drift_together": None}
    assert read_drifted(evidence) == ["a", "predictions (score)"]


def test_an_estimate_is_read_where_there_is_one() -> None:
    found = read_scored({"score": 0.7, "estimated": {"score": 0.72, "low": 0.6, "high": 0.8, "rows": 50}})
    assert (found.score, found.estimated, found.low, found.high) == (0.7, 0.72, 0.6, 0.8)
    assert (read_scored({"estimated": None}).estimated, read_scored({}).low) == (None, None)


def test_other_findings_that_hold_are_alarms_too() -> None:
    held = [{"finding": name, "holds": True} for name in ("data_drift", "label_shift")]
    assert read_other_alarms({"findings": [*held, {"finding": "concept_drift", "holds": None}]}) == ["label shift"]
    assert read_other_alarms({}) == []
