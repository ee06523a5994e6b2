"""Policies that are compared: when a model is trained again. Each is a workflow with other ``retrain`` and ``decide``.

Stays out: running them. To add a policy: a function here and a line in ``POLICIES``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakemill.config import Workflow
from lakemill.config.deciding import FINDINGS, Decide
from lakemill.config.versions import OF_INGESTION, describe_parts
from lakemill.exceptions import ConfigError, suggest

OWN, CHANGED = "workflow", "changed"


@dataclass(frozen=True)
class Policy:
    """A workflow as it is replayed.

    Attributes
    ----------
    name : str
    about : str
        In a few words.
    workflow : Workflow
    """

    name: str
    about: str
    workflow: Workflow


def never_retrain(workflow: Workflow) -> Workflow:
    """Keep the first model that the gate lets through; what is found has no consequence."""
    return _change(workflow, every=None)


def retrain_every_partition(workflow: Workflow) -> Workflow:
    """Train at the end of each partition."""
    return _change(workflow, every=1)


def retrain_on_drift(workflow: Workflow) -> Workflow:
    """Train where a partition has drifted, within the workflow's cooldown."""
    return _change(workflow, every=None, acting=("data_drift",))


POLICIES: dict[str, tuple[str, Callable[[Workflow], Workflow]]] = {
    "never": ("the first model stays", never_retrain),
    "every": ("a training with every partition", retrain_every_partition),
    "drift": ("a training where drift is found", retrain_on_drift),
}


def choose_policies(declared: Workflow, changed: Workflow | None, names: Sequence[str] = ()) -> list[Policy]:
    """Return the policies that are compared.

    Parameters
    ----------
    declared : Workflow
        As its file says.
    changed : Workflow or None
        With other values; then the fixed policies have these too, since they may say what drift is.
    names : sequence of str
        Of those that are wanted; all if empty.

    Returns
    -------
    list of Policy
        The fixed ones, the workflow's own, and the changed one.

    Raises
    ------
    ConfigError
        If there is no policy of a name.
    """
    base = changed or declared
    found = [Policy(name, about, make(base)) for name, (about, make) in POLICIES.items()]
    found.append(Policy(OWN, "as the workflow file says", declared))
    if changed is not None:
        found.append(Policy(CHANGED, "the workflow file with --set", changed))
    known = [one.name for one in found]
    for name in names:
        if name not in known:
            remedy = "give --set too" if name == CHANGED else suggest(name, known)
            raise ConfigError(f"no policy {name!r}", where="--policy", remedy=remedy)
    return [one for one in found if not names or one.name in names]


def require_replayable(declared: Workflow, changed: Workflow, project: Path) -> None:
    """Raise where the published rows would be others: a replay starts from these.

    Parameters
    ----------
    declared, changed : Workflow
    project : Path
        What the paths of queries and suites start at.

    Raises
    ------
    ConfigError
    """
    before, after = (describe_parts(one, project) for one in (declared, changed))
    for part in (*OF_INGESTION, "span"):
        is_same = before[part] == after[part]
        if part == "column types":
            is_same = all(_is_within(after[part][name], before[part][name]) for name in before[part])
        if not is_same:
            raise ConfigError(
                f"would change {part}, and so the partitions that are published; a replay takes these as they are",
                where=f"include/workflows/{declared.workflow}.yaml with --set",
                remedy="change monitor, retrain, train, gate, dataset, labels; or plan a changed file: lakemill plan",
            )


def _is_within(named: Any, known: Any) -> bool:
    """Tell whether columns have the types that they were published with: fewer may be features, not others."""
    return named == known or (isinstance(named, list) and isinstance(known, list) and set(named) <= set(known))


def _change(workflow: Workflow, *, every: int | None, acting: Sequence[str] = ()) -> Workflow:
    """Return the workflow with a cadence, and with a training after these findings; all others are notes."""
    decide = {name: "retrain" if name in acting else "note" for name in FINDINGS}
    retrain = workflow.retrain.model_copy(update={"every": every})
    return workflow.model_copy(update={"retrain": retrain, "decide": Decide.model_validate(decide)})
