"""The main job through a real scheduler: a problem added as files alone, run, run again, and given mistakes."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml
from house import House

from lakemill.config import find_workflow
from lakemill.lake import Lake
from lakemill.lake.verdicts import read_verdicts
from lakemill.registry.ledger import find_champion

pytestmark = pytest.mark.integration

TABLES = ("clean", "quarantine", "predictions", "profiles", "verdicts", "ledger")


def versions(lake: Lake) -> dict[str, int]:
    return {table: lake.version(table) for table in TABLES}


def count_models(house: House, workflow: str) -> int:
    """In a process of its own: MLflow keeps its address for the whole process."""
    code = (
        "import sys; from lakemill.config import *; from lakemill.registry.models import Registry;"
        f"s = load_settings(); w = find_workflow({workflow!r}, s);"
        "print(Registry(w, address=s.registry, artifacts=s.artifacts).count_versions())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], env=house.variables, capture_output=True, text=True, check=True
    )
    return int(found.stdout)


@pytest.fixture(scope="module")
def tumours(house: House) -> str:
    return house.run("tumours")


def test_every_row_of_every_partition_is_accounted_for(house: House, tumours: str):
    verdicts = read_verdicts(house.lake("tumours"), "ingestion")
    assert list(verdicts) == ["2024-03-01", "2024-03-02", "2024-03-03"]
    for verdict in verdicts.values():
        counted = {name: verdict.evidence[name] for name in ("rows", "clean", "quarantined", "duplicates")}
        assert counted == {"rows": 154, "clean": 143, "quarantined": 7, "duplicates": 4}
    assert "462" in tumours


def test_refused_rows_carry_their_reasons(house: House, tumours: str):
    refused = house.lake("tumours").read("quarantine", ["2024-03-02"]).to_pylist()
    reasons = sorted(reason.split("(")[0] for row in refused for reason in row["reasons"])
    assert reasons == [
        *["column_values_to_be_between"] * 5,
        "id: missing, but part of the key or the event time",
        "seen_at: event time outside of partition 2024-03-02",
    ]


def test_each_published_partition_is_scored_and_judged_once(house: House, tumours: str):
    keys = ["2024-03-01", "2024-03-02", "2024-03-03"]
    for dag in ("ingestion", "scoring", "monitoring"):
        runs = house.api.runs(f"tumours.{dag}")
        assert sorted(found.partition or "" for found in runs) == keys
        assert {found.state for found in runs} == {"success"}


def test_only_verdicts_that_ask_for_it_start_a_training(house: House, tumours: str):
    asked = [key for key, one in read_verdicts(house.lake("tumours"), "monitoring").items() if one.verdict == "retrain"]
    assert asked == ["2024-03-01", "2024-03-03"]
    assert sorted(found.partition or "" for found in house.api.runs("tumours.training")) == asked


def test_a_partition_is_scored_by_the_champion_as_of_its_start(house: House, tumours: str):
    lake = house.lake("tumours")
    partition = find_workflow("tumours", house.settings).partition
    rows = lake.read("predictions").to_pandas()
    for key, scored in rows.groupby("partition"):
        champion = find_champion(lake, as_of=partition.interval(str(key)).start)
        if champion is None:
            assert scored["score"].isna().all()
            assert scored["reason"].notna().all()
        else:
            assert scored["score"].between(0, 1).all()
            assert set(scored["model_version"]) == {champion.version}
    assert find_champion(lake, as_of=partition.interval("2024-03-01").start) is None
    assert find_champion(lake, as_of=partition.interval("2024-03-02").start) is not None


def test_the_report_opens_from_the_run_that_judged(house: House, tumours: str):
    (found,) = [one for one in house.api.runs("tumours.monitoring") if one.partition == "2024-03-02"]
    task = f"/dags/tumours.monitoring/dagRuns/{found.run_id}/taskInstances/judge"
    link = house.api._get(f"{task}/links")["extra_links"]["Report"]
    server = house.variables["AIRFLOW__API__BASE_URL"]
    page = httpx.get(f"{server}{link}", follow_redirects=True, trust_env=False, timeout=60)
    assert page.status_code == 200, page.text
    assert "<h1>tumours 2024-03-02</h1>" in page.text
    verdict = read_verdicts(house.lake("tumours"), "monitoring")["2024-03-02"]
    assert f"{verdict.evidence['score']:.4f}" in page.text
    way = re.search(r'href="([^"]*/cards/[^"]*)"', page.text)
    assert way is not None
    assert "tumours, version 1" in httpx.get(page.url.join(way.group(1)), trust_env=False, timeout=60).text


def test_a_second_run_changes_nothing_and_says_so(house: House, tumours: str):
    before, models = versions(house.lake("tumours")), count_models(house, "tumours")
    assert "nothing was changed" in house.run("tumours")
    assert versions(house.lake("tumours")) == before
    assert count_models(house, "tumours") == models == 2


def test_a_partition_run_again_gives_the_same_rows_and_no_new_model(house: House, tumours: str):
    before, models = versions(house.lake("tumours")), count_models(house, "tumours")
    key = "2024-03-01"
    for dag in ("ingestion", "training"):
        clear_all(house, f"tumours.{dag}", key)
    await_success(house, "tumours", key)
    assert versions(house.lake("tumours")) == before
    assert count_models(house, "tumours") == models


def clear_all(house: House, dag_id: str, key: str) -> None:
    (found,) = [one for one in house.api.runs(dag_id) if one.partition == key]
    body = {"dag_run_id": found.run_id, "only_failed": False, "dry_run": False, "reset_dag_runs": True}
    house.api._send("POST", f"/dags/{dag_id}/clearTaskInstances", body)


def await_success(house: House, workflow: str, key: str) -> None:
    deadline = time.monotonic() + 300
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < 5:
        assert time.monotonic() < deadline
        states = [one.state for dag in ("ingestion", "scoring", "monitoring", "training")
                  for one in house.api.runs(f"{workflow}.{dag}")]  # fmt: skip
        assert "failed" not in states
        if set(states) != {"success"}:
            quiet_since = time.monotonic()
        time.sleep(0.5)


def test_a_backfill_chooses_how_far_it_validates(house: House):
    house.api.unpause("trusting.ingestion")
    key = "2024-03-01"
    words = ["--dag-id", "trusting.ingestion", "--from-date", key, "--to-date", key]
    words += ["--dag-run-conf", json.dumps({"validation": "off"})]
    command = [sys.executable, "-m", "airflow", "backfill", "create", *words]
    subprocess.run(command, env=house.variables, capture_output=True, check=True, timeout=120)
    deadline = time.monotonic() + 120
    while [(one.partition, one.state) for one in house.api.runs("trusting.ingestion")] != [(key, "success")]:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    found = read_verdicts(house.lake("trusting"), "ingestion")[key]
    assert (found.verdict, found.evidence["validation"], found.evidence["clean"]) == ("published", "off", 148)


MISTAKES = {
    "a column that is not there": (
        {"features": {"numeric": ["radius", "textur"]}},
        {},
        ["include/workflows/faulty.yaml", "features", "no column 'textur'", "did you mean 'texture'?"],
    ),
    "an input file that is not there": (
        {"collect": {"tumours": {"path": "include/data/tumors_{partition}.csv"}}},
        {},
        ["include/workflows/faulty.yaml: collect.tumours", "no file include/data/tumors_2024-03-0", "bring the file"],
    ),
    "SQL that cannot be parsed": (
        {"table": "include/sql/faulty.sql"},
        {"include/sql/faulty.sql": "SELECT * FORM tumours"},
        ["include/sql/faulty.sql", "syntax error", "mend the query"],
    ),
    "SQL that names no column of the source": (
        {"table": "include/sql/faulty.sql"},
        {"include/sql/faulty.sql": "SELECT *, radiu AS breadth FROM tumours"},
        ["include/sql/faulty.sql", "no column 'radiu'", "did you mean 'radius'?"],
    ),
    "an unknown key": (
        {"featuers": {"numeric": ["radius"]}},
        {},
        ["include/workflows/faulty.yaml", "unknown key 'featuers'", "did you mean 'features'?"],
    ),
}


@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_a_mistake_is_one_clear_message(house: House, tumours: str, mistake: str):
    changes, files, told = MISTAKES[mistake]
    name = f"faulty_{list(MISTAKES).index(mistake)}"
    for path, text in files.items():
        (house.project / path).write_text(text)
    write_faulty(house.project, name, changes)
    try:
        ended = house.lakemill("run", name)
    finally:
        (house.project / f"include/workflows/{name}.yaml").unlink()
    text = (ended.stdout + ended.stderr).replace(name, "faulty")
    assert ended.returncode == 1
    assert "Traceback" not in text
    for part in told:
        assert part in text
    assert all(
        house.api.has_dag(f"{other}.{dag}") for other in ("tumours", "wines") for dag in ("ingestion", "training")
    )


def write_faulty(project: Path, name: str, changes: dict) -> None:
    content = yaml.safe_load((project / "include/workflows/tumours.yaml").read_text())
    content["workflow"] = name
    if isinstance(changes.get("table"), str):
        content["table"]["sql"] = changes["table"]
    else:
        content.update(changes)
    (project / f"include/workflows/{name}.yaml").write_text(yaml.safe_dump(content))


def test_the_ui_shows_a_faulty_file_and_keeps_all_other_dags(house: House, tumours: str):
    write_faulty(house.project, "broken", {"featuers": {}})
    try:
        told = "include/workflows/broken.yaml: unknown key 'featuers'"
        deadline = time.monotonic() + 120  # an earlier test's faulty file may still be shown: the file is read anew
        errors: list[str] = []
        while not any(told in error for error in errors):
            assert time.monotonic() < deadline, errors
            time.sleep(1)
            errors = house.api.import_errors()
        assert len(errors) == 1
        assert all(house.api.has_dag(f"{name}.ingestion") for name in ("tumours", "wines"))
    finally:
        (house.project / "include/workflows/broken.yaml").unlink()
