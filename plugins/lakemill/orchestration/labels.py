"""Tasks of ``<workflow>.labels``: a form of suspicious labels that a person answers in Airflow's UI.

Stays out: their order, which is the DAG file's.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, get_current_context, task
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowSkipException

from lakemill.orchestration.running import open_workflow, say_plainly

SAVE, LEAVE = "Save the answers", "Leave everything as it is"
MOST_CLASSES = 50  # that a field offers; of more, the answer is written in


@task
@say_plainly
def find_suspects(workflow: str) -> Any:
    """Make a form of the most suspicious labels that nobody has answered about; skip where there is none."""
    from lakemill.labels.answers import DROP, UNSURE, list_classes
    from lakemill.lake.label_reviews import read_queue

    declared, lake, _ = open_workflow(workflow)
    queue = read_queue(lake)[1][: int(get_current_context()["params"]["rows"])]
    if not queue:
        raise AirflowSkipException("no label waits for an answer")
    classes = list_classes(declared, lake) if declared.table.label.problem == "classification" else []
    options = ["", *classes, UNSURE, DROP] if 0 < len(classes) <= MOST_CLASSES else None
    key = declared.table.key
    fields = {}
    for one in queue:
        named = ", ".join(f"{name} {value}" for name, value in zip(key, one.key_values, strict=True))
        fields[f"row {one.rank}"] = {
            "title": f"{named}: {one.given}, or {one.suggested}?",
            "description": f"{one.row_partition}: labelled {one.given}; {one.reason}",
            "options": options,
            "row": {"partition": one.row_partition, "key": one.key, "given": one.given},
        }
    return {"column": declared.table.label.column, "fields": fields}


class ReviewForm(HITLOperator):
    """Wait for a person to fill in a form whose fields an earlier task has found.

    Parameters
    ----------
    form : dict
        What `find_suspects` returned.
    **kwargs
        Of Airflow's operator.
    """

    template_fields: Sequence[str] = ("subject", "body", "form")

    def __init__(self, *, form: Any, **kwargs: Any) -> None:
        super().__init__(options=[SAVE, LEAVE], defaults=LEAVE, **kwargs)
        self.form = form

    def execute(self, context: Any) -> Any:
        """Ask."""
        self._make_fields()
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Return what was answered, and by whom."""
        self._make_fields()  # in another process than the one that asked
        answered = super().execute_complete(context, event)
        who = answered["responded_by_user"] or {}
        return {
            "is_saved": list(answered["chosen_options"]) == [SAVE],
            "answers": dict(answered["params_input"]),
            "who": who.get("name") or who.get("id") or "",
            "known_at": answered["responded_at"].isoformat(),
        }

    def _make_fields(self) -> None:
        self.params = ParamsDict({name: _make_field(field) for name, field in self.form["fields"].items()})


def _make_field(field: dict[str, Any]) -> Param:
    schema: dict[str, Any] = {"type": "string", "title": field["title"], "description": field["description"]}
    if field["options"]:
        schema["enum"] = field["options"]
    return Param("", **schema)


@task
@say_plainly
def keep_answers(workflow: str, form: dict[str, Any], answered: dict[str, Any]) -> Any:
    """Keep the answers as corrections, known from when they were given; skip where nothing is changed."""
    from lakemill.labels.answers import Answer, make_corrections
    from lakemill.lake.label_corrections import record_corrections

    if not answered["is_saved"]:
        raise AirflowSkipException("left as it is")
    declared, lake, _ = open_workflow(workflow)
    answers = [
        Answer(name, **form["fields"][name]["row"], text=str(said).strip(), reason="answered in Airflow")
        for name, said in answered["answers"].items()
        if str(said or "").strip()
    ]
    made = make_corrections(
        declared, lake, answers, who=answered["who"], known_at=datetime.fromisoformat(answered["known_at"])
    )
    return {"answers": len(answers), "added": record_corrections(lake, made)}
