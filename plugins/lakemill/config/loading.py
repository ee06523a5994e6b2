"""Workflow files from disk, and what is wrong with them in words.

Stays out: what the keys mean (``workflow.py``). Nothing heavy: every DAG file calls this when it is parsed.
"""

import re
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from lakemill.config.behaviour import BEHAVIOUR
from lakemill.config.overriding import OPTION, change_content
from lakemill.config.settings import Settings
from lakemill.config.versions import name_files
from lakemill.config.workflow import Workflow
from lakemill.exceptions import ConfigError, suggest


class _Loader(yaml.SafeLoader):
    """YAML, with a key given twice refused instead of lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, (dict, list)):
                raise yaml.MarkedYAMLError(problem="a key must be a single value", problem_mark=key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key!r} given twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError, LookupError, AttributeError) as error:  # what PyYAML lets through
            if not isinstance(node, yaml.ScalarNode):
                raise
            problem = f"{_shorten(node.value)} is no {node.tag.rpartition(':')[2]} ({error})"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None


def load_workflow(path: Path, settings: Settings, changes: dict[str, Any] | None = None) -> Workflow:
    """Read one workflow file.

    Parameters
    ----------
    path : Path
    settings : Settings
        Its ``project`` is what paths in the file are relative to.
    changes : dict of str to Any, optional
        Other values than the file's, by dotted key.

    Returns
    -------
    Workflow

    Raises
    ------
    ConfigError
        If the file cannot be read, has a wrong key or value, or names a file that is not there.
    """
    where = _shown(path, settings)
    content: dict[str, Any] = {}
    try:
        content = _read(path, where)
        if changes:
            content, where = change_content(content, changes), f"{where} with {OPTION}"
        workflow = Workflow.model_validate(content)
    except ValidationError as error:
        raise _explain(error, content, where) from None
    except (ValueError, OverflowError, RecursionError, TypeError) as error:  # deep nesting, for one
        raise ConfigError(f"cannot be read: {error}", where=where, remedy="mend that value") from None
    if workflow.workflow != path.stem:
        raise ConfigError(
            f"workflow: is {workflow.workflow!r}, but the file is named {path.name}",
            where=where,
            remedy="give both one name",
        )
    _require_files(workflow, settings, where)
    return _read_behaviour(workflow, settings)


def load_workflows(settings: Settings) -> tuple[dict[str, Workflow], list[ConfigError]]:
    """Read all workflow files of an installation.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    workflows : dict of str to Workflow
        The good ones by name.
    errors : list of ConfigError
        One for each bad file.
    """
    workflows, errors = {}, []
    for path in sorted([*settings.workflows.glob("*.yaml"), *settings.workflows.glob("*.yml")]):
        try:
            workflow = load_workflow(path, settings)
            workflows[workflow.workflow] = workflow
        except ConfigError as error:
            errors.append(error)
    return workflows, errors


def find_workflow(name: str, settings: Settings, changes: dict[str, Any] | None = None) -> Workflow:
    """Read the workflow of this name, with other values than the file's where changes say so.

    Raises
    ------
    ConfigError
        If there is none, or it is wrong.
    """
    path = settings.workflows / f"{name}.yaml"
    if not path.exists() and (other := path.with_suffix(".yml")).exists():
        path = other
    if not path.exists():
        known = sorted(found.stem for found in settings.workflows.glob("*.y*ml"))
        raise ConfigError(f"no workflow {name!r}", where=_shown(path, settings), remedy=suggest(name, known))
    return load_workflow(path, settings, changes)


def _shown(path: Path, settings: Settings) -> str:
    return str(path.relative_to(settings.project)) if path.is_relative_to(settings.project) else str(path)


def _read(path: Path, where: str) -> dict[str, Any]:
    content = _parse(path, where)
    if not isinstance(content, dict):
        raise ConfigError("must hold keys and values", where=where, remedy="begin with 'workflow: <name>'")
    return content


def _parse(path: Path, where: str) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  # a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read ({error})", where=where) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError(f"not valid YAML: {problem}", where=f"{where}{line}", remedy="mend that line") from None


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


def _explain(error: ValidationError, content: dict[str, Any], where: str) -> ConfigError:
    found = [problem for problem in error.errors() if not _is_shadow(problem, error.errors())]
    found.sort(key=lambda problem: problem["type"] != "extra_forbidden")  # a misspelt key explains a missing one
    lines = []
    for problem in found:
        location = _locate(problem, content)
        lines.append(_word(problem, ".".join(str(part) for part in location), location))
    (problem_text, remedy), *others = dict.fromkeys(lines)
    more = "".join(f"\n{where}: {text}\n  -> {mend}" for text, mend in others)
    return ConfigError(problem_text, where=where, remedy=remedy + more)


def _is_shadow(problem: Any, problems: list[Any]) -> bool:
    """Of a value that may be one of two types, keep what is said of the one that it looks like."""
    loc = problem["loc"]
    if not loc:
        return False
    beside = [other for other in problems if other is not problem and other["loc"][: len(loc) - 1] == loc[:-1]]
    if problem["type"] == "string_type" and loc[-1] == "str":  # a number or a text: NaN is a bad number
        return any(other["type"] == "finite_number" for other in beside)
    return str(loc[-1]).startswith("list[") and bool(beside)


def _locate(problem: Any, content: Any) -> list[int | str]:
    """Return the place of a problem in the file, without pydantic's names of types and of branches of unions."""
    location = []
    for number, part in enumerate(problem["loc"], start=1):
        stands_there = (isinstance(content, dict) and part in content) or (
            isinstance(content, list) and isinstance(part, int) and part < len(content)
        )
        content = content[part] if stands_there else content
        if stands_there or (problem["type"] == "missing" and number == len(problem["loc"])):
            location.append(part)
    return location


def _word(found: Any, key: str, location: list[int | str]) -> tuple[str, str]:
    if found["type"] == "extra_forbidden":
        known = _known_keys(location[:-1])
        if str(location[-1]) in known:  # of another kind of the section
            return f"unknown key {key!r}", "remove it: it belongs to another kind"
        return f"unknown key {key!r}", suggest(str(location[-1]), known) if known else "remove it"
    if found["type"] == "missing":
        return f"key {key!r} is missing", "add it (lakemill schema describes every key)"
    if found["type"] == "union_tag_invalid":
        kinds = [tag.strip("' ") for tag in found["ctx"]["expected_tags"].split(",")]
        what = next((one for one in ("rule", "split", "by") if one in found["ctx"]["discriminator"]), "kind")
        return f"{key}: no {what} {found['ctx']['tag']!r}", suggest(found["ctx"]["tag"], kinds)
    message = found["msg"].removeprefix("Value error, ").replace("valid tuple", "list")
    message = re.sub(r"^\w+ should", "must", message)
    problem = f"{key}: {message}" if key else message
    if found["type"] != "value_error" and not isinstance(found["input"], dict):
        problem += f"; got {found['input']!r}"
    return problem, "mend it (lakemill schema describes every key)"


def _known_keys(location: list[int | str]) -> list[str]:
    """Return the keys allowed at a place of the file, found by walking the models."""
    models: list[type[BaseModel]] = [Workflow]
    for part in location:
        fields = [model.model_fields[str(part)].annotation for model in models if str(part) in model.model_fields]
        if fields:
            models = [model for field in fields for model in _models_in(field)]
    return sorted({name for model in models for name in model.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _require_files(workflow: Workflow, settings: Settings, where: str) -> None:
    for key, path in name_files(workflow):
        if not _is_file(settings.project / path):
            raise ConfigError(f"{key}: no file {path}", where=where, remedy="paths start at the project's folder")


def _read_behaviour(workflow: Workflow, settings: Settings) -> Workflow:
    """Return the workflow with the tests of behaviour in place of their file's path, so that every room sees them."""
    path = workflow.gate.behaviour
    if not isinstance(path, str):
        return workflow
    content = _parse(settings.project / path, path)
    if not isinstance(content, list):
        raise ConfigError("must be a list of tests", where=path, remedy="begin each with '- test: invariance'")
    try:
        tests = BEHAVIOUR.validate_python(content)
        gate = workflow.gate.model_copy(update={"behaviour": tests})
        return workflow.with_gate(gate)
    except ValidationError as error:
        found = error.errors()[0]
        place = ".".join(str(part) for part in found["loc"] if part not in ("invariance", "direction"))
        raise ConfigError(
            f"test {place}: {found['msg'].removeprefix('Value error, ')}; got {_shorten(str(found['input']))}",
            where=path,
            remedy="mend it: kinds are invariance and direction (lakemill schema describes their keys)",
        ) from None
    except ValueError as error:
        raise ConfigError(str(error), where=path, remedy="mend that test") from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be read
        return False
