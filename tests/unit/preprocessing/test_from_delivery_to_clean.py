"""Values that only a rule can read, from the delivered file to the table ``clean``."""

from datetime import datetime, timezone

import pytest

from lakemill.collection import collect_source
from lakemill.lake.verdicts import read_verdicts
from lakemill.preprocessing import clean_partition, publish_partition
from lakemill.validation import validate_partition

KEY = "2024-03-01"
FILE = """id,sent_at,weight,depot,late,paid
1,2024-03-01 10:00,"1,5",N,true,ja
2,01.03.2024 11:00,1.234,n ,false,no
3,2024-03-01T12:00:00Z,?,North,true,1
4,2024-03-02 10:00,2,S,true,0
5,2024-03-01 13:00,heavy,S,true,0
6,2024-03-01 14:00,"7",Sauth,,maybe
"""
RULES = [
    {"rule": "dates", "columns": ["sent_at"]},
    {"rule": "sentinels", "columns": ["weight"], "values": ["?"]},
    {"rule": "numbers", "columns": ["weight"], "decimal": ","},
    {"rule": "booleans", "columns": ["paid"]},
    {"rule": "categories", "columns": ["depot"], "vocabulary": {"N": ["North"], "S": ["South"]}},
    {"rule": "duplicates"},
]


@pytest.fixture(params=[None, "SELECT * FROM parcels"], ids=["one source", "a query"])
def published(request, make_project, lake):
    sections = {"clean": RULES, "expectations": None}
    if request.param is None:
        sections["table"] = {
            "key": ["id"],
            "event_time": "sent_at",
            "label": {"column": "late", "problem": "classification"},
        }
    files = {f"include/data/parcels_{KEY}.csv": FILE, "include/sql/parcels.sql": request.param or "SELECT 1"}
    settings, workflow = make_project(workflow=sections, files=files)
    collect_source(
        workflow, "parcels", KEY, lake, project=settings.project,
        ingested_at=datetime(2024, 4, 1, tzinfo=timezone.utc), connections=None, report=lambda text: None,
    )  # fmt: skip
    validated = validate_partition(workflow, KEY, lake, project=settings.project)
    cleaned = clean_partition(workflow, KEY, lake, project=settings.project)
    publish_partition(workflow, KEY, lake, validated=validated, cleaned=cleaned)
    return lake


def test_what_can_be_read_is_clean(published):
    rows = published.read("clean", [KEY]).select(["sent_at", "weight", "depot", "paid"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (datetime(2024, 3, 1, 10, tzinfo=timezone.utc), 1.5, "N", True),
        (datetime(2024, 3, 1, 11, tzinfo=timezone.utc), 1234.0, "N", False),
        (datetime(2024, 3, 1, 12, tzinfo=timezone.utc), None, "N", True),
    ]


def test_what_cannot_is_in_quarantine_with_its_reasons(published):
    rows = published.read("quarantine", [KEY]).to_pylist()
    assert [(row["step"], row["reasons"]) for row in rows] == [
        ("clean", ["sent_at: event time outside of the partition"]),
        ("clean", ["weight: cannot be read as a number"]),
        ("clean", ["paid: cannot be read as true or false"]),
    ]
    assert read_verdicts(published, "ingestion")[KEY].evidence["quarantined"] == 3
