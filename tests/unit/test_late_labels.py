"""Labels that come later, from the delivered file to who reads them: each sees what was known at its moment."""

import json
from datetime import datetime, timedelta, timezone

import pyarrow as pa
import pytest

from lakemill.collection import collect_source
from lakemill.collection.freshness import find_stale
from lakemill.evaluation.scores import without_scores
from lakemill.exceptions import ConfigError, MisfitError, TableError
from lakemill.labels.answers import Answer, AnswerError, list_classes, make_corrections
from lakemill.lake.label_corrections import record_corrections
from lakemill.lake.maintenance import read_pins
from lakemill.lake.verdicts import Verdict, read_verdicts, record_verdict
from lakemill.monitoring.performance import find_matured, read_predictions, score_predictions
from lakemill.preprocessing import clean_partition, publish_partition
from lakemill.scoring import TABLE as PREDICTIONS
from lakemill.training.snapshots import read_snapshot, take_snapshot
from lakemill.validation import validate_partition

FIRST, SECOND, THIRD = DAYS = ("2024-03-01", "2024-03-02", "2024-03-03")
NOW = datetime(2024, 4, 1, tzinfo=timezone.utc)
LABEL = {"column": "late", "problem": "classification", "source": "outcomes"}


class House:
    """A project whose labels come later, in files of their own."""

    def __init__(self, make_project, lake, **label):
        self.make_project, self.lake, self.label = make_project, lake, label
        self.files: dict[str, str] = {}
        self.table: dict[str, str] = {}
        self.open()

    def open(self):
        table = {"key": ["id"], "event_time": "sent_at", "label": {**LABEL, **self.label}, **self.table}
        sections = {
            "collect": {
                "parcels": {"path": "include/data/parcels_{partition}.csv"},
                "outcomes": {"path": "include/data/outcomes_{partition}.csv"},
            },
            "table": table,
            "expectations": None,
            "train": None,
        }
        self.settings, self.workflow = self.make_project(workflow=sections, files=self.files)
        return self

    def deliver(self, key, *ids, outcomes=None):
        """Bring parcels of a day, and the file of outcomes that comes with it."""
        lines = [f"{one},{key} 12:00,1.5,N" for one in ids]
        self.files[f"include/data/parcels_{key}.csv"] = "\n".join(["id,sent_at,weight,depot", *lines, ""])
        if outcomes is not None:
            self.files[f"include/data/outcomes_{key}.csv"] = "\n".join([*outcomes, ""])
        return self.open()

    def ingest(self, key):
        given = {"project": self.settings.project}
        for source in self.workflow.collect:
            collect_source(self.workflow, source, key, self.lake, ingested_at=NOW, connections=None, **given)
        validated = validate_partition(self.workflow, key, self.lake, **given)
        cleaned = clean_partition(self.workflow, key, self.lake, **given)
        published = publish_partition(self.workflow, key, self.lake, validated=validated, cleaned=cleaned)
        return {**validated, **published}

    def end(self, key):
        return self.workflow.partition.interval(key).end

    def known(self, key, **shift):
        """Labels of the snapshot as of a day's end, by id; and the snapshot."""
        taken = take_snapshot(self.workflow, self.lake, as_of=self.end(key) + timedelta(**shift))
        rows = read_snapshot(self.workflow, self.lake, taken["id"])
        return dict(zip(rows.column("id").to_pylist(), rows.column("late").to_pylist(), strict=True)), taken


@pytest.fixture
def make_house(make_project, lake):
    return lambda **label: House(make_project, lake, **label)


@pytest.fixture
def house(make_house):
    """Two days are ingested: labels of the first come with the second, one of the second comes a day later."""
    house = make_house()
    house.deliver(FIRST, "a", "b", outcomes=["id,late"])
    house.deliver(SECOND, "c", outcomes=["id,late", "a,true", "b,false"])
    house.deliver(THIRD, "d", outcomes=["id,late", "c,true"])
    for key in (FIRST, SECOND):
        house.ingest(key)
    return house


def test_labels_join_rows_of_earlier_partitions_without_these_being_ingested_again(house):
    version = house.lake.read("clean", [FIRST])
    house.ingest(THIRD)
    assert house.known(FIRST)[0] == {}
    assert house.known(SECOND)[0] == {"a": "true", "b": "false"}
    assert house.known(THIRD)[0] == {"a": "true", "b": "false", "c": "true"}
    assert house.lake.read("clean", [FIRST]).equals(version)


def test_labels_that_come_later_change_neither_an_earlier_snapshot_nor_its_id(house):
    before, taken = house.known(SECOND)
    house.ingest(THIRD)
    again, taken_again = house.known(SECOND)
    assert (again, taken_again) == (before, taken)
    house.lake.remove_document(f"snapshots/{taken['id']}")
    assert house.known(SECOND)[1]["id"] == taken["id"]


def test_the_id_of_a_snapshot_depends_on_its_labels(house):
    before = house.known(SECOND)[1]["id"]
    house.deliver(SECOND, "c", outcomes=["id,late", "a,true", "b,true"]).ingest(SECOND)
    after, taken = house.known(SECOND)
    assert taken["id"] != before
    assert after == {"a": "true", "b": "true"}


def test_a_snapshot_keeps_its_labels_whatever_is_delivered_anew(house):
    before, taken = house.known(SECOND)
    house.deliver(SECOND, "c", outcomes=["id,late", "b,true"]).ingest(SECOND)
    rows = read_snapshot(house.workflow, house.lake, taken["id"])
    assert dict(zip(rows.column("id").to_pylist(), rows.column("late").to_pylist(), strict=True)) == before
    assert read_pins(house.lake)["labels"] == {taken["labels"]["version"]}


def test_a_snapshot_from_before_any_label_came_has_no_rows_then_or_later(make_house):
    house = make_house()
    house.deliver(FIRST, "a", outcomes=["id,late"]).ingest(FIRST)
    rows, taken = house.known(FIRST)
    house.deliver(SECOND, outcomes=["id,late", "a,true"]).ingest(SECOND)
    assert rows == {}
    assert read_snapshot(house.workflow, house.lake, taken["id"]).num_rows == 0


@pytest.mark.parametrize(
    ("known_after", "day", "count"),
    [("0 days", SECOND, 2), ("1 day", SECOND, 2), ("36 hours", SECOND, 0), ("36 hours", THIRD, 2)],
)
def test_without_its_moment_a_label_is_known_after_the_delay_at_the_earliest(make_house, known_after, day, count):
    house = make_house(known_after=known_after)
    house.deliver(FIRST, "a", "b", outcomes=["id,late"])
    house.deliver(SECOND, "c", outcomes=["id,late", "a,true", "b,false"])
    house.deliver(THIRD, "d", outcomes=["id,late"])
    for key in DAYS:
        house.ingest(key)
    assert len(house.known(day)[0]) == count


def test_a_label_is_known_from_the_moment_that_its_column_says(make_house):
    house = make_house(known_at="told_at")
    house.deliver(FIRST, "a", "b", outcomes=["id,late,told_at", f"a,true,{FIRST} 23:00", f"b,true,{SECOND} 10:00"])
    house.deliver(SECOND, outcomes=["id,late,told_at"])
    for key in (FIRST, SECOND):
        house.ingest(key)
    assert house.known(FIRST)[0] == {"a": "true"}
    assert house.known(FIRST, hours=10)[0] == {"a": "true"}  # what becomes known at the very moment comes after it
    assert house.known(FIRST, hours=10, seconds=1)[0] == {"a": "true", "b": "true"}


def test_a_label_known_later_in_a_delivery_that_comes_again_changes_no_earlier_id(make_house):
    house = make_house(known_at="told_at")
    lines = ["id,late,told_at", f"a,true,{FIRST} 23:00"]
    house.deliver(FIRST, "a", "b", outcomes=lines).ingest(FIRST)
    before = house.known(FIRST)[1]["id"]
    house.deliver(FIRST, "a", "b", outcomes=[*lines, f"b,true,{SECOND} 10:00"]).ingest(FIRST)
    assert house.known(FIRST)[1]["id"] == before


def test_of_several_labels_the_last_known_by_then_counts(make_house):
    house = make_house(known_at="told_at")
    lines = [f"a,true,{FIRST} 13:00", f"a,false,{SECOND} 13:00", f"a,false,{SECOND} 13:00", f"b,true,{FIRST} 13:00"]
    house.deliver(FIRST, "a", "b", outcomes=["id,late,told_at", *lines, f"b,false,{FIRST} 13:00", f"b,,{FIRST} 14:00"])
    house.deliver(SECOND, outcomes=["id,late,told_at"])
    told = house.ingest(FIRST)["labels"]
    house.ingest(SECOND)
    assert told == {"labels": 3, "without_label": 1, "repeated": 1, "contradicted": 1}
    assert house.known(FIRST)[0] == {"a": "true", "b": "false"}
    known, taken = house.known(SECOND)
    assert known == {"a": "false", "b": "false"}
    assert (taken["labels"]["known"], taken["labels"]["contradicted"]) == (2, 1)


def test_without_its_moment_the_label_of_the_later_delivery_counts(house):
    house.deliver(THIRD, outcomes=["id,late", "a,false", "b,false"]).ingest(THIRD)
    assert house.known(SECOND)[0] == {"a": "true", "b": "false"}
    known, taken = house.known(THIRD)
    assert known == {"a": "false", "b": "false"}
    assert taken["labels"]["contradicted"] == 1


def test_a_label_that_comes_before_its_row_waits_for_it(make_house):
    house = make_house()
    house.deliver(FIRST, "a", outcomes=["id,late", "a,true", "c,false"])
    house.deliver(SECOND, "c", outcomes=["id,late"])
    house.ingest(FIRST)
    early, before = house.known(FIRST)
    house.ingest(SECOND)
    assert early == {"a": "true"}
    assert house.known(SECOND)[0] == {"a": "true", "c": "false"}
    assert house.known(FIRST)[1] == before


def test_a_label_whose_key_several_rows_have_is_given_to_none(make_house):
    house = make_house()
    house.deliver(FIRST, "a", "b", outcomes=["id,late", "a,true", "b,true"])
    house.deliver(SECOND, "a", outcomes=["id,late"])
    for key in (FIRST, SECOND):
        house.ingest(key)
    assert house.known(FIRST)[0] == {"a": "true", "b": "true"}
    assert house.known(SECOND)[0] == {"b": "true"}


def test_keys_are_compared_as_the_table_has_them(make_house):
    house = make_house(key=["parcel"])
    house.table = {"sql": "include/sql/parcels.sql"}
    house.files["include/sql/parcels.sql"] = "SELECT CAST(id AS BIGINT) AS id, sent_at, weight, depot FROM parcels"
    house.deliver(FIRST, "1", "2", outcomes=["parcel,late", "01,true", "x,true", "2,false"]).ingest(FIRST)
    assert house.known(FIRST)[0] == {1: "true", 2: "false"}


def test_numbers_come_later_too(make_house):
    house = make_house(problem="regression")
    house.deliver(FIRST, "a", "b", outcomes=["id,late", "a,1.50", "b,much"])
    told = house.ingest(FIRST)
    assert house.known(FIRST)[0] == {"a": 1.5}
    assert told["refused"] == {"parcels": 0, "outcomes": 1}


def test_rows_of_labels_that_cannot_be_used_are_in_quarantine(make_house):
    house = make_house(known_at="told_at")
    lines = [f",true,{FIRST}", "a,true,", "b,true,noon", "c,,"]
    house.deliver(FIRST, "a", "b", "c", outcomes=["id,late,told_at", *lines])
    told = house.ingest(FIRST)
    refused = {
        json.loads(row["row"])["id"]: row["reasons"] for row in house.lake.read("quarantine", [FIRST]).to_pylist()
    }
    assert refused == {
        None: ["id: missing, but names the row"],
        "a": ["told_at: missing, but the row has a label"],
        "b": ["told_at: cannot be read as a moment"],
    }
    assert told["labels"] == {"labels": 0, "without_label": 1, "repeated": 0, "contradicted": 0}


def test_a_file_of_labels_may_come_later_and_makes_its_partition_stale(make_house):
    house = make_house()
    house.deliver(FIRST, "a").ingest(FIRST)
    reported: list[str] = []

    def find():
        given = {"project": house.settings.project, "connections": None, "report": reported.append}
        return [(one.partition, one.reasons) for one in find_stale(house.workflow, house.lake, **given)]

    before = find()
    (house.settings.project / f"include/data/outcomes_{FIRST}.csv").write_text("id,late\na,true\n")
    after = find()
    house.ingest(FIRST)
    assert (before, after, find()) == ([], [(FIRST, ("outcomes: a new delivery",))], [])
    assert reported == []
    assert house.known(FIRST)[0] == {"a": "true"}


def test_the_same_rows_with_other_labels_are_judged_again(house):
    digest = read_verdicts(house.lake, "ingestion")[SECOND].evidence
    evidence = {"digest": digest["digest"], "labels": digest["labels"]["digest"]}
    record_verdict(house.lake, Verdict("monitoring", SECOND, house.end(SECOND), "nothing", (), evidence))
    assert house.ingest(SECOND)["is_judged"]
    again = house.deliver(SECOND, "c", outcomes=["id,late", "a,true", "b,true"]).ingest(SECOND)
    assert (again["changed"], again["is_judged"]) == (False, False)


def put_scores(house, key, predicted):
    rows = house.lake.read("clean", [key]).select(["id", "sent_at"])
    scores = without_scores(len(rows), None)
    made = dict(zip(scores.column_names, scores.columns, strict=True))
    values = [predicted] * len(rows)
    made["model_version"] = pa.array(["1"] * len(rows))
    made["predicted"] = pa.array(values)
    made["classes"] = pa.array([["false", "true"]] * len(rows))
    made["probabilities"] = pa.array([[0.25, 0.75]] * len(rows))
    for name, column in made.items():
        rows = rows.append_column(name, column)
    house.lake.replace_partition(PREDICTIONS, key, rows)


def test_scores_are_judged_once_with_the_partition_that_brought_the_first_label(house):
    house.deliver(THIRD, "d", outcomes=["id,late", "a,false", "c,true", "d,true"]).ingest(THIRD)
    for key in DAYS:
        put_scores(house, key, "true")
    matured = [find_matured(house.workflow, key, house.lake) for key in DAYS]
    found = [score_predictions(house.workflow, read_predictions(house.workflow, house.lake, one)) for one in matured]
    assert [one.rows for one in found] == [0, 2, 2]  # a and b; c and d: a was judged by the label it had first


def test_people_correct_labels_that_came_later(house):
    answers = [Answer("line 2", FIRST, '["b"]', "false", "true")]
    at = house.end(SECOND) - timedelta(hours=1)
    with pytest.raises(AnswerError, match="no row with a label"):
        make_corrections(house.workflow, house.lake, answers, who="ann", known_at=at)
    at = house.end(SECOND) + timedelta(hours=1)
    record_corrections(house.lake, make_corrections(house.workflow, house.lake, answers, who="ann", known_at=at))
    assert house.known(SECOND)[0] == {"a": "true", "b": "false"}
    assert house.known(SECOND, hours=2)[0] == {"a": "true", "b": "true"}
    assert list_classes(house.workflow, house.lake) == ["false", "true"]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ({"source": "outcome"}, "table.label.source: must be one of several sources"),
        ({"source": None, "known_at": "told_at"}, "known_at is of labels that come later: name their source"),
        ({"known_at": "told_at", "known_after": "1 day"}, "known_at and known_after: give one of them"),
        ({"key": ["id", "depot"]}, "label.key: 1 columns make a key"),
    ],
)
def test_what_a_file_says_wrongly_of_later_labels_is_told(make_house, label, message):
    with pytest.raises(ConfigError, match=message):
        make_house(**label)


def test_a_table_that_has_the_label_too_is_an_error(make_house):
    house = make_house()
    house.files[f"include/data/parcels_{FIRST}.csv"] = f"id,sent_at,weight,depot,late\na,{FIRST} 12:00,1,N,true\n"
    with pytest.raises(TableError, match="comes later from outcomes, but the table made by the source has it"):
        house.open().ingest(FIRST)


def test_a_delivery_of_labels_without_a_column_is_an_error_with_a_remedy(make_house):
    house = make_house().deliver(FIRST, "a", outcomes=["id,lat", "a,true"])
    with pytest.raises(MisfitError, match=r"no column 'late', which table.label.column names\n  -> did you mean 'lat'"):
        house.ingest(FIRST)
