"""What has changed from one state of a workflow's files to another, and what each change is about.

Stays out: the lake. Which partitions and models there are is found in ``pending.py``.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MOST_LINES = 12  # of one part, shown


@dataclass(frozen=True)
class Effect:
    """What a change of a part is about.

    Attributes
    ----------
    text : str
    ingests : bool
        Whether partitions are to be ingested again.
    """

    text: str
    ingests: bool = False


@dataclass(frozen=True)
class Change:
    """A part that is another one than before.

    Attributes
    ----------
    part : str
        As `config.versions.describe_parts` names it.
    effect : Effect
    lines : tuple of str
        What is other in it.
    """

    part: str
    effect: Effect
    lines: tuple[str, ...]


AGAIN = "every partition is ingested again; where its rows change, what was learnt and scored from them follows"
# every part that trainings or ingestion depend on; any other is only looked at when a model or a partition is judged
EFFECTS: dict[str, Effect] = {
    "description": Effect("nothing but the text"),
    "span": Effect("partitions that are new are ingested, those beyond are not looked at any more"),
    "calendar": Effect("other partitions: all is ingested anew, under other keys", ingests=True),
    "sources": Effect(f"{AGAIN}; another model is trained", ingests=True),
    "table": Effect(f"{AGAIN}; another model is trained", ingests=True),
    "query": Effect(AGAIN, ingests=True),
    "suites": Effect(
        "every partition is validated again; where other rows are refused, the rest follows", ingests=True
    ),
    "cleaning": Effect(f"{AGAIN}; another model is trained", ingests=True),
    "column types": Effect(AGAIN, ingests=True),
    "code of ingestion": Effect(AGAIN, ingests=True),
    "maturity": Effect("another model is trained"),
    "features": Effect("another model is trained"),
    "dataset": Effect("another model is trained"),
    "train": Effect("another model is trained"),
    "labels": Effect("the next training audits labels so; another model only where flagged rows are dropped"),
    "code of training": Effect("the next training is another one; nothing asks for it now"),
    "approve": Effect("who is asked before the next candidate takes charge"),
    "score": Effect("the next partition is scored so; what was scored stays"),
    "gate": Effect("the gate judges the next candidate by it; no model is trained for it"),
    "monitor": Effect("monitoring judges the next partition by it"),
    "decide": Effect("what follows from the next findings of monitoring"),
    "retrain": Effect("monitoring asks for the next training by it"),
    "notify": Effect("who is told of the next verdicts"),
}
JUDGED_BY = Effect("the next candidate and the next partition are judged by it; no model is trained for it")


def compare_parts(before: dict[str, Any], after: dict[str, Any]) -> tuple[Change, ...]:
    """Return the parts that differ.

    Parameters
    ----------
    before, after : dict of str to Any
        JSON values by part.

    Returns
    -------
    tuple of Change
        In the order of parts.

    Examples
    --------
    >>> (change,) = compare_parts({"gate": {"floor": 0.6}}, {"gate": {"floor": 0.7}})
    >>> change.part, change.lines
    ('gate', ('floor: 0.6 -> 0.7',))
    """
    names = list(dict.fromkeys((*after, *before)))
    return tuple(
        Change(name, EFFECTS.get(name, JUDGED_BY), _shorten(list(_tell(before.get(name), after.get(name)))))
        for name in names
        if before.get(name) != after.get(name)
    )


def _tell(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """Yield a line for each value that differs, with its place."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys((*before, *after)):
            if before.get(name) != after.get(name):
                yield from _tell(before.get(name), after.get(name), f"{at}.{name}" if at else str(name))
    elif isinstance(before, list) and isinstance(after, list):
        yield from (f"{at}: - {_word(one)}".removeprefix(": ") for one in before if one not in after)
        yield from (f"{at}: + {_word(one)}".removeprefix(": ") for one in after if one not in before)
        if sorted(map(repr, before)) == sorted(map(repr, after)):
            yield f"{at}: in another order".removeprefix(": ")
    elif isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
        differing = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
        yield from (line for line in differing if not line.startswith(("---", "+++", "@@")))
    else:
        yield f"{at}: {_word(before)} -> {_word(after)}".removeprefix(": ")


def _word(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _shorten(lines: list[str]) -> tuple[str, ...]:
    more = len(lines) - MOST_LINES
    return tuple(lines) if more <= 0 else (*lines[:MOST_LINES], f"and {more} more lines")
