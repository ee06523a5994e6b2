"""What the command needs of Airflow's REST API, in a few calls.

Stays out: what is to be done with it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from urllib.parse import quote

import httpx

from lakemill.exceptions import ServiceError

AWAITED = "awaiting_input"  # Airflow's word for a task that waits for a person
PAGE = 100
TRIES = 5


@dataclass(frozen=True)
class Run:
    """A DAG run.

    Attributes
    ----------
    dag_id, run_id : str
    partition : str or None
    state : str
        queued, running, success or failed.
    """

    dag_id: str
    run_id: str
    partition: str | None
    state: str


@dataclass(frozen=True)
class FailedTask:
    """A task that failed, with the end of its log.

    Attributes
    ----------
    run : Run
    task_id : str
    map_index : int
        -1 where the task is not mapped.
    tries : int
    log : tuple of str
        Its last lines.
    """

    run: Run
    task_id: str
    map_index: int
    tries: int
    log: tuple[str, ...]


class AirflowApi:
    """Airflow's REST API.

    Parameters
    ----------
    url : str
        Address of the API server.
    token : str, optional
        Sent with each call, where the server asks for one.
    """

    def __init__(self, url: str, *, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._url = url.rstrip("/")
        self._http = httpx.Client(base_url=f"{self._url}/api/v2", timeout=60, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._http.close()

    def has_dag(self, dag_id: str, *, since: datetime | None = None) -> bool:
        """Tell whether Airflow knows a DAG, its file is not stale, and was read since a moment, if one is given."""
        response = self._ask(lambda: self._http.get(f"/dags/{dag_id}"))
        _require_permission(response)
        if response.status_code != httpx.codes.OK or response.json().get("is_stale", False):
            return False
        read_at = response.json().get("last_parsed_time")
        return since is None or (read_at is not None and datetime.fromisoformat(read_at) >= since)

    def read_anew(self, dag_id: str) -> None:
        """Ask for the file of a DAG to be read at once, where Airflow knows some DAG of that file."""
        kind = f".{dag_id.rpartition('.')[2]}"
        known = self._get("/dags", dag_id_pattern=f"%{kind}", limit=PAGE)["dags"]
        token = next((one["file_token"] for one in known if one["dag_id"].endswith(kind)), None)
        if token is not None:  # where that is refused, it is read in the next round all the same
            self._ask(lambda: self._http.put(f"/parseDagFile/{token}"))

    def import_errors(self) -> list[str]:
        """Return the import errors of DAG files, as texts."""
        return [f"{one['filename']}: {one['stack_trace']}" for one in self._get("/importErrors")["import_errors"]]

    def unpause(self, dag_id: str) -> None:
        """Let a DAG's runs start."""
        self._send("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def runs(self, dag_id: str) -> list[Run]:
        """Return all runs of a DAG."""
        return self._list_runs(dag_id)

    def runs_below(self, prefix: str) -> dict[str, list[Run]]:
        """Return all runs of the DAGs whose ids begin so, by the rest of their id; in one call for a hundred runs."""
        found: dict[str, list[Run]] = {}
        for run in self._list_runs("~", dag_id_prefix_pattern=prefix):
            found.setdefault(run.dag_id.removeprefix(prefix), []).append(run)
        return found

    def backfills(self, dag_id: str) -> list[int]:
        """Return the ids of a DAG's backfills that have not ended."""
        found = self._get("/backfills", dag_id=dag_id, limit=PAGE)["backfills"]
        return [one["id"] for one in found if one["completed_at"] is None and one["dag_id"] == dag_id]

    def create_backfill(self, dag_id: str, *, first: str, last: str, max_active_runs: int) -> int:
        """Create a backfill over partition dates, both included; partitions that have a run are left as they are.

        Returns
        -------
        int
            Its id.
        """
        body = {
            "dag_id": dag_id,
            "from_date": first,
            "to_date": last,
            "run_backwards": False,
            "dag_run_conf": {},
            "max_active_runs": max_active_runs,
            "reprocess_behavior": "none",
        }
        return int(self._send("POST", "/backfills", body)["id"])

    def clear(self, run: Run, *, only_failed: bool) -> None:
        """Run a run's tasks again, all or those that failed."""
        body = {"dag_run_id": run.run_id, "only_failed": only_failed, "dry_run": False, "reset_dag_runs": True}
        self._send("POST", f"/dags/{run.dag_id}/clearTaskInstances", body)

    def trigger(self, dag_id: str, partition: str) -> str:
        """Start a run of a partition.

        Returns
        -------
        str
            The run's id.
        """
        body = {"logical_date": None, "partition_key": partition}
        return str(self._send("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def find_questions(self, run: Run) -> list[str]:
        """Return the pages of Airflow's UI on which those tasks of a run are answered that wait for a person."""
        found = self._get(f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances", state=AWAITED, limit=PAGE)
        at = f"{self._url}/dags/{run.dag_id}/runs/{quote(run.run_id)}/tasks"
        return [f"{at}/{one['task_id']}/required_actions" for one in found["task_instances"]]

    def failed_tasks(self, run: Run, *, lines: int) -> list[FailedTask]:
        """Return a run's failed tasks with the last lines of their logs."""
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances"
        found = self._get(path, limit=PAGE)["task_instances"]
        return [
            FailedTask(run, one["task_id"], one["map_index"], one["try_number"], self._log(path, one, lines))
            for one in found
            if one["state"] == "failed"
        ]

    def _list_runs(self, dag_id: str, **wanted: str) -> list[Run]:
        found: list[Run] = []
        while True:
            page = self._get(f"/dags/{dag_id}/dagRuns", limit=PAGE, offset=len(found), order_by="id", **wanted)
            found += [
                Run(one["dag_id"], one["dag_run_id"], one.get("partition_key"), one["state"])
                for one in page["dag_runs"]
            ]
            if len(found) >= page["total_entries"] or not page["dag_runs"]:
                return found

    def _log(self, path: str, task: dict[str, Any], lines: int) -> tuple[str, ...]:
        log = self._get(
            f"{path}/{task['task_id']}/logs/{task['try_number']}", full_content=True, map_index=task["map_index"]
        )
        entries = [{"event": one} if isinstance(one, str) else one for one in log["content"]]
        return tuple("\n".join(_tell(entries)).splitlines()[-lines:])

    def _get(self, path: str, **params: Any) -> Any:
        return self._answer(lambda: self._http.get(path, params=params))

    def _send(self, method: str, path: str, body: dict[str, Any]) -> Any:
        return self._answer(lambda: self._http.request(method, path, json=body))

    def _answer(self, call: Callable[[], httpx.Response]) -> Any:
        response = self._ask(call)
        _require_permission(response)
        if response.is_error:
            raise ServiceError(f"Airflow's API says {response.status_code}: {response.text[:500]}")
        return response.json()

    def _ask(self, call: Callable[[], httpx.Response]) -> httpx.Response:
        for attempt in range(TRIES):
            try:
                return call()
            except httpx.TransportError as error:  # the API server may be restarted in between
                if attempt == TRIES - 1:
                    raise ServiceError(f"Airflow's API does not answer: {error}", remedy="lakemill status") from error
                time.sleep(1 + attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")


def _require_permission(response: httpx.Response) -> None:
    if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise ServiceError(
            f"Airflow's API refuses this: {response.status_code}",
            where=str(response.url.copy_with(path="", query=None)),
            remedy="set LAKEMILL_AIRFLOW_TOKEN to a token of a user who may run DAGs (POST /auth/token gives one)",
        )


def _tell(entries: list[dict[str, Any]]) -> list[str]:
    """Return what a task's log says of its failure: the errors it named itself, else all it said, and the exception."""
    told = [one for one in entries if one.get("level") in ("error", "critical") and "error_detail" not in one]
    if told:
        return [str(one["event"]) for one in told]
    texts = []
    for one in entries:
        texts.append(str(one.get("event", "")))
        texts += [f"{detail['exc_type']}: {detail['exc_value']}" for detail in one.get("error_detail") or ()]
    return texts
