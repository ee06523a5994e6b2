"""Great Expectations' Data Docs of a workflow: a static site of what its suites found, from the documents in the lake.

Built when somebody wants to look, never while a partition is ingested. Stays out: evaluating anything.
"""

import html
import re
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lakemill.exceptions import LakeError
from lakemill.lake import Lake
from lakemill.validation.by_great_expectations import import_quietly

FOLDER = "validations"
# what the site's icons are where the font that it asks the network for does not come
ICONS = '<style>.fa-check-circle::before { content: "\\2713" } .fa-times::before { content: "\\2717" }</style>'


def build_data_docs(lake: Lake, folder: Path, *, last: int) -> tuple[Path, int]:
    """Build the site of the last partitions, in place of one that was built before.

    Parameters
    ----------
    lake : Lake
    folder : Path
        Where the site is to be.
    last : int
        So many partitions, the newest.

    Returns
    -------
    index : Path
        The page to begin with.
    partitions : int

    Raises
    ------
    LakeError
        If there are no results.
    """
    names = lake.list_documents(FOLDER)
    keys = sorted({name.split("/")[1] for name in names})[-last:]
    if not keys:
        raise LakeError(
            "no results of suites are kept", where=lake.workflow, remedy=f"lakemill run {lake.workflow} makes them"
        )
    gx = import_quietly()
    with tempfile.TemporaryDirectory(prefix="lakemill-") as scratch:
        context = gx.get_context(mode="file", project_root_dir=scratch)
        suites: dict[str, Any] = {}
        for name in names:
            _, key, table = name.split("/")
            content = lake.read_document(name) if key in keys else None
            if content is not None:
                suites[table] = content  # the newest says what the suite is
                _add_result(context, content, key, table)
        for table, content in suites.items():
            _add_suite(context, content, table)
        context.build_data_docs()
        site = next(Path(scratch).rglob("index.html")).parent
        _make_readable_offline(site)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(site, folder)
    return folder / "index.html", len(keys)


def _add_result(context: Any, content: dict[str, Any], key: str, table: str) -> None:
    from great_expectations.core import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
        RunIdentifier,
    )
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    results = [
        ExpectationValidationResult(
            **{**one, "expectation_config": ExpectationConfiguration(**one["expectation_config"])}
        )
        for one in content["results"]
    ]
    # the site tells runs apart by name and time, and shows both
    run = RunIdentifier(run_name=key, run_time=datetime.fromisoformat(content["meta"]["run_id"]["run_time"]))
    described = {**content, "results": results, "meta": {**content["meta"], "run_id": run}}
    context.validation_results_store.set(
        ValidationResultIdentifier(ExpectationSuiteIdentifier(table), run, key),
        ExpectationSuiteValidationResult(**described),
    )


def _make_readable_offline(site: Path) -> None:
    """Give the pages what scripts and fonts from the network would else bring: status signs, and a list of results."""
    index = site / "index.html"
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8").replace("<head>", f"<head>{ICONS}", 1)  # theirs comes later, and wins
        if page == index:
            text = text.replace("</body>", f"{_list_results(site)}</body>", 1)
        page.write_text(text, encoding="utf-8")


def _list_results(site: Path) -> str:
    lines = []
    for page in sorted((site / FOLDER).rglob("*.html"), reverse=True):
        path = page.relative_to(site)
        has_failed = "Status: Failed" in " ".join(_strip_tags(page.read_text(encoding="utf-8")).split())
        told = f"{path.parts[1]} {path.parts[2]}: {'failed' if has_failed else 'succeeded'}"
        lines.append(f'<li><a href="{html.escape(quote(path.as_posix()))}">{html.escape(told)}</a></li>')
    return f'<div style="padding: 1em 2em"><b>All results</b><ul>{"".join(lines)}</ul></div>'


def _strip_tags(text: str) -> str:
    return re.sub(r"<[^>]*>", "", text)


def _add_suite(context: Any, content: dict[str, Any], table: str) -> None:
    from great_expectations import ExpectationSuite

    expectations = [
        {key: value for key, value in one["expectation_config"].items() if key != "id"} for one in content["results"]
    ]
    context.suites.add(ExpectationSuite(name=table, expectations=expectations))
