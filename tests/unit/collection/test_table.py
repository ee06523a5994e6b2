"""From delivered texts to the one table: types, the query, the parts that columns play."""

from datetime import datetime, timezone

import pyarrow as pa
import pytest
from workflows_for_tests import make_workflow

from lakemill.collection import build_table, type_pieces, type_source
from lakemill.collection.table import name_texts
from lakemill.config.sources import FilesSource
from lakemill.exceptions import TableError
from lakemill.lake import Pieces


def delivered(**columns) -> pa.Table:
    count = len(next(iter(columns.values())))
    ours = {
        "partition": ["a"] * count,
        "source_file": ["x.csv"] * count,
        "source_row": list(range(1, count + 1)),
        "ingested_at": [datetime(2024, 1, 1)] * count,
    }
    return pa.table({**columns, **ours})


def typed(table: pa.Table, **types):
    return type_source(table, FilesSource(path="x", types=types), where="parcels.yaml")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)


PARCELS = pa.table(
    {
        "id": ["p1", "p2"],
        "sent_at": ["2024-03-01 10:00", "2024-03-01 11:00"],
        "weight": [1, None],
        "depot": ["N", None],
        "late": [True, None],
    }
)


# -- types ------------------------------------------------------------------------------------------------------------


def test_types_are_found_and_provenance_is_left_out():
    found = typed(
        delivered(
            code=["007", "008"], n=["1", None], x=["0.5", "1"], ok=["true", "false"], none=pa.nulls(2, pa.string())
        )
    )
    assert {field.name: field.type for field in found.rows.schema} == {
        "code": pa.string(),
        "n": pa.int64(),
        "x": pa.float64(),
        "ok": pa.bool_(),
        "none": pa.null(),
    }
    assert found.unreadable == {}


def test_a_declared_type_is_read_and_what_does_not_fit_is_told():
    found = typed(delivered(n=["1", "x", None], code=["1", "2", "3"]), n="integer", code="text")
    assert found.rows.to_pydict() == {"n": [1, None, None], "code": ["1", "2", "3"]}
    assert {name: bad.to_pylist() for name, bad in found.unreadable.items()} == {"n": [False, True, False]}


def test_rows_come_in_the_order_of_delivery():
    table = delivered(n=["1", "2", "3"])
    assert typed(table.take([2, 0, 1])).rows.to_pydict() == {"n": [1, 2, 3]}


def test_pieces_in_any_order_give_the_same_as_all_at_once():
    rows = pa.table(
        {
            "size": [str(number) if number != 7 else "x" for number in range(20)],
            "count": [str(number) for number in range(20)],
            "source_file": ["b"] * 5 + ["a"] * 15,
            "source_row": [*range(5), *reversed(range(15))],
        }
    )
    source = FilesSource(path="p", types={"size": "number"})
    whole = type_source(rows, source, where="w")

    def read():
        return iter([rows.slice(12), rows.slice(0, 5), rows.slice(5, 7)])

    found = type_pieces(Pieces(rows.schema, read), source, where="w")

    assert found.rows.equals(whole.rows)
    assert found.rows.schema.types == [pa.float64(), pa.int64()]
    assert found.rows.column("count").to_pylist() == [*range(19, 4, -1), *range(5)]
    assert found.unreadable["size"].to_pylist() == [number == 7 for number in found.rows.column("count").to_pylist()]


def test_no_piece_at_all_gives_the_columns():
    source = FilesSource(path="p", types={"size": "number"})
    schema = pa.schema([(name, pa.string()) for name in ("id", "size", "source_file", "source_row")])
    found = type_pieces(Pieces(schema, lambda: iter(())), source, where="w")
    assert (len(found.rows), found.rows.schema.field("size").type, found.unreadable) == (0, pa.float64(), {})


def test_values_that_were_delivered_with_a_type_keep_it():
    found = typed(delivered(n=pa.array([1.0, 2.0]), at=pa.array([0, 1], pa.timestamp("us"))))
    assert [field.type for field in found.rows.schema] == [pa.float64(), pa.timestamp("us")]


def test_a_declared_type_of_no_column_is_refused():
    with pytest.raises(TableError, match=r"parcels\.yaml: types: no column 'wieght'\n  -> did you mean 'weight'"):
        typed(delivered(weight=["1"]), wieght="number")


# -- the table --------------------------------------------------------------------------------------------------------


def test_columns_take_the_types_of_their_parts(project):
    settings, workflow = project
    built = build_table(workflow, {"parcels": PARCELS}, project=settings.project)
    assert built.rows.to_pylist() == [
        {"id": "p1", "sent_at": utc(2024, 3, 1, 10), "weight": 1.0, "depot": "N", "late": "true"},
        {"id": "p2", "sent_at": utc(2024, 3, 1, 11), "weight": None, "depot": None, "late": None},
    ]
    assert built.rows.schema.field("weight").type == pa.float64()
    assert built.unreadable == {}


def test_event_times_are_local_to_the_partitions_zone(make_project):
    settings, workflow = make_project(
        workflow={"partition": {"every": "day", "start": "2024-03-01", "timezone": "America/New_York"}}
    )
    built = build_table(workflow, {"parcels": PARCELS}, project=settings.project)
    assert built.rows["sent_at"].to_pylist() == [utc(2024, 3, 1, 15), utc(2024, 3, 1, 16)]


@pytest.mark.parametrize(
    ("column", "values", "read", "told"),
    [
        ("weight", ["1.5", "heavy"], [1.5, None], True),
        ("weight", [True, False], [1.0, 0.0], False),
        ("weight", [1.0, float("inf")], [1.0, None], True),
        ("weight", pa.nulls(2), [None, None], False),
        ("sent_at", ["2024-03-01", "soon"], [utc(2024, 3, 1), None], True),
        ("depot", [7, 8], ["7", "8"], False),
        ("id", pa.array([1, 2], pa.int32()), [1, 2], False),
        ("late", [0.5, float("nan")], ["0.5", None], False),
    ],
)
def test_a_value_that_does_not_fit_its_part_is_told(project, column, values, read, told):
    settings, workflow = project
    rows = PARCELS.set_column(PARCELS.column_names.index(column), column, pa.chunked_array([values]))
    built = build_table(workflow, {"parcels": rows}, project=settings.project)
    assert built.rows[column].to_pylist() == read
    assert list(built.unreadable) == ([column] if told else [])
    if told:
        assert built.unreadable[column].to_pylist() == [False, True]


def test_a_regressions_label_is_a_number(make_project):
    table = {"key": ["id"], "event_time": "sent_at", "label": {"column": "days", "problem": "regression"}}
    candidates = {"plain": {"estimator": "sklearn.linear_model.Ridge"}}
    settings, workflow = make_project(workflow={"table": table, "train": {"metric": "r2", "candidates": candidates}})
    rows = PARCELS.append_column("days", pa.chunked_array([["3", "many"]]))
    built = build_table(workflow, {"parcels": rows}, project=settings.project)
    assert built.rows["days"].to_pylist() == [3.0, None]
    assert built.unreadable["days"].to_pylist() == [False, True]


def test_without_a_query_the_one_source_is_the_table(make_project):
    table = {"key": ["id"], "event_time": "sent_at", "label": {"column": "late", "problem": "classification"}}
    settings, workflow = make_project(workflow={"table": table})
    built = build_table(workflow, {"parcels": PARCELS}, project=settings.project)
    assert built.rows.column_names == PARCELS.column_names


def test_sensors_may_count_seconds(make_project):
    settings, workflow = make_project(
        workflow={
            "collect": {"parcels": {"kind": "mqtt", "topic": "vans", "event_time": "sent_at", "key": ["id"]}},
            "table": {"key": ["id"], "event_time": "sent_at", "label": {"column": "late", "problem": "classification"}},
        }
    )
    rows = PARCELS.set_column(
        PARCELS.column_names.index("sent_at"), "sent_at", pa.chunked_array([[1709287200, 1709290800.0]])
    )
    built = build_table(workflow, {"parcels": rows}, project=settings.project)
    assert built.rows["sent_at"].to_pylist() == [utc(2024, 3, 1, 10), utc(2024, 3, 1, 11)]
    assert built.unreadable == {}


def test_a_wrong_query_is_told_with_its_file(make_project):
    settings, workflow = make_project(files={"include/sql/parcels.sql": "SELECT * FROM parcel"})
    with pytest.raises(TableError, match=r"^include/sql/parcels\.sql: .*parcel"):
        build_table(workflow, {"parcels": PARCELS}, project=settings.project)


RANGES = [{"rule": "range", "columns": ["wieght", "weight"], "low": 0}]


@pytest.mark.parametrize(
    ("sections", "sql", "said"),
    [
        ({}, "SELECT * EXCLUDE (id) FROM parcels", "table.key: no column 'id' in the table made by include/sql"),
        ({}, "SELECT * EXCLUDE (sent_at) FROM parcels", "table.event_time: no column 'sent_at'"),
        ({}, "SELECT * EXCLUDE (late) FROM parcels", "table.label.column: no column 'late'"),
        ({}, "SELECT *, weight AS wieght FROM (FROM parcels) LIMIT 0", None),
        ({"features": {"numeric": ["wieght", "weight"]}}, None, "features: no column 'wieght'"),
        ({"clean": RANGES}, None, "clean (range): no column 'wieght'"),
        ({"clean": [{"rule": "strip", "columns": ["depto", "id"]}]}, None, "clean (strip): no column 'depto'"),
    ],
)
def test_a_column_that_the_workflow_names_must_be_in_the_table(make_project, sections, sql, said):
    files = {} if sql is None else {"include/sql/parcels.sql": sql}
    settings, workflow = make_project(workflow=sections, files=files)
    if said is None:
        assert build_table(workflow, {"parcels": PARCELS}, project=settings.project).rows.num_rows == 0
        return
    with pytest.raises(TableError) as caught:
        build_table(workflow, {"parcels": PARCELS}, project=settings.project)
    assert said in str(caught.value)
    assert str(caught.value).startswith("include/workflows/parcels.yaml: ")
    assert "\n  -> " in str(caught.value)


def test_a_near_name_is_suggested(make_project):
    settings, workflow = make_project(workflow={"features": {"numeric": ["wieght"]}})
    with pytest.raises(TableError, match="did you mean 'weight'"):
        build_table(workflow, {"parcels": PARCELS}, project=settings.project)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.nulls(2), pa.string()),
        (pa.array([1, 2], pa.uint8()), pa.int64()),
        (pa.array([1, 2], pa.float32()), pa.float64()),
        (pa.array([1, 2]).cast(pa.decimal128(21, 2)), pa.float64()),
        (pa.array([1, 2], pa.timestamp("s", "UTC")), pa.timestamp("us", "UTC")),
        (pa.array(["a", "b"]), pa.string()),
        (pa.array([True, None]), pa.bool_()),
    ],
)
def test_columns_without_a_part_keep_to_few_types(make_project, values, kind):
    table = {"key": ["id"], "event_time": "sent_at", "label": {"column": "late", "problem": "classification"}}
    settings, workflow = make_project(workflow={"table": table})
    rows = PARCELS.append_column("more", pa.chunked_array([values]))
    built = build_table(workflow, {"parcels": rows}, project=settings.project)
    assert built.rows.schema.field("more").type == kind


# -- what cleaning reads -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "column", "kept"),
    [
        ({"rule": "numbers", "columns": ["weight"]}, "weight", ["1,5", "2"]),
        ({"rule": "sentinels", "columns": ["weight"]}, "weight", ["1,5", "2"]),
        ({"rule": "dates", "columns": ["sent_at"]}, "sent_at", ["01.03.2024", "2024-03-01"]),
    ],
)
def test_a_column_that_a_rule_reads_stays_as_delivered(make_project, rule, column, kept):
    settings, workflow = make_project(workflow={"clean": [rule]})
    rows = PARCELS.set_column(PARCELS.column_names.index(column), column, pa.array(kept))
    built = build_table(workflow, {"parcels": rows}, project=settings.project)
    assert built.rows.column(column).to_pylist() == kept
    assert built.unreadable == {}


def test_rules_may_name_what_earlier_rules_add_and_features_too(make_project):
    rules = [{"rule": "gaps", "columns": ["weight"]}, {"rule": "range", "columns": ["weight_was_missing"], "low": 0}]
    sections = {"clean": rules, "features": {"numeric": ["weight", "weight_was_missing"]}}
    settings, workflow = make_project(workflow=sections)
    assert build_table(workflow, {"parcels": PARCELS}, project=settings.project).rows.num_rows == 2


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([{"rule": "gaps", "columns": ["wait"]}], "clean (gaps): no column 'wait'"),
        ([{"rule": "outliers", "columns": ["weight"], "by": ["deport"]}], "clean (outliers): no column 'deport'"),
        (
            [{"rule": "range", "columns": ["weight_was_missing"]}, {"rule": "gaps", "columns": ["weight"]}],
            "clean (range): no column 'weight_was_missing'",
        ),
        (
            [{"rule": "require", "condition": "weight > 0", "action": "flag", "flag": "depot"}],
            "clean (require): adds 'depot', which is a column of the table",
        ),
    ],
)
def test_a_rule_names_columns_that_are_there_and_adds_new_ones(make_project, rules, said):
    settings, workflow = make_project(workflow={"clean": rules})
    with pytest.raises(TableError) as refused:
        build_table(workflow, {"parcels": PARCELS}, project=settings.project)
    assert said in str(refused.value)


# -- windows ----------------------------------------------------------------------------------------------------------


def with_window(**said):
    window = {"columns": ["weight"], "lags": ["1 day"], **said}
    return {"features": {"categorical": ["depot"], "windows": [window]}}


def test_what_windows_look_back_on_is_a_number_and_what_they_make_is_not_there_yet(make_project):
    settings, workflow = make_project(workflow=with_window())

    rows = build_table(workflow, {"parcels": PARCELS}, project=settings.project).rows

    assert rows.schema.field("weight").type == pa.float64()
    assert "weight_lag_1_day" not in rows.column_names


def test_names_of_series_stay_texts_where_no_query_gives_them_a_type():
    workflow = make_workflow(features={"numeric": ["size"], "windows": [{"columns": ["size"], "lags": ["1 day"]}]})
    by_line = {"columns": ["size"], "by": ["line", "noise"], "lags": ["1 day"]}
    with_series = make_workflow(features={"numeric": ["size", "noise"], "windows": [by_line]})

    assert name_texts(with_series) - name_texts(workflow) == {"line"}


@pytest.mark.parametrize(
    ("window", "sql", "said"),
    [
        ({"columns": ["wieght"]}, None, "features.windows: no column 'wieght'"),
        ({"by": ["deport"]}, None, "features.windows: no column 'deport'"),
        (
            {},
            "SELECT *, 0 AS weight_lag_1_day FROM parcels",
            "features.windows: makes 'weight_lag_1_day', which is a column of the table made by include/sql",
        ),
    ],
)
def test_windows_name_columns_that_are_there_and_make_new_ones(make_project, window, sql, said):
    files = {} if sql is None else {"include/sql/parcels.sql": sql}
    settings, workflow = make_project(workflow=with_window(**window), files=files)
    with pytest.raises(TableError) as caught:
        build_table(workflow, {"parcels": PARCELS}, project=settings.project)
    assert said in str(caught.value)
