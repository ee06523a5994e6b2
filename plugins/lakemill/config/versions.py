"""What comes out of a workflow's steps depends on these parts: sections of its file, files that it names, code.

Where the parts are the same, the same comes out of the same deliveries. Stays out: what follows from a change
(``delivery``), and the libraries: those are pinned with an installation.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from lakemill.config.cleaning import Reference
from lakemill.config.dataset import find_column
from lakemill.config.workflow import Workflow

CODE = Path(__file__).resolve().parents[1]
ROOMS = {
    "code of ingestion": ("collection", "validation", "preprocessing"),
    "code of training": ("preprocessing", "training", "evaluation", "labels"),
}
# a partition that was ingested by other ones of these is to be ingested again
OF_INGESTION = ("calendar", "sources", "table", "query", "suites", "cleaning", "column types", "code of ingestion")
Part = Callable[[Workflow, Path], Any]


def describe_parts(workflow: Workflow, project: Path, *, code: Path = CODE) -> dict[str, Any]:
    """Return the parts of a workflow.

    Parameters
    ----------
    workflow : Workflow
    project : Path
        What the paths of queries, suites and references start at.
    code : Path
        Folder of the package ``lakemill``.

    Returns
    -------
    dict of str to Any
        JSON values by part. A section of the file that no part takes up is a part of its own.
    """
    parts = {name: tell(workflow, project) for name, tell in PARTS.items()}
    taken = {"workflow", "partition", "collect", "table", "expectations", "clean", *parts}
    parts |= {name: _dump(workflow, name) for name in type(workflow).model_fields if name not in taken}
    return parts | {name: hash_code(code, rooms) for name, rooms in ROOMS.items()}


def name_makers(workflow: Workflow, project: Path) -> dict[str, str]:
    """Return digests of the parts that ingestion depends on, as its verdicts keep them.

    Parameters
    ----------
    workflow : Workflow
    project : Path

    Returns
    -------
    dict of str to str
        Eight hexadecimal digits by part.
    """
    parts = describe_parts(workflow, project)
    return {name: digest_part(parts[name]) for name in OF_INGESTION}


def digest_part(value: Any) -> str:
    """Return eight hexadecimal digits that are the same for the same JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]


@lru_cache
def hash_code(code: Path, rooms: tuple[str, ...] = ("",)) -> str:
    """Return a hash of the Python files of some rooms, of all by default.

    Parameters
    ----------
    code : Path
        Folder of the package ``lakemill``.
    rooms : tuple of str

    Returns
    -------
    str
        Twelve hexadecimal digits.
    """
    digest = hashlib.sha256()
    for room in rooms:
        for path in sorted((code / room).rglob("*.py")):
            digest.update(f"{path.relative_to(code)}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def name_files(workflow: Workflow) -> Iterator[tuple[str, str]]:
    """Yield the files that a workflow file names, but for its data: the key, and the path from the project on."""
    yield from ((f"expectations.{name}", path) for name, path in workflow.suites.items())
    if workflow.table.sql:
        yield "table.sql", workflow.table.sql
    for number, rule in enumerate(workflow.clean):
        if isinstance(rule, Reference) and rule.file:
            yield f"clean.{number}.file", rule.file
    if isinstance(workflow.gate.behaviour, str):  # else it has been read already
        yield "gate.behaviour", workflow.gate.behaviour


def _dump(workflow: Workflow, section: str) -> Any:
    return workflow.model_dump(mode="json", include={section}).get(section)


def _tell_table(workflow: Workflow, project: Path) -> Any:
    """Return what makes rows of a table: neither its query, nor when a value is known, which only trainings ask."""
    table = _dump(workflow, "table")
    label = {name: value for name, value in table["label"].items() if name != "known_after"}
    return {**{name: table[name] for name in ("key", "event_time")}, "label": label}


def _tell_maturity(workflow: Workflow, project: Path) -> Any:
    table = _dump(workflow, "table")
    return {"label": table["label"]["known_after"], "columns": table.get("known_after", {})}


def _read_query(workflow: Workflow, project: Path) -> Any:
    sql = workflow.table.sql
    return None if sql is None else (project / sql).read_text(encoding="utf-8")


def _read_suites(workflow: Workflow, project: Path) -> Any:
    return {name: _read_json((project / path).read_text(encoding="utf-8")) for name, path in workflow.suites.items()}


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text  # validation says what is wrong with it


def _read_cleaning(workflow: Workflow, project: Path) -> Any:
    files = {
        path: hashlib.sha256((project / path).read_bytes()).hexdigest()[:12]
        for key, path in name_files(workflow)
        if key.startswith("clean.")
    }
    return {"rules": _dump(workflow, "clean"), "files": files}


def _tell_types(workflow: Workflow, project: Path) -> Any:
    """Return what decides the types of columns in ``clean``, beside the table's own parts."""
    features = workflow.features
    return {
        "numbers": sorted(set(features.read_as_numbers)),
        "texts": sorted({*features.categorical, *features.text, *workflow.labels.annotators}),
        "dates": sorted(features.dates),
        "series": sorted({name for window in features.windows for name in window.by}),
        "found": features.auto if isinstance(features.auto, str) else sorted(features.auto),
        "dropped": sorted(features.drop),
        "split by": find_column(workflow.dataset),
    }


PARTS: dict[str, Part] = {
    "calendar": lambda workflow, project: {
        "every": workflow.partition.every, "timezone": workflow.partition.timezone
    },
    "span": lambda workflow, project: {"start": workflow.partition.start, "end": workflow.partition.end},
    "sources": lambda workflow, project: _dump(workflow, "collect"),
    "table": _tell_table,
    "query": _read_query,
    "suites": _read_suites,
    "cleaning": _read_cleaning,
    "column types": _tell_types,
    "maturity": _tell_maturity,
}  # fmt: skip
