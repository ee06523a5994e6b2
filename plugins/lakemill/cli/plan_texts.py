"""Plans as text, as JSON and as Markdown for a pull request.

Stays out: finding anything out.
"""

import json
from collections.abc import Callable, Iterator, Sequence

from lakemill.delivery.pending import Again, Pending
from lakemill.delivery.plan import Plan, Tried
from lakemill.delivery.quick_training import Outcome
from lakemill.delivery.samples import Columns

MARK = "<!-- lakemill plan -->"  # by which the comment of an earlier plan is found, and replaced
MOST_KEYS = 6  # of partitions, named one by one


def write_text(plans: Sequence[Plan]) -> str:
    """Return plans for a terminal."""
    lines: list[str] = []
    for plan in plans:
        lines.append(f"{plan.workflow}: {_say_state(plan)}")
        for change in plan.changes:
            lines.append(f"  {change.part}: {change.effect.text}")
            lines += [f"    {line}" for line in change.lines]
        lines += [f"  {line}" for line in tell_pending(plan)]
        if plan.tried is not None:
            lines += [f"  {line}" for line in _tell_tried(plan.tried)]
        lines += [f"  note: {note}".replace("\n", "\n    ") for note in plan.notes]
    return "\n".join([*lines, summarise(plans), ""])


def write_json(plans: Sequence[Plan]) -> str:
    """Return plans as JSON."""
    told = {"is_any": any(plan.is_any for plan in plans), "workflows": [plan.to_json() for plan in plans]}
    return json.dumps(told, indent=1, allow_nan=False) + "\n"


def write_markdown(plans: Sequence[Plan]) -> str:
    """Return plans as a comment of a pull request."""
    lines = [MARK, "### lakemill plan", "", summarise(plans)]
    for plan in plans:
        if not plan.is_any:
            continue
        lines += ["", f"#### `{plan.workflow}`: {_say_state(plan)}", ""]
        if plan.changes:
            lines += ["| changed | what it does |", "|---|---|"]
            lines += [f"| {change.part} | {_escape(change.effect.text)} |" for change in plan.changes]
            lines += ["", "<details><summary>what is other</summary>", "", "```diff"]
            for change in plan.changes:
                lines += [f"{change.part}", *(f"{line}".replace("```", "'''") for line in change.lines)]
            lines += ["```", "", "</details>", ""]
        lines += [f"- {_escape(line)}" for line in tell_pending(plan)]
        if plan.tried is not None:
            lines += ["", *(f"- {_escape(line.strip())}" for line in _tell_tried(plan.tried))]
        lines += ["", *(f"> {_escape(note)}".replace("\n", "\n> ") for note in plan.notes)] if plan.notes else []
    return "\n".join([*lines, ""])


FORMATS: dict[str, Callable[[Sequence[Plan]], str]] = {
    "text": write_text,
    "json": write_json,
    "markdown": write_markdown,
}


def summarise(plans: Sequence[Plan]) -> str:
    """Return one line for all plans."""
    changed = [plan.workflow for plan in plans if plan.is_any]
    if not changed:
        return "nothing changes"
    return f"{len(changed)} of {len(plans)} workflow(s) change: {', '.join(changed)}"


def name_keys(keys: Sequence[str]) -> str:
    """Return partitions in a few words.

    Examples
    --------
    >>> name_keys(["2013-01"]), name_keys(["2013-01", "2013-02"])
    ('2013-01', '2013-01, 2013-02')
    >>> name_keys([f"2013-{month:02}" for month in range(1, 13)])
    '2013-01 to 2013-12 (12)'
    """
    return ", ".join(keys) if len(keys) <= MOST_KEYS else f"{keys[0]} to {keys[-1]} ({len(keys)})"


def tell_pending(plan: Plan) -> Iterator[str]:
    """Yield lines that say what is to be done, as far as it is known."""
    pending = plan.pending
    if pending is None:
        if plan.ingests:
            yield "partitions: all that are ingested"
        if plan.trains:
            yield "training: as of the last partition published"
        return
    if pending.is_new:
        yield "its DAGs are unpaused"
    if pending.missing:
        yield f"partitions to ingest: {name_keys(pending.missing)}"
    if pending.undelivered:
        yield f"nothing is delivered yet of {name_keys(pending.undelivered)}"
    for reasons, keys in _group(pending.again).items():
        yield f"partitions to ingest again, of {pending.published} published: {name_keys(keys)}: {'; '.join(reasons)}"
    if plan.ingests and pending.unknown:
        yield f"and {pending.unknown} that an older version ingested: what they were made by was not kept"
    yield from _tell_models(pending)
    if pending.training is not None:
        yield f"training: as of the end of {pending.training.partition}: {pending.training.reason}"
    elif plan.trains:
        yield "training: none now: none has been yet, or the last one was by these files already"


def _tell_models(pending: Pending) -> Iterator[str]:
    if pending.snapshots:
        learnt = f", and so were {', '.join(f'v{one}' for one in pending.models)}" if pending.models else ""
        yield (
            f"snapshots: {pending.snapshots} were taken of these partitions{learnt}; where rows change, monitoring "
            "judges again, and asks for their trainings again"
        )
    if pending.champion is not None:
        yield f"champion: v{pending.champion} stays in charge until the gate lets another one through"


def _group(again: Sequence[Again]) -> dict[tuple[str, ...], list[str]]:
    found: dict[tuple[str, ...], list[str]] = {}
    for one in again:
        found.setdefault(one.reasons, []).append(one.partition)
    return found


def _say_state(plan: Plan) -> str:
    if plan.is_removed:
        return f"removed since {plan.against}"
    version = f"code version {plan.version}"
    if plan.is_added:
        return f"new since {plan.against}, {version}"
    if plan.changes or plan.trains:
        return f"changed since {plan.against}, {version}"
    since = f" since {plan.against}" if plan.against is not None else ""
    return f"something is to be done, {version}" if plan.is_any else f"nothing changes{since}"


def _tell_tried(tried: Tried) -> Iterator[str]:
    sample = tried.sample
    counts = ", ".join(
        f"{name} {count:,}" + (f" (before {tried.before[name]:,})" if tried.before.get(name, count) != count else "")
        for name, count in sample.counts.items()
    )
    yield f"on a sample of {name_keys(sample.partitions)}: {counts}"
    yield from (f"  {problem}" for problem in sample.problems)
    if tried.columns is not None:
        yield from _tell_columns(tried.columns)
    if tried.outcome is not None:
        yield from _tell_outcome(tried.outcome)


def _tell_columns(columns: Columns) -> Iterator[str]:
    kinds = {"added": columns.added, "removed": columns.removed, "of another type": columns.changed}
    told = [
        f"{kind}: {', '.join(f'{name} ({is_of})' for name, is_of in found.items())}"
        for kind, found in kinds.items()
        if found
    ]
    yield f"columns against {columns.against}: {'; '.join(told) or 'the same'}"
    if columns.removed:
        yield "  a removed column stays in the table, without values in partitions that are ingested again"
    if columns.changed:
        yield "  values that do not fit the type that the table has are refused: CAST them, or rename the column"


def _tell_outcome(outcome: Outcome) -> Iterator[str]:
    rows = ", ".join(f"{count:,} {name}" for name, count in outcome.rows.items())
    yield f"quick training of {outcome.candidate} on it ({rows} rows): the gate says {outcome.verdict}"
    yield from (f"  {'met' if is_met else 'not met'}: {rule}: {text}" for rule, is_met, text in outcome.findings)
    if outcome.champion is not None and outcome.champion_score is not None:
        yield f"  champion v{outcome.champion} on the same rows: {outcome.metric} {outcome.champion_score:.4f}"
    yield from (f"  {note}" for note in outcome.notes)
    yield "  an indication: fewer rows than a training has, no tuning, not all rules of the gate"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
