"""The report of a partition: what stands on the page is what the lake holds."""

import base64
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.exceptions import LakeError
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, read_verdicts, record_verdict
from lakemill.monitoring.profiles import profile_partition
from lakemill.monitoring.report import Links, Report, find_last_judged, gather, write_page
from lakemill.monitoring.report.columns import DRIFTED, QUIET
from lakemill.registry.ledger import ROLLBACK, Entry, record_entry

FIRST, SECOND, THIRD, FOURTH = (f"2020-01-0{day}" for day in range(1, 5))


def words_of(page: str) -> str:
    return unescape(re.sub(r"<[^>]*>", " ", page))


def test_columns_are_ranked_by_what_their_drift_does_to_predictions(judged: Lake, workflow: Workflow) -> None:
    report = gather(workflow, FOURTH, judged)

    kept = read_verdicts(judged, "monitoring")[FOURTH].evidence
    assert next(one.name for one in report.columns) == "size" == kept["drifted"][0]
    assert {one.name: one.state for one in report.columns} == {"size": DRIFTED, "noise": QUIET, "colour": QUIET}
    assert {one.name: one.effect for one in report.columns} == {one["column"]: one["effect"] for one in kept["drift"]}
    assert report.columns[0].moved == 0.125


def test_figures_on_the_page_are_those_of_the_lake(judged: Lake, workflow: Workflow) -> None:
    report = gather(workflow, FOURTH, judged)
    words = words_of(write_page(report))

    for told in (
        "retrain",
        "0.7500",
        "0.9000 at the gate",
        "drift of size",
        "moves predictions by 0.1250 on average",
        f"{FIRST} to {SECOND} (2 partitions)",
        *(f"{one.effect:.4f}" for one in report.columns if one.effect is not None),
        *(one.why for one in report.columns),
    ):
        assert told in words


def test_distributions_are_shares_of_what_was_profiled(judged: Lake, workflow: Workflow) -> None:
    found = {one.name: one.distribution for one in gather(workflow, THIRD, judged).columns}

    rows = judged.read("clean", [THIRD])
    colour = found["colour"]
    assert colour is not None
    counted = rows.column("colour").to_pylist()
    assert dict(zip(colour.names, colour.shares[1], strict=True)) == {
        name: pytest.approx(counted.count(name) / 300) for name in ("red", "green", "blue")
    }
    size = found["size"]
    assert size is not None
    assert (size.reference.rows, size.current.rows) == (600, 300)
    for share in size.shares:
        assert sum(share) == pytest.approx(1, abs=0.02)  # the outermost hundredth is not drawn


def test_events_stand_where_they_were_known_and_none_comes_from_later(judged: Lake, workflow: Workflow) -> None:
    at = end_of(workflow, FOURTH)
    record_entry(judged, Entry("1", at, "s", "it was bad", ROLLBACK, "Ada", "2"), recorded_at=at)

    events = {key: gather(workflow, key, judged).timeline.events for key in (THIRD, FOURTH)}

    assert [(one.partition, one.kind) for one in events[THIRD]] == [(SECOND, "training"), (SECOND, "promotion")]
    assert [(one.partition, one.kind) for one in events[FOURTH][2:]] == [(FOURTH, "alarm"), (FOURTH, "rollback")]
    assert events[FOURTH][-1].text == "v1 instead of v2: it was bad (Ada)"
    assert all(one.text in words_of(write_page(gather(workflow, FOURTH, judged))) for one in events[FOURTH])


def test_an_estimate_stands_beside_what_was_realised(judged: Lake, workflow: Workflow) -> None:
    kept = read_verdicts(judged, "monitoring")[FOURTH]
    estimated = {"estimated": {"score": 0.8123, "low": 0.7001, "high": 0.9002}}
    record_verdict(judged, replace(kept, evidence=kept.evidence | estimated))

    words = words_of(write_page(gather(workflow, FOURTH, judged)))

    assert all(told in words for told in ("0.8123", "0.7001 to 0.9002", "0.7500"))


def test_the_same_facts_give_the_same_bytes(judged: Lake, workflow: Workflow) -> None:
    first, second = (write_page(gather(workflow, FOURTH, judged)) for _ in range(2))

    assert first == second


def test_no_row_is_read(judged: Lake, workflow: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()
    read = Lake.read

    def watched(self: Lake, table: str, *given: Any, **named: Any) -> Any:
        asked.add(table)
        return read(self, table, *given, **named)

    monkeypatch.setattr(Lake, "read", watched)
    gather(workflow, FOURTH, judged)

    assert asked == {"verdicts", "ledger", "profiles", "drift"}


def test_the_page_opens_without_a_network(judged: Lake, workflow: Workflow) -> None:
    page = write_page(gather(workflow, FOURTH, judged))

    pictures = re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', page)
    assert len(pictures) == 1 + 3 + 2  # the timeline, columns, predictions
    assert page.count("src=") == len(pictures)
    assert not re.search(r"<script|<link|@import|url\(", page)
    for picture in pictures:
        assert b"<script" not in base64.b64decode(picture)


def test_a_partition_before_any_champion_has_a_page(judged: Lake, workflow: Workflow) -> None:
    report = gather(workflow, FIRST, judged)
    words = words_of(write_page(report))

    assert report.champion is None
    assert "There is no earlier partition to compare with." in words
    assert "No model was in charge." in words
    assert {one.name for one in report.columns} == {"size", "noise", "colour"}


def test_a_partition_that_was_not_judged_has_none(judged: Lake, workflow: Workflow) -> None:
    with pytest.raises(LakeError, match="not judged the partition 2020-01-05"):
        gather(workflow, "2020-01-05", judged)


def test_the_last_judged_partition_is_found(judged: Lake, workflow: Workflow, tmp_path: Path) -> None:
    assert find_last_judged(workflow, judged) == FOURTH
    with pytest.raises(LakeError, match="judged no partition"):
        find_last_judged(workflow, Lake(str(tmp_path / "empty"), "small"))


def test_names_and_values_of_all_kinds_break_no_page(tmp_path: Path) -> None:
    rude = "a <b>&\"'$x_1$ \\frac{1}{2} ünï" + "x" * 80
    workflow = make_workflow(description=rude, features={"numeric": ["size"], "categorical": ["colour"]})
    lake = Lake(str(tmp_path / "rude"), "small")
    rows = make_rows(workflow, FIRST, 60)
    colours = rows.column("colour").to_pylist()
    changed = rows.set_column(4, "colour", [[rude, *colours[1:]]])
    publish(workflow, lake, FIRST, changed)
    profile_partition(workflow, FIRST, lake)
    record_verdict(lake, Verdict("monitoring", FIRST, end_of(workflow, FIRST), "alert", (rude,), {"champion": None}))

    page = write_page(gather(workflow, FIRST, lake), Links(earlier='"><b>'))

    assert '<b>&"' not in page
    assert '"><b>"' not in page
    assert rude in words_of(page)


def test_many_columns_are_all_in_the_table_and_the_first_are_drawn(judged: Lake, workflow: Workflow) -> None:
    report = gather(workflow, FOURTH, judged)
    many = vars(report) | {"columns": tuple(report.columns[0] for _ in range(60))}

    page = write_page(Report(**many))

    assert "The first 20 are drawn; the table has all 60." in page
    assert page.count("<th>size</th>") == 60
