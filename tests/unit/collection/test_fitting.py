"""Deliveries of which something does not fit the table: refused with its reason, and the rest is taken."""

import json
from datetime import datetime, timezone

import pytest

from lakemill.collection import collect_source
from lakemill.exceptions import LakeError, MisfitError

NOW = datetime(2024, 3, 4, tzinfo=timezone.utc)
HEADER = "id,sent_at,weight,depot,late\n"


@pytest.fixture
def collect(make_project, lake, tmp_path):
    """Function that writes files of a day and collects it: its rows' numbers, and the reasons in quarantine."""

    def run(files: dict[str, str], day: str = "2024-03-01"):
        workflow = make_project(workflow={"collect": {"parcels": {"path": str(tmp_path / "in/{partition}/*")}}})[1]
        (tmp_path / "in" / day).mkdir(parents=True)
        for name, text in files.items():
            (tmp_path / "in" / day / name).write_text(text)
        collect_source(workflow, "parcels", day, lake, project=tmp_path, ingested_at=NOW, connections=None)
        rows = lake.read("raw_parcels", [day]).to_pylist()
        refused = lake.read("quarantine", [day])
        said = [(one["reasons"][0], json.loads(one["row"])) for one in refused.to_pylist()] if refused else []
        return [row["id"] for row in rows], said

    return run


def line(number: int, **other: str) -> str:
    said = {"id": str(number), "sent_at": "2024-03-01", "weight": "1", "depot": "N", "late": "true"}
    return json.dumps({**said, **other}) + "\n"


def as_file(number: int, **more: str) -> str:
    said = json.loads(line(number, **more))
    return f"{','.join(said)}\n{','.join(said.values())}\n"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("id,sent_at,weight,depot,lote", "column 'lote' is new; the table has not had it: did you mean 'late'?"),
        ("id,sent_at,weight,late,LATE", "columns 'late' and 'LATE': capitals do not tell columns of a table apart"),
        ("id,sent_at,weight,depot,delivery", "has a column 'delivery', a name of the lake's own"),
    ],
)
def test_a_file_whose_columns_do_not_fit_is_refused_and_the_others_are_taken(collect, header, reason):
    collect({"a.csv": HEADER + "1,2024-03-01,1,N,true\n"})
    good, odd = HEADER + "2,2024-03-02,1,N,true\n", f"{header}\n3,2024-03-02,1,N,true\n4,2024-03-02,1,N,true\n"
    ids, refused = collect({"a.csv": odd, "b.csv": good}, "2024-03-02")
    assert ids == ["2"]
    assert [said.startswith(reason) for said, _ in refused] == [True]
    assert refused[0][1]["source_file"].endswith("2024-03-02/a.csv")


def test_of_json_only_the_rows_that_do_not_fit_are_refused(collect):
    collect({"a.ndjson": line(1)})
    lines = [
        line(2),
        line(3, note="x"),
        line(4, note="y", more="z"),
        line(5, LATE="t"),
        line(8).replace("late", "LATE"),
        line(6, delivery="q"),
        line(7),
    ]
    ids, refused = collect({"a.ndjson": "".join(lines)}, "2024-03-02")
    assert ids == ["2", "8", "7"]
    assert sorted((row["source_row"], said.split(":")[0]) for said, row in refused) == [
        (2, "column 'note' is new; the table has not had it"),
        (3, "column 'note' is new; the table has not had it"),
        (4, "has fields whose names differ in capitals alone, which do not tell columns of a table apart"),
        (6, "has a field 'delivery', a name of the lake's own"),
    ]
    assert json.loads(next(row["text"] for _, row in refused if row["source_row"] == 2))["note"] == "x"


@pytest.mark.parametrize(("name", "write"), [("a.csv", as_file), ("a.ndjson", line)])
def test_names_that_differ_in_capitals_alone_are_one_column_whichever_comes_first(collect, lake, name, write):
    assert collect({name: write(1).replace("late", "lATe").replace("weight", "Weight")}) == (["1"], [])
    assert collect({name: write(2), f"b{name}": write(3).replace("depot", "DEPOT")}, "2024-03-02") == (["2", "3"], [])
    rows = [{name.lower(): value for name, value in row.items()} for row in lake.read("raw_parcels").to_pylist()]
    assert {(row["weight"], row["depot"], row["late"]) for row in rows} == {("1", "N", "true")}


@pytest.mark.parametrize("damaged", ["0.csv", "z.csv"])
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("late", "lote", "no column 'late', which include/sql/parcels.sql names: did you mean 'lote'?"),
        ("note", "nota", "has 'nota' where most files of this delivery have 'note'"),
    ],
)
def test_a_header_of_the_first_delivery_that_cannot_be_meant_is_refused_and_later_files_fit(
    collect, lake, damaged, old, new, said
):
    files = {f"{number}.csv": as_file(number, note="x") for number in (1, 2)}
    ids, refused = collect({**files, damaged: as_file(3, note="x").replace(old, new, 1)})
    assert (ids, len(refused)) == (["1", "2"], 1)
    assert refused[0][0].startswith(said)
    assert refused[0][1]["source_file"].endswith(damaged)
    assert collect({"1.csv": as_file(4, note="x")}, "2024-03-02") == (["4"], [])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"note": "x", "more": "y"}, "has 'more', which most files of this delivery have not"),
        ({}, "lacks 'note', which most files of this delivery have"),
    ],
)
def test_files_of_a_first_delivery_have_the_columns_of_most_as_those_of_later_ones_must(collect, more, said):
    ids, refused = collect({"1.csv": as_file(1, **more), "2.csv": as_file(2, note="x"), "3.csv": as_file(3, note="x")})
    assert (ids, refused[0][0].split(":")[0]) == (["2", "3"], said)


def test_of_two_files_of_a_first_delivery_the_first_says_which_columns_there_are(collect):
    ids, refused = collect({"1.csv": as_file(1, note="x"), "2.csv": as_file(2)})
    assert (ids, len(refused)) == (["1"], 1)


def test_rows_of_json_beside_others_may_lack_columns(collect):
    collect({"1.ndjson": line(1, note="x"), "2.json": line(2)})
    assert collect({"3.ndjson": line(3)}, "2024-03-02") == (["3"], [])


def test_a_first_delivery_that_comes_again_with_other_columns_gives_these_to_the_table(collect, lake, tmp_path):
    collect({"a.csv": as_file(1, nota="x")})
    (tmp_path / "in/2024-03-01/a.csv").unlink()
    (tmp_path / "in/2024-03-01").rmdir()
    assert collect({"a.csv": as_file(1, note="xy")}) == (["1"], [])
    assert "nota" not in lake.read("raw_parcels").column_names
    assert collect({"a.csv": as_file(2, note="x")}, "2024-03-02") == (["2"], [])
    (tmp_path / "in/2024-03-01/a.csv").unlink()
    (tmp_path / "in/2024-03-01").rmdir()
    with pytest.raises(MisfitError, match="column 'more' is new"):
        collect({"a.csv": as_file(1, note="xy", more="z")})


def test_a_field_whose_name_is_no_name_is_refused_with_its_row(collect):
    ids, refused = collect({"a.ndjson": line(1) + line(2, **{"x" * 300: "1"}) + line(3, **{"a\x01": "1"})})
    assert ids == ["1"]
    assert ["300 characters" in said or "control characters" in said for said, _ in refused] == [True, True]


def test_where_nothing_fits_it_is_an_error_and_the_lake_is_left_alone(collect, lake):
    collect({"a.csv": HEADER + "1,2024-03-01,1,N,true\n"})
    with pytest.raises(MisfitError, match=r"column 'lote' is new(.|\n)*columns: grow"):
        collect({"a.csv": HEADER.replace("late", "lote") + "1,2024-03-02,1,N,true\n"}, "2024-03-02")
    assert lake.partitions("raw_parcels") == ["2024-03-01"]
    assert lake.read("quarantine") is None


def test_a_damaged_delivery_collected_again_changes_nothing(collect, lake, tmp_path):
    collect({"a.ndjson": line(1) + line(2, LATE="x")})
    version = lake.version("raw_parcels")
    (tmp_path / "in/2024-03-01/a.ndjson").touch()
    (tmp_path / "in/2024-03-01/a.ndjson").unlink()
    (tmp_path / "in/2024-03-01").rmdir()
    collect({"a.ndjson": line(1) + line(2, LATE="x")})
    assert lake.version("raw_parcels") == version


def test_a_misfit_is_an_error_of_the_lake():
    assert issubclass(MisfitError, LakeError)


def test_of_files_that_are_cut_by_event_time_one_without_it_is_refused_and_the_others_are_taken(
    make_project, lake, tmp_path
):
    source = {"path": str(tmp_path / "in/*.csv"), "event_time": "sent_at"}
    workflow = make_project(workflow={"collect": {"parcels": source}})[1]
    (tmp_path / "in").mkdir()
    for number in (1, 2, 3):
        (tmp_path / f"in/{number}.csv").write_text(
            as_file(number).replace("sent_at", "sent_on" if number == 1 else "sent_at")
        )
    said = {"project": tmp_path, "ingested_at": NOW, "connections": None}
    collected = collect_source(workflow, "parcels", "2024-03-01", lake, **said)
    assert (collected["rows"], collected["malformed"], collected["malformed_files"]) == (2, 1, 1)
    assert lake.read("quarantine").column("reasons")[0].as_py()[0].startswith("event_time: no column 'sent_at'")


def test_rows_of_json_without_an_event_time_are_refused_whatever_else_their_file_has(make_project, lake, tmp_path):
    source = {"path": str(tmp_path / "in/*.ndjson"), "event_time": "sent_at"}
    workflow = make_project(workflow={"collect": {"parcels": source}})[1]
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1.ndjson").write_text(line(1).replace("sent_at", "sent_on"))
    (tmp_path / "in/2.ndjson").write_text(line(2))
    said = {"project": tmp_path, "ingested_at": NOW, "connections": None}
    collected = collect_source(workflow, "parcels", "2024-03-01", lake, **said)
    assert (collected["rows"], collected["malformed"], collected["malformed_files"]) == (1, 1, 0)
