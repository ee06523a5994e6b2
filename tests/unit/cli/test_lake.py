"""The commands under ``lakemill lake``: what they say of real tables, and what of wrong names."""

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from lakemill.cli.lake import app
from lakemill.cli.lake_tables import show_rows, take_rows, write_csv, write_json
from lakemill.exceptions import ConfigError, LakemillError
from lakemill.lake import Lake, streams
from lakemill.lake.history import list_files, read_history
from lakemill.lake.streams import PartitionWriter

PLUGINS = str(Path(__file__).parents[3] / "plugins")


def told(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None:
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def words_of(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


@pytest.fixture
def lake(project: Path) -> Lake:
    """The lake of ``small``: a table of two partitions, one replaced once, and a table of one."""
    lake = Lake(str(project / "state" / "lake"), "small")
    lake.replace_partition("clean", "2020-01-01", pa.table({"x": [1, 2], "name": ["one", "[red]two[/red]"]}))
    lake.replace_partition("clean", "2020-01-02", pa.table({"x": [3], "name": [None]}))
    lake.replace_partition("clean", "2020-01-01", pa.table({"x": [4, 5, 6], "name": ["four", "five", "six"]}))
    lake.replace_partition("ledger", "2020-01-01", pa.table({"entry": ["a"]}))
    return lake


# -- looking -------------------------------------------------------------------------------------------------------


def test_all_tables_are_shown_with_their_counts(lake: Lake) -> None:
    lines = words_of(told("show", "small"))
    assert ["clean", "4", "2", "2"] in [line[:4] for line in lines]
    assert ["ledger", "1", "1", "1"] in [line[:4] for line in lines]


def test_a_table_is_shown_with_columns_partitions_and_first_rows(lake: Lake) -> None:
    text = told("show", "small", "clean", "--rows", "2")
    lines = words_of(text)
    assert ["x", "int64"] in lines
    assert ["name", "string"] in lines
    assert ["2020-01-01", "3", "1"] in [line[:3] for line in lines]
    assert ["sum", "4", "2"] in [line[:3] for line in lines]
    assert ["4", "four", "2020-01-01"] in lines
    assert "2 rows" in text


def test_one_partition_is_shown(lake: Lake) -> None:
    text = told("show", "small", "clean", "--partition", "2020-01-02")
    assert "partition 2020-01-02 of 2 partition(s)" in text
    assert "four" not in text


@pytest.mark.parametrize("how", ["--version", "--as-of"])
def test_a_table_is_shown_as_it_was_with_its_values_as_they_are(lake: Lake, how: str) -> None:
    moment = read_history(lake, "clean", last=9)[1].at.replace(tzinfo=None).isoformat(sep=" ")
    text = told("show", "small", "clean", how, "1" if how == "--version" else moment)
    assert "clean, version 1" in text
    assert ["2", "[red]two[/red]", "2020-01-01"] in words_of(text)


def test_all_tables_are_shown_as_they_were(lake: Lake) -> None:
    moment = read_history(lake, "clean", last=9)[1].at
    text = told("show", "small", "--as-of", moment.isoformat())
    assert ["clean", "3", "2", "2"] in [line[:4] for line in words_of(text)]
    assert "ledger" not in text


def test_the_history_tells_of_each_version_the_newest_first(lake: Lake) -> None:
    lines = [line for line in words_of(told("history", "small", "clean")) if line and line[0].isdigit()]
    assert [line[0] for line in lines] == ["2", "1", "0"]
    assert lines[0][3:] == ["write", "2020-01-01", "3", "2", "1", "1"]
    assert told("history", "small", "clean", "--last", "1").count("write") == 1
    assert "ledger: 1 version(s)" in told("history", "small")


def test_rows_of_many_columns_stand_below_each_other() -> None:
    from rich.console import Console

    rows = pa.table({f"column_{number}": [number, None] for number in range(40)})
    console = Console(width=100, file=io.StringIO())
    console.print(show_rows(rows, width=100))
    lines = words_of(console.file.getvalue())  # type: ignore[attr-defined]
    assert ["column_39", "39"] in lines
    assert ["2", "rows,", "of", "40", "columns"] in lines


# -- asking --------------------------------------------------------------------------------------------------------


def test_a_query_is_answered_as_a_table(lake: Lake) -> None:
    text = told("sql", "small", "SELECT x, name FROM clean ORDER BY x LIMIT 1")
    assert ["3"] in words_of(text)
    assert "1 row" in text


def test_a_long_answer_says_that_it_is_cut(lake: Lake) -> None:
    text = told("sql", "small", "SELECT * FROM range(30_000) t(i)", "--rows", "5")
    assert ["4"] in words_of(text)
    assert ["5"] not in words_of(text)
    assert "the first 5 rows" in text


def test_a_query_is_answered_as_csv(lake: Lake) -> None:
    text = told("sql", "small", "SELECT x, name, [x] AS l FROM clean ORDER BY x", "--csv")
    assert list(csv.reader(io.StringIO(text))) == [
        ["x", "name", "l"],
        ["3", "", "[3]"],
        ["4", "four", "[4]"],
        ["5", "five", "[5]"],
        ["6", "six", "[6]"],
    ]


def test_a_query_is_answered_as_json(lake: Lake) -> None:
    sql = "SELECT sum(x) AS s, 'nan'::DOUBLE AS n, max(name) AS name, TIMESTAMPTZ '2020-01-01 00:00:00' AS t FROM clean"
    assert json.loads(told("sql", "small", sql, "--json")) == {
        "s": 18,
        "n": None,
        "name": "six",
        "t": "2020-01-01 00:00:00+00:00",
    }


def test_a_query_sees_the_tables_as_they_were(lake: Lake) -> None:
    moment = read_history(lake, "clean", last=9)[1].at.isoformat()
    answer = told("sql", "small", "SELECT sum(x) AS s FROM clean", "--as-of", moment, "--json")
    assert json.loads(answer) == {"s": 6}


def test_results_are_written_piece_by_piece() -> None:
    schema = pa.schema([("x", pa.int64())])
    read = []

    def pieces() -> Iterator[pa.RecordBatch]:
        for number in range(3):
            read.append(number)
            yield pa.record_batch([[number, number]], schema=schema)

    rows, has_more = take_rows(pa.RecordBatchReader.from_batches(schema, pieces()), 3)
    assert (rows.column("x").to_pylist(), has_more, read) == ([0, 0, 1], True, [0, 1])
    for write, expected in ((write_csv, "x\n0\n0\n1\n1\n2\n2\n"), (write_json, '{"x": 0}\n')):
        out = io.StringIO()
        write(pa.RecordBatchReader.from_batches(schema, pieces()), out)
        assert out.getvalue().startswith(expected)


# -- tidying up ----------------------------------------------------------------------------------------------------


def test_small_files_are_made_one(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        for name in ("ROW_GROUP_BYTES", "FILE_BYTES"):
            patched.setattr(streams, name, 1)
        with PartitionWriter(lake, "raw_items") as writer:
            for number in range(5):
                writer.write("2020-01-01", pa.table({"x": [number]}))
            writer.commit(["2020-01-01"])
    assert told("compact", "small").splitlines() == [
        "clean: compact",
        "ledger: compact",
        "raw_items: 5 files of 1 partition(s) are 1 now",
    ]
    assert len(list_files(lake, "raw_items")) == 1


def test_vacuum_removes_nothing_unless_it_is_told_to(lake: Lake) -> None:
    assert told("vacuum", "small") == "nothing to remove\n"
    time.sleep(0.01)
    text = told("vacuum", "small", "--keep", "0")
    assert "1 file(s)" in text
    assert "nothing was removed: --yes does it" in text
    assert told("show", "small", "clean", "--version", "1")
    assert "removed 1 file(s)" in told("vacuum", "small", "clean", "--keep", "0", "--yes")
    with pytest.raises(LakemillError, match="are not kept any more"):
        told("show", "small", "clean", "--version", "1")
    assert ["clean", "4"] in [line[:2] for line in words_of(told("show", "small"))]


# -- what cannot be ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "smal"], "include/workflows/smal.yaml: no workflow 'smal'\n  -> did you mean 'small'?"),
        (["show", "../small"], "no workflow '../small'"),
        (["show", "small", "claen"], "small: no table 'claen'\n  -> did you mean 'clean'?"),
        (["history", "small", "claen"], "small: no table 'claen'\n  -> did you mean 'clean'?"),
        (["vacuum", "small", "claen"], "small: no table 'claen'\n  -> did you mean 'clean'?"),
        (["compact", "small", "claen"], "small: no table 'claen'\n  -> did you mean 'clean'?"),
        (["show", "small", "clean", "--version", "9"], "small.clean: no version 9\n  -> give one from 0 to 2"),
        (
            ["show", "small", "clean", "--partition", "2020-01-03"],
            "small.clean: no partition '2020-01-03' in version 2",
        ),
        (["show", "small", "clean", "--as-of", "yesterday"], "--as-of: no moment: 'yesterday'"),
        (
            ["show", "small", "clean", "--as-of", "2019-01-01"],
            "small.clean: was not there yet at 2019-01-01T00:00:00+00:00",
        ),
        (["show", "small", "clean", "--as-of", "2020-01-01", "--version", "1"], "--as-of, --version: both given"),
        (["show", "small", "--version", "1"], "--version, --partition: a version or a partition is one of a table"),
        (["sql", "small", "SELECT * FROM claen"], "the query: no table 'claen'\n  -> did you mean 'clean'?"),
        (["sql", "small", "DROP TABLE clean"], "the query: must be exactly one SELECT"),
        (["sql", "small", "SELECT 1", "--csv", "--json"], "--csv, --json: both given"),
    ],
)
def test_what_is_not_there_is_told_with_what_to_do(lake: Lake, words: list[str], said: str) -> None:
    with pytest.raises(LakemillError) as caught:
        told(*words)
    assert said in str(caught.value)
    assert "  -> " in str(caught.value)


def test_a_workflow_that_has_not_run_has_no_tables(project: Path) -> None:
    with pytest.raises(LakemillError) as caught:
        told("show", "small")
    assert str(caught.value) == "small: has no tables yet\n  -> lakemill run small makes them"


def test_tables_can_be_looked_at_though_the_workflow_file_is_faulty(lake: Lake, project: Path) -> None:
    (project / "include" / "workflows" / "small.yaml").write_text("workflow: [")
    assert "clean" in told("show", "small")
    with pytest.raises(ConfigError):
        told("show", "smal")


HEAVY = ("pandas", "numpy", "pyarrow", "deltalake", "duckdb", "sklearn", "mlflow", "airflow", "great_expectations")


def test_the_commands_are_light_until_they_have_something_to_do() -> None:
    script = f"import sys, lakemill.cli.lake; print([name for name in {HEAVY} if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": PLUGINS}
    found = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_moments_without_a_zone_are_in_utc(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        now = datetime.now(UTC)
        assert "version 2" in told("show", "small", "clean", "--as-of", f"{now:%Y-%m-%d %H:%M:%S.%f}")
    finally:
        monkeypatch.undo()
        time.tzset()
