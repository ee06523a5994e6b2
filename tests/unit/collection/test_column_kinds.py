"""Kinds of columns are those of the first partition, in whatever order partitions come."""

from datetime import datetime, timezone
from itertools import permutations

import pyarrow as pa
import pytest

from lakemill.collection import collect_source, find_kinds, needs_first_partition, read_kinds
from lakemill.exceptions import MisfitError, TableError
from lakemill.lake import Lake
from lakemill.validation import validate_partition

DAYS = ("2024-03-01", "2024-03-02", "2024-03-03")
NOW = datetime(2024, 3, 4, tzinfo=timezone.utc)
HEADER = "id,sent_at,weight,depot,code,is_new,ordered,note,late\n"
# each day its columns would be of other types, were they found by day
ROWS = {
    DAYS[0]: "a,{day} 01:00:00,1.5,N,007,true,2024-02-01,,false\nb,{day} 02:00:00,2,1,8,false,2024-02-02,,true\n",
    DAYS[1]: "c,{day} 01:00:00,3,2,9,true,2024-02-01 10:00:00,5,false\nd,{day} 02:00:00,4,3,10,,,6,true\n",
    DAYS[2]: "e,{day} 01:00:00,,1.0,11,,,x,false\nf,{day} 02:00:00,heavy,2.0,12,false,soon,y,true\n",
}
PLAIN = {
    "table": {
        "key": ["id"],
        "event_time": "sent_at",
        "label": {"column": "late", "problem": "classification"},
    },
    "expectations": None,
    "features": None,
}
KINDS = {
    "weight": "number",
    "depot": "text",
    "code": "text",
    "is_new": "boolean",
    "ordered": "timestamp",
    "note": "empty",
}


@pytest.fixture
def parcels(make_project):
    """Function that makes the project with these changed sections: (Settings, Workflow)."""

    def make(**sections):
        files = {f"include/data/parcels_{day}.csv": HEADER + rows.format(day=day) for day, rows in ROWS.items()}
        return make_project(workflow={**PLAIN, **sections}, files=files)

    return make


def collect(workflow, settings, lake, day):
    collect_source(workflow, "parcels", day, lake, project=settings.project, ingested_at=NOW, connections=None)


def test_kinds_are_those_of_the_first_partition(parcels, lake):
    settings, workflow = parcels()
    collect(workflow, settings, lake, DAYS[0])

    assert find_kinds(workflow, lake, project=settings.project) == KINDS
    assert read_kinds(workflow, lake) == KINDS


@pytest.mark.parametrize("order", list(permutations(DAYS)))
def test_any_order_of_partitions_gives_the_same_table(parcels, tmp_path, order):
    settings, workflow = parcels()
    lake = Lake(str(tmp_path / "lake"), "parcels")
    schemas, refused = set(), {}
    for day in order:
        if needs_first_partition(workflow, "parcels", lake):
            collect(workflow, settings, lake, DAYS[0])
        collect(workflow, settings, lake, day)
        refused[day] = validate_partition(workflow, day, lake, project=settings.project)["quarantined"]
        rows = lake.staged("validate", day)
        schemas.add(str(rows.schema))
        lake.replace_partition("clean", day, rows)

    assert len(schemas) == 1
    assert refused == {DAYS[0]: 0, DAYS[1]: 0, DAYS[2]: 1}  # heavy is no number, soon no moment
    clean = lake.read("clean").sort_by("id")
    assert clean.column("depot").to_pylist() == ["N", "1", "2", "3", "1.0"]  # texts as delivered
    assert clean.schema.field("weight").type == pa.float64()


def test_without_the_first_partition_it_is_asked_for(parcels, lake):
    settings, workflow = parcels()
    collect(workflow, settings, lake, DAYS[1])

    assert needs_first_partition(workflow, "parcels", lake)
    with pytest.raises(TableError, match=r"found in the first partition, 2024-03-01, .*\n  -> ingest 2024-03-01 first"):
        validate_partition(workflow, DAYS[1], lake, project=settings.project)


def test_what_was_found_stays_when_the_first_partition_changes(parcels, lake):
    settings, workflow = parcels()
    collect(workflow, settings, lake, DAYS[0])
    find_kinds(workflow, lake, project=settings.project)
    path = settings.project / f"include/data/parcels_{DAYS[0]}.csv"
    path.write_text(path.read_text().replace("1.5", "heavy"))
    collect(workflow, settings, lake, DAYS[0])

    assert find_kinds(workflow, lake, project=settings.project)["weight"] == "number"
    assert not needs_first_partition(workflow, "parcels", lake)


@pytest.mark.parametrize(
    ("features", "kinds"),
    [
        (["weight", "depot"], {"weight": "number", "depot": "text"}),
        ({"auto": "all", "categorical": ["code"], "drop": ["note", "ordered"]}, ["weight", "depot", "is_new"]),
        ({"numeric": ["weight"]}, {}),
    ],
    ids=["a list", "all but some", "none are left open"],
)
def test_only_columns_without_a_kind_are_looked_at(parcels, lake, features, kinds):
    settings, workflow = parcels(features=features)
    collect(workflow, settings, lake, DAYS[0])

    found = find_kinds(workflow, lake, project=settings.project)

    assert found == kinds if isinstance(kinds, dict) else list(found) == kinds


def test_a_column_of_the_list_that_is_not_there_is_told_of(parcels, lake):
    settings, workflow = parcels(features=["wieght"])

    with pytest.raises(MisfitError, match=r"no column 'wieght', which features names\n  -> did you mean 'weight'"):
        collect(workflow, settings, lake, DAYS[0])
