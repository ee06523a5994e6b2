"""Keys of a workflow file given other values for one command, as ``monitor.columns=10 %``; the file stays as it is.

Stays out: checking the result, which the workflow's models do (``loading.py``).
"""

from collections.abc import Sequence
from typing import Any

import yaml

from lakemill.exceptions import ConfigError

OPTION = "--set"


def read_changes(texts: Sequence[str]) -> dict[str, Any]:
    """Read changes as they are given on the command line.

    Parameters
    ----------
    texts : sequence of str
        Each ``key=value``: the key with dots, the value as YAML has it.

    Returns
    -------
    dict of str to Any
        Values by dotted key; of one that is given twice the last.

    Raises
    ------
    ConfigError
        If one is not of this form.

    Examples
    --------
    >>> read_changes(["monitor.columns=10 %", "retrain.findings=[drift]", "retrain.every="])
    {'monitor.columns': '10 %', 'retrain.findings': ['drift'], 'retrain.every': None}
    """
    changes = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not all(part.strip() for part in key.split(".")):
            raise ConfigError(f"must be key=value, got {text!r}", where=OPTION, remedy=f"{OPTION} monitor.effect=0.1")
        try:
            changes[".".join(part.strip() for part in key.split("."))] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ConfigError(f"{key}: {value!r} is not valid YAML", where=OPTION, remedy="mend the value") from None
    return changes


def change_content(content: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a workflow file with some keys changed.

    Parameters
    ----------
    content : dict
        Is left as it is.
    changes : dict of str to Any
        Values by dotted key; a number is a place in a list. Sections that are not there are made.

    Returns
    -------
    dict

    Raises
    ------
    ConfigError
        If a key leads through a value that has no keys.

    Examples
    --------
    >>> change_content({"clean": [{"rule": "duplicates"}]}, {"clean.0.keep": "last", "retrain.every": 2})
    {'clean': [{'rule': 'duplicates', 'keep': 'last'}], 'retrain': {'every': 2}}
    """
    changed: Any = content
    for key, value in changes.items():
        changed = _change(changed, key.split("."), value, key)
    return dict(changed)


def _change(held: Any, parts: list[str], value: Any, key: str) -> Any:
    if not parts:
        return value
    part, *further = parts
    if isinstance(held, list):
        if not (part.isascii() and part.isdigit() and int(part) < len(held)):
            raise ConfigError(
                f"{key}: {part!r} must be a number from 0 to {len(held) - 1}, the place in a list", where=OPTION
            )
        return [_change(one, further, value, key) if at == int(part) else one for at, one in enumerate(held)]
    if held is not None and not isinstance(held, dict):
        whole = key.removesuffix("." + ".".join(parts))
        raise ConfigError(
            f"{key}: {whole} is {held!r}, which has no keys",
            where=OPTION,
            remedy=f"give the whole of it: {OPTION} '{whole}={{...}}'",
        )
    return {**(held or {}), part: _change((held or {}).get(part), further, value, key)}
