"""Everything about a workflow that can be checked before its first run.

Stays out: data. Whether files hold what the workflow names is found by running it.
"""

from lakemill.config import Settings, Workflow
from lakemill.config.cleaning import Require


def check_workflow(workflow: Workflow, settings: Settings) -> None:
    """Check a workflow's SQL with its columns, conditions, suites and estimators; loading has checked the file itself.

    Parameters
    ----------
    workflow : Workflow
    settings : Settings

    Raises
    ------
    LakemillError
        With the first fault found.
    """
    from lakemill.collection.table import require_columns
    from lakemill.lake import check_syntax, phrase_condition
    from lakemill.lake.queries import name_result
    from lakemill.training.estimators import make_pipeline
    from lakemill.validation.suites import open_suite

    if workflow.table.sql:
        sql = settings.project / workflow.table.sql
        query = sql.read_text(encoding="utf-8")
        check_syntax(query, where=workflow.table.sql)
        if (columns := name_result(query)) is not None:
            require_columns(workflow, columns)
    for rule in workflow.clean:
        if isinstance(rule, Require):
            where = f"include/workflows/{workflow.workflow}.yaml: clean (require): {rule.condition}"
            check_syntax(phrase_condition(rule.condition), where=where)
    for path in workflow.suites.values():
        open_suite(settings.project / path, where=path)
    for name, candidate in workflow.train.candidates.items():
        make_pipeline(
            candidate,
            workflow.features,
            problem=workflow.table.label.problem,
            parameters={},
            seed=workflow.train.seed,
            where=f"include/workflows/{workflow.workflow}.yaml: train.candidates.{name}",
        )
