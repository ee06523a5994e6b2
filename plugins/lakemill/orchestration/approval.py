"""The task ``approve`` of ``<workflow>.training``: a person is asked before a candidate takes charge.

Stays out: whether one is to be asked, and what is shown (``registry.approval``).
"""

from datetime import datetime
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowSkipException

from lakemill.orchestration.running import open_workflow, say_plainly

APPROVE, REJECT = "Approve", "Reject"
WHY = "reason"


class ApprovalForm(HITLOperator):
    """Wait for a person's answer about a candidate that was let through; go on where nobody is to be asked.

    Parameters
    ----------
    workflow : str
    taken : dict
        What the task ``snapshot`` returned.
    verdict : str
        The gate's.
    **kwargs
        Of Airflow's operator; ``response_timeout`` is the time to answer, after which it is rejected.
    """

    template_fields = ("subject", "body", "taken", "verdict")

    def __init__(self, *, workflow: str, taken: Any, verdict: Any, **kwargs: Any) -> None:
        super().__init__(options=[APPROVE, REJECT], defaults=REJECT, **kwargs)
        self.workflow = workflow
        self.taken = taken
        self.verdict = verdict

    @say_plainly
    def execute(self, context: Any) -> Any:
        """Ask, unless nobody is to be asked or somebody has answered.

        Returns
        -------
        dict or None
            The answer that is known already; None where nobody is to be asked.
        """
        from lakemill.lake.verdicts import read_verdicts
        from lakemill.registry.approval import describe_candidate, find_answer, find_reasons_to_ask

        if self.verdict != "pass":
            raise AirflowSkipException("the gate did not let it through")
        declared, lake, _ = open_workflow(self.workflow)
        key = self.taken["partition"]
        evidence = read_verdicts(lake, "gate")[key].evidence
        reasons = find_reasons_to_ask(declared, evidence)
        if not reasons:
            self.log.info("nobody is to be asked")
            return None
        held = find_answer(lake, self.taken["id"])
        if held is not None:
            return {"is_yes": held.is_yes, "who": held.who, "reason": held.reason, "at": held.at.isoformat()}
        self.body = describe_candidate(declared, evidence, reasons, version=evidence["version"], partition=key)
        self._make_form()
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Return what was answered, and by whom; nobody's silence is a no."""
        from lakemill.registry.approval import NOBODY

        self._make_form()  # in another process than the one that asked
        answered = super().execute_complete(context, event)
        who = answered["responded_by_user"] or {}
        said = str(dict(answered["params_input"]).get(WHY) or "").strip()
        return {
            "is_yes": list(answered["chosen_options"]) == [APPROVE],
            "who": who.get("name") or who.get("id") or NOBODY,
            "reason": said or ("answered in Airflow" if who else "no answer in time"),
            "at": answered["responded_at"].isoformat(),
        }

    def _make_form(self) -> None:
        # not when it is declared: then the form of the DAG takes its place
        why = Param("", type="string", title="Reason", description="Kept in the ledger with the answer.")
        self.params = ParamsDict({WHY: why})


def read_answer(answered: dict[str, Any] | None) -> Any:
    """Return what `ApprovalForm` found as an `Answer`, None where nobody was asked."""
    from lakemill.registry.approval import Answer

    if not answered:
        return None
    return Answer(answered["is_yes"], answered["who"], answered["reason"], datetime.fromisoformat(answered["at"]))
