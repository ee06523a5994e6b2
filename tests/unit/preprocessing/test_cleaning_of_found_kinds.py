"""Cleaning where the workflow file names no features: columns that rules read get the type that is found of them."""

from datetime import datetime, timezone
from typing import get_args

import pyarrow as pa
import pytest

from lakemill.collection import collect_source, find_kinds
from lakemill.collection.column_kinds import READ_AS
from lakemill.config.cleaning import CleaningRule
from lakemill.preprocessing import clean_partition, publish_partition
from lakemill.preprocessing.features.finding import find_features
from lakemill.validation import validate_partition

DAYS = ("2024-03-01", "2024-03-02")
NOW = datetime(2024, 3, 4, tzinfo=timezone.utc)
HEADER = "id,sent_at,weight,height,ordered,paid,depot,rank,late"
ROWS = {
    DAYS[0]: [
        'a,2024-03-01 10:00,"1,5",2 m,01.02.2024,ja,N,3,true',
        'b,01.03.2024 11:00,"2,5",30 cm,2024-02-02,no,n,-9,false',
        "c,2024-03-01 12:00,?,,2024-02-03 10:00,1,North,?,true",
    ],
    DAYS[1]: [
        "d,2024-03-02 10:00,7,1 m,,,S,4,true",
        "e,02.03.2024 11:00,heavy,40 cm,05.02.2024,no,S,5,false",
        "f,02.03.2024 11:00,8,high,05.02.2024,no,S,first,false",
    ],
}
RULES = [
    {"rule": "dates", "columns": ["sent_at", "ordered"]},
    {"rule": "sentinels", "columns": ["weight"], "values": ["?"]},
    {"rule": "sentinels", "columns": ["rank"], "values": ["?", -9]},
    {"rule": "numbers", "columns": ["weight"], "decimal": ","},
    {"rule": "units", "columns": ["height"], "to": "m", "units": {"cm": 0.01}},
    {"rule": "booleans", "columns": ["paid"]},
    {"rule": "categories", "columns": ["depot"], "vocabulary": {"N": ["North"], "S": ["South"]}},
    {"rule": "duplicates"},
]
UTC = timezone.utc


@pytest.fixture(params=[None, "SELECT * FROM parcels"], ids=["one source", "a query"])
def ingest(request, make_project, lake):
    """Function that ingests a day; its attribute ``workflow`` has no features."""
    table = {"key": ["id"], "event_time": "sent_at", "label": {"column": "late", "problem": "classification"}}
    if request.param:
        table["sql"] = "include/sql/parcels.sql"
    files = {f"include/data/parcels_{day}.csv": "\n".join([HEADER, *rows, ""]) for day, rows in ROWS.items()}
    files["include/sql/parcels.sql"] = request.param or "SELECT 1"
    sections = {"clean": RULES, "expectations": None, "features": None, "table": table}
    settings, workflow = make_project(workflow=sections, files=files)

    def run(key):
        given = {"project": settings.project}
        for day in DAYS[: DAYS.index(key) + 1]:
            collect_source(workflow, "parcels", day, lake, ingested_at=NOW, connections=None, **given)
        validated = validate_partition(workflow, key, lake, **given)
        cleaned = clean_partition(workflow, key, lake, **given)
        publish_partition(workflow, key, lake, validated=validated, cleaned=cleaned)
        return lake.read("clean", [key])

    run.workflow, run.settings = workflow, settings
    return run


def test_values_that_rules_read_have_the_types_that_the_rules_give(ingest):
    rows = ingest(DAYS[0])
    assert rows.drop_columns(["id", "late", "partition"]).to_pylist() == [
        {
            "sent_at": datetime(2024, 3, 1, 10, tzinfo=UTC),
            "weight": 1.5,
            "height": 2.0,
            "ordered": datetime(2024, 2, 1, tzinfo=UTC),
            "paid": True,
            "depot": "N",
            "rank": 3.0,
        },
        {
            "sent_at": datetime(2024, 3, 1, 11, tzinfo=UTC),
            "weight": 2.5,
            "height": 0.3,
            "ordered": datetime(2024, 2, 2, tzinfo=UTC),
            "paid": False,
            "depot": "N",
            "rank": None,
        },
        {
            "sent_at": datetime(2024, 3, 1, 12, tzinfo=UTC),
            "weight": None,
            "height": None,
            "ordered": datetime(2024, 2, 3, 10, tzinfo=UTC),
            "paid": True,
            "depot": "N",
            "rank": None,
        },
    ]
    assert rows.schema.field("weight").type == pa.float64()


def test_a_later_partition_keeps_the_types_and_its_bad_values_are_refused(ingest, lake):
    first, second = ingest(DAYS[0]), ingest(DAYS[1])
    assert second.schema == first.schema
    assert second.column("id").to_pylist() == ["d"]
    refused = {tuple(row["reasons"]) for row in lake.read("quarantine", [DAYS[1]]).to_pylist()}
    assert refused == {
        ("weight: cannot be read as a number",),
        ("rank: cannot be read as its type", "height: cannot be read as an amount in m"),
    }


def test_kinds_are_those_after_the_rules(ingest, lake):
    ingest(DAYS[0])
    assert find_kinds(ingest.workflow, lake, project=ingest.settings.project) == {
        "weight": "number",
        "height": "number",
        "ordered": "timestamp",
        "paid": "boolean",
        "depot": "text",
        "rank": "number",
    }


def test_features_are_found_of_clean_columns(ingest, lake):
    rows, workflow = ingest(DAYS[0]), ingest.workflow
    kinds = find_kinds(workflow, lake, project=ingest.settings.project)
    found = find_features(rows, workflow.features, kinds, label="late")
    assert found.kinds == {"numeric": ["weight", "height", "rank"], "dates": ["ordered"]}
    assert found.left_out == {"paid": "says the label in other words", "depot": "has one value only"}


def test_a_flag_that_cleaning_adds_can_be_named_as_a_feature(make_project, lake):
    rules = [{"rule": "range", "columns": ["weight"], "high": 5, "outside": "flag"}]
    flag = "weight_is_out_of_range"
    settings, workflow = make_project(workflow={"clean": rules, "features": ["weight", flag]})
    collect_source(workflow, "parcels", DAYS[0], lake, project=settings.project, ingested_at=NOW, connections=None)
    assert find_kinds(workflow, lake, project=settings.project) == {"weight": "number", flag: "boolean"}


def test_a_column_that_names_units_is_text(make_project, lake):
    rules = [{"rule": "units", "columns": ["weight"], "to": "kg", "units": {"g": 0.001}, "unit_column": "depot"}]
    settings, workflow = make_project(workflow={"clean": rules, "features": ["weight", "depot"]})
    collect_source(workflow, "parcels", DAYS[0], lake, project=settings.project, ingested_at=NOW, connections=None)
    assert find_kinds(workflow, lake, project=settings.project) == {"weight": "number", "depot": "text"}


def test_of_each_rule_that_reads_texts_it_is_known_what_they_become():
    (union, *_) = get_args(CleaningRule)
    assert {one.model_fields["rule"].annotation.__args__[0] for one in get_args(union) if one.reads} == set(READ_AS)
