"""Data quality as monitoring sees it, from what ingestion said."""

from datetime import UTC, datetime
from typing import Any

import pytest
from workflows_for_tests import make_workflow

from lakemill.lake.verdicts import Verdict
from lakemill.monitoring.quality import judge_quality

WORKFLOW = make_workflow(monitor={"quarantined": "5 %"})


def ingested(verdict: str = "published", *reasons: str, **evidence: Any) -> Verdict:
    return Verdict("ingestion", "2020-01-01", datetime(2020, 1, 2, tzinfo=UTC), verdict, reasons, evidence)


@pytest.mark.parametrize(
    ("said", "holds", "text"),
    [
        (None, None, "ingestion has said nothing"),
        (ingested(rows=100, quarantined=5), False, "5.0% of rows refused"),
        (ingested(rows=100, quarantined=6), True, "6.0% of rows refused, at most 5% may be"),
        (ingested("warned", "size: too large", rows=100, quarantined=0), True, "size: too large"),
        (ingested("warned", "size: large", rows=9, quarantined=9), True, "100.0% of rows refused, at most 5% may be; "),
        (ingested("blocked", "no rows"), True, "no rows"),
        (ingested(rows=0, quarantined=0), False, "it has no rows"),
        (ingested(), False, "it has no rows"),
    ],
)
def test_what_is_wrong_with_data(said: Verdict | None, holds: bool | None, text: str) -> None:
    found = judge_quality(WORKFLOW, said, [])

    assert (found.name, found.holds) == ("data_quality", holds)
    assert found.text.startswith(text)


def test_what_is_usual_is_told_beside() -> None:
    earlier = [ingested(rows=100, quarantined=10), ingested(rows=300, quarantined=2), ingested("blocked", "no rows")]

    assert judge_quality(WORKFLOW, ingested(rows=100, quarantined=6), earlier).evidence["usual"] == 0.03
