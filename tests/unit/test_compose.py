"""The compose file says what it should, as far as that can be told without a Docker engine.

Stays out: starting anything; that belongs to the integration tests.
"""

import importlib.util
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_TEXT = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
SERVICES = yaml.safe_load(COMPOSE_TEXT)["services"]

AIRFLOW_SERVICES = ("init", "api-server", "scheduler", "dag-processor", "triggerer", "worker")
OTHER_SERVICES = ("postgres", "redis", "object-store", "mlflow")

SHARED_SETTINGS = (
    "AIRFLOW__CORE__EXECUTOR",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__CELERY__BROKER_URL",
    "AIRFLOW__CELERY__RESULT_BACKEND",
    "LAKEMILL_PROJECT",
    "LAKEMILL_LAKE",
    "LAKEMILL_REGISTRY",
    "LAKEMILL_ARTIFACTS",
    "LAKEMILL_STUDIES",
    "AWS_ENDPOINT_URL",
)


def example_variables() -> set[str]:
    """Names that ``.env.example`` sets."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return set(re.findall(r"^(\w+)=", text, flags=re.MULTILINE))


def required_variables() -> set[str]:
    """Names that the compose file refuses to start without."""
    return set(re.findall(r"(?<!\$)\$\{(\w+):\?", COMPOSE_TEXT))


def airflow_options() -> set[tuple[str, str]]:
    """All (section, option) of Airflow and its Celery provider, read from files so that Airflow isn't started."""
    airflow = Path(next(iter(importlib.util.find_spec("airflow").submodule_search_locations)))
    core = yaml.safe_load((airflow / "config_templates" / "config.yml").read_text(encoding="utf-8"))
    celery = runpy.run_path(str(airflow / "providers" / "celery" / "get_provider_info.py"))["get_provider_info"]()
    sections = [*core.items(), *celery["config"].items()]
    return {(section, option) for section, content in sections for option in content["options"]}


def airflow_variables_of_image() -> set[str]:
    """Names of Airflow's settings that the Dockerfile makes."""
    return set(re.findall(r"\b(AIRFLOW__\w+)=", (ROOT / "Dockerfile").read_text(encoding="utf-8")))


def test_the_services_are_those_of_the_documentation():
    assert set(SERVICES) == {*AIRFLOW_SERVICES, *OTHER_SERVICES}


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_has_a_tag_and_it_is_not_latest(name):
    image = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", SERVICES[name]["image"])  # a variable counts by its default

    _, colon, tag = image.rpartition(":")

    assert colon, f"{image} has no tag"
    assert re.search(r"\d", tag), f"{image}: a tag with a version is expected"
    assert "latest" not in tag


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(name):
    for port in SERVICES[name].get("ports", []):
        assert str(port).startswith("127.0.0.1:"), f"{name} publishes {port}"


@pytest.mark.parametrize("setting", SHARED_SETTINGS)
def test_all_airflow_services_share_a_setting(setting):
    values = {SERVICES[name]["environment"].get(setting) for name in AIRFLOW_SERVICES}

    assert len(values) == 1, f"{setting}: {values}"
    assert values != {None}, f"{setting} is missing"


def test_tasks_run_through_celery_and_report_to_the_api_server():
    environment = SERVICES["worker"]["environment"]

    assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://api-server:8080/execution/"


def test_not_everybody_is_an_administrator():
    assert SERVICES["api-server"]["environment"]["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "false"


@pytest.mark.parametrize("name", ["mlflow", *AIRFLOW_SERVICES])
def test_a_database_url_names_its_driver(name):
    # SQLAlchemy 2.1 takes psycopg 3 for a bare postgresql://
    for variable, value in SERVICES[name]["environment"].items():
        assert "postgresql:" not in value, f"{name}: {variable}"


def test_airflow_knows_every_option_by_its_name():
    known = {f"AIRFLOW__{section}__{option}".upper() for section, option in airflow_options()}
    used = {variable for name in AIRFLOW_SERVICES for variable in SERVICES[name]["environment"]}
    used = {variable for variable in used if variable.startswith("AIRFLOW__")} | airflow_variables_of_image()

    assert used, "no setting of Airflow was found"
    assert used <= known, f"unknown to Airflow: {sorted(used - known)}"


def test_every_required_variable_is_in_the_example():
    assert required_variables(), "no required variable was found"
    assert required_variables() == example_variables()


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_stays_has_a_health_check(name):
    has_health_check = "healthcheck" in SERVICES[name]

    assert has_health_check == (name != "init")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_health_or_completion(name):
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other == "init" else "service_healthy"
        assert wait == {"condition": expected}, f"{name} waits for {other}"


def test_named_volumes_are_declared_and_used():
    declared = set(yaml.safe_load(COMPOSE_TEXT)["volumes"])
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}

    assert declared == used


def test_no_secret_enters_the_image():
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = {pattern[1:] for pattern in patterns if pattern.startswith("!")}

    assert "*" in patterns
    assert let_in == {"requirements.txt", "pyproject.toml", "README.md", "LICENSE", "dags", "plugins", "include"}


@pytest.mark.thorough
def test_the_executor_can_be_imported_with_the_packages_installed(tmp_path):
    # Celery's minor releases move names that Airflow's provider imports, inside the range that the provider allows.
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path)}
    command = [sys.executable, "-c", "import airflow.providers.celery.executors.celery_executor_utils"]

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_compose_accepts_the_file(tmp_path):
    if shutil.which("docker") is None:
        pytest.skip("no docker client on this machine")
    version = subprocess.run(["docker", "compose", "version"], capture_output=True, text=True, check=False)
    if version.returncode != 0:
        pytest.skip("the docker client has no compose plugin")
    environment_file = tmp_path / "env"
    environment_file.write_text("".join(f"{name}=dummy\n" for name in sorted(example_variables())), encoding="utf-8")
    command = ["docker", "compose", "--file", str(ROOT / "docker-compose.yaml"), "--env-file", str(environment_file)]

    done = subprocess.run([*command, "config", "--quiet"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
