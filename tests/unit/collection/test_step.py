"""The step ``collect``: deliveries into ``raw_`` tables, once."""

import gzip
import json
import shutil
from datetime import datetime, timezone

import pytest

from lakemill.collection import collect_source
from lakemill.exceptions import BlockedPartitionError, CollectionError, LakeError
from lakemill.lake.quarantine import count_refused
from lakemill.lake.verdicts import read_verdicts

MONDAY = datetime(2024, 3, 4, tzinfo=timezone.utc)
TUESDAY = datetime(2024, 3, 5, tzinfo=timezone.utc)
FILE = "include/data/parcels_2024-03-01.csv"


@pytest.fixture
def collect(project, lake):
    return lambda key="2024-03-01", at=MONDAY, workflow=None: collect_source(
        workflow or project[1],
        "parcels",
        key,
        lake,
        project=project[0].project,
        ingested_at=at,
        connections=NoConnections(),
    )


class NoConnections:
    """None, as files of this machine need none."""


def test_rows_are_kept_as_delivered_with_where_they_come_from(collect, lake):
    collected = collect()
    delivery = collected.pop("delivery")
    assert collected == {"source": "parcels", "rows": 6, "malformed": 0, "malformed_files": 0, "changed": True}
    first = lake.read("raw_parcels").to_pylist()[0]
    assert first == {
        "id": "2024-03-01-0",
        "sent_at": "2024-03-01 00:30:00",
        "weight": "0.0",
        "depot": "N",
        "late": "true",
        "source_row": 1,
        "source_file": FILE,
        "ingested_at": MONDAY,
        "delivery": delivery,
        "partition": "2024-03-01",
    }


def test_the_same_file_again_changes_nothing_and_keeps_when_it_was_learnt(collect, lake):
    collect()
    assert collect(at=TUESDAY)["changed"] is False
    assert set(lake.read("raw_parcels").column("ingested_at").to_pylist()) == {MONDAY}


def test_a_corrected_file_replaces_its_partition_only(collect, lake, project):
    collect()
    collect("2024-03-02")
    path = project[0].project / FILE
    path.write_text(path.read_text().replace(",N,", ",W,"))
    assert collect(at=TUESDAY)["changed"] is True
    learnt = {row["partition"]: row["ingested_at"] for row in lake.read("raw_parcels").to_pylist()}
    assert learnt == {"2024-03-01": TUESDAY, "2024-03-02": MONDAY}


def test_broken_lines_are_refused_and_forgotten_when_mended(collect, lake, project):
    path = project[0].project / FILE
    good = path.read_text()
    path.write_text(good + "lonely\n")
    assert collect()["malformed"] == 1
    kept = lake.read("quarantine").to_pylist()[0]
    assert (kept["source"], kept["step"]) == ("parcels", "collect")
    assert kept["reasons"] == ["1 fields where the header has 5"]
    assert json.loads(kept["row"])["text"] == "lonely"
    path.write_text(good)
    assert (collect()["malformed"], count_refused(lake, "2024-03-01")) == (0, {})


def test_a_missing_file_is_told_with_the_workflows_key_and_leaves_the_lake_alone(collect, lake):
    with pytest.raises(CollectionError, match=r"^include/workflows/parcels\.yaml: collect\.parcels: no file"):
        collect("2024-03-09")
    assert lake.read("raw_parcels") is None


@pytest.fixture
def write_note(project):
    """Function that writes a later file with one column more."""
    path = project[0].project / "include/data/parcels_2024-03-02.csv"
    return lambda: path.write_text("id,sent_at,weight,depot,late,note\n1,2024-03-02,1,N,true,fragile\n")


def test_a_column_that_comes_later_is_an_error_that_names_it(collect, lake, write_note):
    collect()
    write_note()
    with pytest.raises(LakeError, match=r"column 'note' is new.*\n.*columns: grow"):
        collect("2024-03-02")
    assert lake.partitions("raw_parcels") == ["2024-03-01"]


def test_a_column_that_comes_later_is_added_where_the_workflow_says_so(collect, lake, make_project, write_note):
    growing = {"path": "include/data/parcels_{partition}.csv", "columns": "grow"}
    workflow = make_project(workflow={"collect": {"parcels": growing}})[1]
    collect(workflow=workflow)
    write_note()
    assert collect("2024-03-02", workflow=workflow)["rows"] == 1
    assert lake.read("raw_parcels", ["2024-03-02"], columns=["note"]).to_pylist() == [{"note": "fragile"}]
    assert collect(workflow=workflow)["changed"] is False


def test_a_column_that_is_gone_is_an_error_that_names_it(collect, project):
    collect()
    (project[0].project / "include/data/parcels_2024-03-02.csv").write_text(
        "id,sent_at,weight,late\n1,2024-03-02,1,true\n"
    )
    with pytest.raises(LakeError, match="column 'depot' is missing"):
        collect("2024-03-02")


def test_a_delivery_that_is_refused_whole_blocks_the_partition_and_keeps_the_reason(collect, lake, project):
    (project[0].project / FILE).write_bytes(b"")
    with pytest.raises(BlockedPartitionError, match="the file is empty"):
        collect()
    assert lake.read("quarantine").to_pylist()[0]["reasons"] == ["the file is empty"]
    assert read_verdicts(lake, "ingestion")["2024-03-01"].verdict == "blocked"


def test_a_delivery_that_is_refused_whole_leaves_the_rows_of_the_one_before(collect, lake, project):
    collect()
    (project[0].project / FILE).write_bytes(b"")
    with pytest.raises(BlockedPartitionError):
        collect(at=TUESDAY)
    assert len(lake.read("raw_parcels")) == 6


def test_a_refused_file_beside_a_good_one_costs_that_file_only(collect, lake, make_project):
    settings, workflow = make_project(
        workflow={"collect": {"parcels": {"path": "include/data/{partition}/*.csv"}}},
        files={
            "include/data/2024-03-01/a.csv": "id,sent_at,weight,depot,late\n1,2024-03-01,1,N,true\n",
            "include/data/2024-03-01/b.csv": "",
        },
    )
    for _ in range(2):  # into a new table, and into one that is there
        collected = collect(workflow=workflow)
        assert (collected["rows"], collected["malformed"]) == (1, 1)
        (settings.project / "include/data/2024-03-01/b.csv").touch()


def test_a_file_that_was_only_touched_changes_nothing(collect, lake, project):
    collect()
    version = lake.version("raw_parcels")
    (project[0].project / FILE).touch()
    assert collect(at=TUESDAY)["changed"] is False
    assert lake.version("raw_parcels") == version
    assert lake.read("deliveries", ["2024-03-01"]).to_pylist()[0]["ingested_at"] == MONDAY


def test_a_raw_table_that_was_deleted_is_collected_anew(collect, lake):
    collect()
    shutil.rmtree(lake.local_folder / "raw_parcels")
    assert collect()["changed"] is True
    assert len(lake.read("raw_parcels")) == 6


# -- one file for all partitions --------------------------------------------------------------------------------------


@pytest.fixture
def big(make_project):
    """The workflow with one file for all days, and that file."""
    settings, workflow = make_project(
        workflow={"collect": {"parcels": {"path": "include/data/all.csv", "event_time": "sent_at"}}}
    )
    path = settings.project / "include/data/all.csv"
    lines = [f"{day}-{n},2024-03-0{day} {n:02}:30:00,{n},N,true" for day in (1, 2, 3) for n in range(6)]
    path.write_text("\n".join(["id,sent_at,weight,depot,late", *lines, ""]))
    return workflow, path


def test_one_file_for_all_is_read_once(collect, lake, big):
    workflow, path = big
    assert collect("2024-03-02", workflow=workflow)["changed"] is True
    assert lake.partitions("raw_parcels") == ["2024-03-01", "2024-03-02", "2024-03-03"]
    opened = path.stat().st_atime_ns
    path.chmod(0o000)  # as root it can be read all the same: the time of access tells
    collected = collect("2024-03-03", workflow=workflow)
    assert (collected["rows"], collected["changed"]) == (6, False)
    assert path.stat().st_atime_ns == opened


def test_of_one_file_for_all_only_changed_partitions_are_written_again(collect, lake, big):
    workflow, path = big
    collect(workflow=workflow)
    path.write_text(path.read_text() + "2-x,2024-03-02 23:00:00,9,S,false\n")
    assert collect("2024-03-02", at=TUESDAY, workflow=workflow)["rows"] == 7
    learnt = {(row["partition"], row["ingested_at"]) for row in lake.read("raw_parcels").to_pylist()}
    assert learnt == {("2024-03-01", MONDAY), ("2024-03-02", TUESDAY), ("2024-03-03", MONDAY)}
    assert collect("2024-03-09", workflow=workflow)["rows"] == 0


def test_a_refused_part_of_one_file_for_all_is_kept_with_the_first_partition(collect, lake, big):
    workflow, path = big
    path.write_bytes(gzip.compress(path.read_bytes())[:-9])
    collect("2024-03-02", workflow=workflow)
    reasons = [row["reasons"][0] for row in lake.read("quarantine", ["2024-03-01"]).to_pylist()]
    assert any("cut off or damaged" in reason for reason in reasons)


def test_a_row_without_a_moment_is_refused_with_the_first_partition(collect, lake, big):
    workflow, path = big
    path.write_text(path.read_text() + "2-x,soon,9,S,false\n")
    assert collect("2024-03-02", workflow=workflow)["malformed"] == 0
    assert collect("2024-03-01", workflow=workflow)["malformed"] == 1
    assert count_refused(lake, "2024-03-01") == {"parcels": 1}
