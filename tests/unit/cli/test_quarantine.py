"""Refused rows: counted, shown, written out, mended or accepted by a person, and judged again with their partition."""

import csv
import json
from datetime import datetime, timezone
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lakemill.cli.quarantine import app
from lakemill.collection import collect_source
from lakemill.collection.freshness import find_stale
from lakemill.exceptions import ConfigError, LakeError, LakemillError
from lakemill.lake.quarantine import keep_refused
from lakemill.lake.released import read_releases
from lakemill.lake.verdicts import read_verdicts
from lakemill.preprocessing import clean_partition, publish_partition
from lakemill.validation import validate_partition

KEY, NEXT = "2024-03-01", "2024-03-02"
NOW = datetime(2024, 3, 4, tzinfo=timezone.utc)
HEAVY = "column_values_to_be_between(column=weight, min_value=0, max_value=100)"
LINES = (
    f"id,sent_at,weight,depot,late\na,{KEY} 01:00:00,500,N,true\nb,{KEY} 02:00:00,5,S,false\nc,{KEY} 03:00:00,900,S,\n"
)


def told(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None:
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


@pytest.fixture
def ingest(make_project, lake, monkeypatch):
    """Function that ingests a partition of parcels; returns what validation said."""
    return make_ingest(make_project, lake, monkeypatch)


def make_ingest(make_project, lake, monkeypatch, **workflow):
    settings, parcels = make_project(workflow=workflow, files={f"include/data/parcels_{KEY}.csv": LINES})
    monkeypatch.setenv("LAKEMILL_PROJECT", str(settings.project))
    monkeypatch.setenv("LAKEMILL_LAKE", settings.lake)

    def run(key: str = KEY, **options):
        collect_source(parcels, "parcels", key, lake, project=settings.project, ingested_at=NOW, connections=None)
        validated = validate_partition(parcels, key, lake, project=settings.project, **options)
        publish_partition(parcels, key, lake, validated=validated, cleaned=clean_partition(parcels, key, lake))
        return read_verdicts(lake, "ingestion")[key].evidence

    run.stale = lambda: find_stale(parcels, lake, project=settings.project, connections=None)
    run()
    return run


def clean(lake) -> dict[str, float]:
    rows = lake.read("clean", [KEY]).to_pylist()
    return {row["id"]: row["weight"] for row in rows}


def refused(lake) -> dict[str, list[str]]:
    return {json.loads(row["row"])["id"]: row["reasons"] for row in lake.read("quarantine", [KEY]).to_pylist()}


def write_out(path: Path) -> list[dict[str, str]]:
    told("show", "parcels", "--csv", str(path), "--force")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_back(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_refused_rows_are_counted_by_reason(ingest):
    lines = [line.split() for line in told("list", "parcels").splitlines()]
    assert [KEY, "table", "validate", *HEAVY.split(), "2"] in lines
    assert told("list", "parcels", "--partition", NEXT) == "nothing is refused\n"
    assert told("list", "parcels", "--reason", "depot") == "nothing is refused\n"


def test_refused_rows_are_shown_with_ids_that_stay(ingest):
    first = told("show", "parcels", "--source", "table")
    assert "weight=500.0" in first
    assert "weight=5.0" not in first
    ingest()
    assert told("show", "parcels") == first


def test_a_mended_row_takes_the_place_of_the_refused_one(ingest, lake, tmp_path):
    path = tmp_path / "mend.csv"
    rows = write_out(path)
    assert [row["weight"] for row in rows] == ["500.0", "900.0"]
    rows[0]["weight"] = "50"
    write_back(path, rows)
    said = told("release", "parcels", "--csv", str(path), "--who", "Ada", "--why", "kg, not g")
    assert "1 row(s) mended, 0 accepted as they are, 1 left in quarantine (unchanged; --accept lets them in)" in said
    assert [(one.partition, one.reasons) for one in ingest.stale()] == [(KEY, ("1 row(s) released by Ada: kg, not g",))]
    assert clean(lake) == {"b": 5.0}

    assert ingest()["released"] == {"table": {"mended": 1, "accepted": 0}}
    assert clean(lake) == {"a": 50.0, "b": 5.0}
    assert refused(lake) == {"c": [HEAVY]}
    assert ingest.stale() == []
    (release,) = read_releases(lake, KEY)
    assert (release.action, release.changes, release.who, release.reasons) == (
        "mended",
        {"weight": "50"},
        "Ada",
        (HEAVY,),
    )

    ingest()
    ingest(mode="off")
    assert clean(lake)["a"] == 50.0


def test_a_mended_row_that_still_fails_stays_refused_and_can_be_mended_again(ingest, lake, tmp_path):
    path = tmp_path / "mend.csv"
    for weight, kept in (("200", {"b": 5.0}), ("20", {"a": 20.0, "b": 5.0})):
        rows = [row for row in write_out(path) if row["id"] == "a"]
        rows[0]["weight"] = weight
        write_back(path, rows)
        told("release", "parcels", "--csv", str(path))
        ingest()
        assert clean(lake) == kept
    assert refused(lake) == {"c": [HEAVY]}


def test_a_mended_value_that_cannot_be_read_keeps_the_row_refused(ingest, lake, tmp_path):
    path = tmp_path / "mend.csv"
    rows = write_out(path)
    rows[0]["weight"] = "heavy"
    write_back(path, rows)
    told("release", "parcels", "--csv", str(path))
    ingest()
    assert refused(lake)["a"] == ["weight: the mended value 'heavy' cannot be read as double"]


def test_a_row_is_accepted_as_it_is_with_a_note(ingest, lake, tmp_path):
    path = tmp_path / "accept.csv"
    write_back(path, [row for row in write_out(path) if row["id"] == "c"])
    assert "0 row(s) mended, 1 accepted" in told("release", "parcels", "--csv", str(path), "--accept")
    assert ingest()["released"] == {"table": {"mended": 0, "accepted": 1}}
    assert clean(lake) == {"b": 5.0, "c": 900.0}
    assert list(refused(lake)) == ["a"]


def test_a_row_without_a_key_is_refused_though_a_person_accepts_it(ingest, lake, tmp_path, make_project):
    make_project(files={f"include/data/parcels_{KEY}.csv": LINES.replace("\na,", "\n,")})
    ingest()
    path = tmp_path / "accept.csv"
    write_out(path)
    told("release", "parcels", "--csv", str(path), "--accept")
    ingest()
    assert refused(lake) == {None: ["id: missing, but part of the key or the event time"]}


def test_a_release_of_a_row_that_is_delivered_no_more_changes_nothing(ingest, lake, tmp_path, make_project):
    path = tmp_path / "mend.csv"
    rows = write_out(path)
    rows[0]["weight"] = "50"
    write_back(path, rows)
    told("release", "parcels", "--csv", str(path))
    make_project(files={f"include/data/parcels_{KEY}.csv": LINES.replace("500", "7")})
    assert ingest()["released"] == {}
    assert clean(lake) == {"a": 7.0, "b": 5.0}


def test_a_partition_whose_rules_were_mended_is_judged_again(ingest, lake):
    said = told("release", "parcels", "--partition", KEY, "--who", "Ada")
    assert (
        said.split()
        == (
            f"{KEY}: judged again by the next lakemill run parcels, or when you trigger parcels.arrivals in Airflow"
        ).split()
    )
    assert [one.reasons for one in ingest.stale()] == [("released by Ada",)]
    ingest()
    assert ingest.stale() == []


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        ([], ConfigError, "--partition, --csv: give one of them"),
        (["--csv", "a.csv", "--partition", KEY], ConfigError, "--partition, --csv: give one of them"),
        (["--csv", "nowhere.csv"], ConfigError, "nowhere.csv: no such file"),
        (["--partition", NEXT], LakeError, f"parcels: no partition '{NEXT}' has been ingested"),
    ],
)
def test_a_release_of_nothing_is_told(ingest, words, error, said):
    with pytest.raises(error) as caught:
        told("release", "parcels", *words)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"quarantine_id": "0123"}, "line 2: no row '0123' in quarantine"),
        ({"price": "3"}, "line 2: the row has no column 'price'"),
    ],
)
def test_a_file_that_names_what_is_not_there_is_told_with_its_line(ingest, tmp_path, change, said):
    path = tmp_path / "mend.csv"
    rows = write_out(path)
    write_back(path, [{**rows[0], **change}])
    with pytest.raises(LakemillError) as caught:
        told("release", "parcels", "--csv", str(path))
    assert said in str(caught.value)


def test_a_line_that_collect_refused_is_mended_elsewhere(ingest, lake, tmp_path):
    keep_refused(lake, KEY, source="table", step="collect", refused=[({"id": "x"}, ["broken"])])
    path = tmp_path / "mend.csv"
    write_back(path, [row for row in write_out(path) if row["id"] == "x"])
    with pytest.raises(ConfigError, match="was refused by the step collect\n  -> mend what was delivered"):
        told("release", "parcels", "--csv", str(path), "--accept")


RULES = [
    {"rule": "numbers", "columns": ["weight"]},
    {"rule": "range", "columns": ["weight"], "high": 400, "outside": "quarantine"},
    {"rule": "require", "condition": "depot = 'S'"},
]


@pytest.fixture
def ingest_to_clean(make_project, lake, monkeypatch):
    """Function that ingests parcels of which cleaning refuses two: one for two reasons, one for one."""
    return make_ingest(make_project, lake, monkeypatch, clean=RULES, expectations=None)


def test_a_mended_row_that_cleaning_refused_is_judged_again(ingest_to_clean, lake, tmp_path):
    path = tmp_path / "mend.csv"
    assert sorted(refused(lake)) == ["a", "c"]
    for weight, kept, left in (("450", {"b": 5.0}, ["a", "c"]), ("50", {"b": 5.0, "c": 50.0}, ["a"])):
        rows = [row for row in write_out(path) if row["id"] == "c"]
        rows[0]["weight"] = weight
        write_back(path, rows)
        told("release", "parcels", "--csv", str(path))
        evidence = ingest_to_clean()
        assert clean(lake) == kept
        assert sorted(refused(lake)) == left
    assert evidence["released"] == {"table": {"mended": 1, "accepted": 0}}
    ingest_to_clean()
    assert clean(lake) == {"b": 5.0, "c": 50.0}


def test_a_row_that_cleaning_refused_is_accepted_as_it_is(ingest_to_clean, lake, tmp_path):
    path = tmp_path / "accept.csv"
    write_back(path, [row for row in write_out(path) if row["id"] == "a"])
    assert "0 row(s) mended, 1 accepted" in told("release", "parcels", "--csv", str(path), "--accept")
    evidence = ingest_to_clean()
    assert clean(lake) == {"a": 500.0, "b": 5.0}
    assert list(refused(lake)) == ["c"]
    assert (evidence["released"], evidence["quarantined"]) == ({"table": {"mended": 0, "accepted": 1}}, 1)
    assert sum(row["refused"] for row in lake.read("cleaning", [KEY]).to_pylist()) == 1
    assert ingest_to_clean()["released"] == evidence["released"]


def test_a_row_that_was_mended_may_be_accepted_afterwards(ingest_to_clean, lake, tmp_path):
    path = tmp_path / "mend.csv"
    rows = [row for row in write_out(path) if row["id"] == "a"]
    write_back(path, [{**rows[0], "weight": "600"}])
    told("release", "parcels", "--csv", str(path))
    ingest_to_clean()
    write_back(path, [row for row in write_out(path) if row["id"] == "a"])
    told("release", "parcels", "--csv", str(path), "--accept")
    evidence = ingest_to_clean()
    assert clean(lake) == {"a": 600.0, "b": 5.0}
    assert evidence["released"] == {"table": {"mended": 1, "accepted": 1}}


def test_a_row_that_cleaning_left_without_its_event_time_is_refused_though_accepted(
    make_project, lake, monkeypatch, tmp_path
):
    rules = [{"rule": "dates", "columns": ["sent_at"]}]
    ingest = make_ingest(make_project, lake, monkeypatch, clean=rules, expectations=None)
    make_project(
        workflow={"clean": rules, "expectations": None},
        files={f"include/data/parcels_{KEY}.csv": LINES.replace(f"{KEY} 01:00:00", "noon")},
    )
    ingest()
    path = tmp_path / "accept.csv"
    write_out(path)
    told("release", "parcels", "--csv", str(path), "--accept")
    ingest()
    assert refused(lake) == {"a": ["sent_at: missing, but part of the key or the event time"]}


def test_what_cleaning_refused_and_a_person_accepts_is_judged_by_expectations_still(
    make_project, lake, monkeypatch, tmp_path
):
    ingest = make_ingest(make_project, lake, monkeypatch, clean=RULES[2:], expectations=None)
    path = tmp_path / "accept.csv"
    write_out(path)
    told("release", "parcels", "--csv", str(path), "--accept")
    ingest()
    assert clean(lake) == {"a": 500.0, "b": 5.0, "c": 900.0}
    ingest = make_ingest(make_project, lake, monkeypatch, clean=RULES[2:])
    assert clean(lake) == {"b": 5.0}


def test_a_file_that_is_there_is_not_written_over(ingest, tmp_path):
    path = tmp_path / "mend.csv"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="is there already"):
        told("show", "parcels", "--csv", str(path))
    assert path.read_text() == "mine"
