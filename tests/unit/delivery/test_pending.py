"""What a lake lacks for the files as they stand: partitions, a training; and nothing is written to find that out."""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.collection import collect_source
from lakemill.config import Workflow
from lakemill.config.versions import name_makers
from lakemill.delivery.pending import Pending, Training, find_pending
from lakemill.exceptions import CollectionError
from lakemill.lake import Lake
from lakemill.lake.verdicts import MADE_BY, Verdict, read_verdicts, record_verdict
from lakemill.preprocessing import clean_partition, publish_partition
from lakemill.registry.ledger import Entry, record_entry
from lakemill.training.snapshots import take_snapshot
from lakemill.validation import validate_partition

FIRST, SECOND, THIRD = "2020-01-01", "2020-01-02", "2020-01-03"
NOW = datetime(2020, 1, 3, 9, tzinfo=timezone.utc)  # the second day has ended


def find(workflow: Workflow, lake: Lake, project: Path, *, now: datetime = NOW, **options: Any) -> Pending:
    return find_pending(workflow, lake, project=project, connections=None, now=now, **options)


def ingest(workflow: Workflow, lake: Lake, project: Path, key: str) -> None:
    collect_source(workflow, "items", key, lake, project=project, ingested_at=NOW, connections=None)
    validated = validate_partition(workflow, key, lake, project=project)
    cleaned = clean_partition(workflow, key, lake, project=project)
    publish_partition(workflow, key, lake, validated=validated, cleaned=cleaned)


def judge(workflow: Workflow, lake: Lake, key: str, training: str) -> None:
    record_verdict(lake, Verdict("gate", key, end_of(workflow, key), "pass", (), {"training": training}))


def list_files(lake: Lake) -> set[Path]:
    return {path for path in Path(lake.address).rglob("*") if path.is_file()}


def test_of_a_new_workflow_all_partitions_that_have_ended_are_missing(
    workflow: Workflow, lake: Lake, project: Path
) -> None:
    found = find(workflow, lake, project)

    assert (found.is_new, found.missing, found.again, found.training) == (True, (FIRST, SECOND), (), None)


def test_what_the_same_files_have_ingested_is_left_alone(workflow: Workflow, lake: Lake, project: Path) -> None:
    for key in (FIRST, SECOND):
        ingest(workflow, lake, project, key)
    files = list_files(lake)

    found = find(workflow, lake, project)

    assert (found.is_any, found.is_new, found.published, found.unknown) == (False, False, 2, 0)
    assert list_files(lake) == files


def test_another_query_makes_all_partitions_stale_until_they_are_ingested_again(
    workflow: Workflow, lake: Lake, project: Path
) -> None:
    for key in (FIRST, SECOND):
        ingest(workflow, lake, project, key)
    (project / "table.sql").write_text("SELECT * FROM items WHERE size > 0\n")

    before = find(workflow, lake, project)
    ingest(workflow, lake, project, FIRST)
    after = find(workflow, lake, project)

    assert [(one.partition, one.reasons) for one in before.again] == [
        (FIRST, ("query changed",)),
        (SECOND, ("query changed",)),
    ]
    assert [one.partition for one in after.again] == [SECOND]


def test_a_file_that_came_anew_is_looked_for_only_where_sources_are_seen(
    workflow: Workflow, lake: Lake, project: Path
) -> None:
    for key in (FIRST, SECOND):
        ingest(workflow, lake, project, key)
    path = project / f"items_{SECOND}.csv"
    path.write_text(path.read_text() + path.read_text().splitlines()[-1] + "\n")

    seen, unseen = (find(workflow, lake, project, looks_at_deliveries=looks) for looks in (True, False))

    assert [(one.partition, one.reasons) for one in seen.again] == [(SECOND, ("items: a new delivery",))]
    assert unseen.again == ()


def test_partitions_of_an_older_version_are_counted_and_not_taken_for_stale(
    workflow: Workflow, lake: Lake, project: Path
) -> None:
    ingest(workflow, lake, project, SECOND)
    held = read_verdicts(lake, "ingestion")[SECOND]
    evidence = {name: value for name, value in held.evidence.items() if name != MADE_BY}
    record_verdict(lake, Verdict("ingestion", FIRST, end_of(workflow, FIRST), "published", (), evidence))

    found = find(workflow, lake, project)

    assert (found.unknown, found.again, found.missing) == (1, (), ())


def test_a_partition_that_other_rules_have_blocked_is_tried_again(
    workflow: Workflow, lake: Lake, project: Path
) -> None:
    makers = name_makers(workflow, project)
    for key, made_by in ((FIRST, makers), (SECOND, {**makers, "suites": "other"})):
        verdict = Verdict("ingestion", key, end_of(workflow, key), "blocked", ("few",), {MADE_BY: made_by})
        record_verdict(lake, verdict)

    assert [one.partition for one in find(workflow, lake, project).again] == [SECOND]


def test_what_is_not_delivered_yet_is_not_missing(workflow: Workflow, lake: Lake, project: Path) -> None:
    (project / f"items_{SECOND}.csv").unlink()

    found = find(workflow, lake, project)

    assert (found.missing, found.undelivered) == ((FIRST,), (SECOND,))


def test_a_gap_is_missing_since_it_holds_up_what_comes_after(workflow: Workflow, lake: Lake, project: Path) -> None:
    (project / f"items_{FIRST}.csv").unlink()

    found = find(workflow, lake, project)

    assert (found.missing, found.undelivered) == ((FIRST, SECOND), ())


@pytest.mark.parametrize(("judged", "asks"), [("same", False), ("other", True), (None, False)])
def test_a_training_is_asked_for_where_the_last_one_was_by_another_file(
    workflow: Workflow, lake: Lake, project: Path, judged: str | None, asks: bool
) -> None:
    for key in (FIRST, SECOND):
        ingest(workflow, lake, project, key)
    if judged is not None:
        judge(workflow, lake, FIRST, workflow.training_hash() if judged == "same" else "other")

    training = find(workflow, lake, project).training

    assert training == (
        Training(SECOND, f"its training part is another than at the last training, as of {FIRST}") if asks else None
    )


def test_snapshots_and_models_of_stale_partitions_are_named(lake: Lake, project: Path) -> None:
    workflow = make_workflow()
    publish(workflow, lake, FIRST, make_rows(workflow, FIRST))
    snapshot = take_snapshot(workflow, lake, as_of=end_of(workflow, FIRST))["id"]
    record_entry(lake, Entry("4", end_of(workflow, FIRST), snapshot, "better"), recorded_at=NOW)
    record_entry(lake, Entry("5", end_of(workflow, FIRST), "elsewhere", "better"), recorded_at=NOW)
    evidence = {MADE_BY: {**name_makers(workflow, project), "cleaning": "other"}}
    record_verdict(lake, Verdict("ingestion", FIRST, end_of(workflow, FIRST), "published", (), evidence))

    found = find(workflow, lake, project)

    assert (found.snapshots, found.models) == (1, ("4",))


def test_a_source_that_cannot_be_looked_at_is_told_and_makes_nothing_stale(
    workflow: Workflow, lake: Lake, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in (FIRST, SECOND):
        ingest(workflow, lake, project, key)

    def refuse(*args: Any) -> None:
        raise CollectionError("no way there")

    monkeypatch.setattr("lakemill.collection.freshness.open_delivery", refuse)
    told: list[str] = []

    found = find(workflow, lake, project, report=told.append)

    assert (found.is_any, told) == (False, ["items: cannot be looked at: no way there"])
