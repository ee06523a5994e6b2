"""Telling people of verdicts and blocked partitions: one of Airflow's notifiers for each way that ``notify`` names.

To add a way: its section in ``config.notifying``, a function here and a line in ``MAKERS``. Stays out: what is decided,
and servers and keys, which connections know.
"""

import html
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from airflow.sdk.bases.notifier import BaseNotifier

from lakemill.config import Workflow
from lakemill.config.notifying import Email, Slack, Webhook
from lakemill.lake import Lake
from lakemill.lake.notifications import Notification, keep_notification, read_notification

LONGEST_SECONDS = 30  # that a server may take to answer


class LogNotifier(BaseNotifier):
    """Write a text into the log of the task, as a warning.

    Parameters
    ----------
    text : str
    """

    template_fields = ("text",)

    def __init__(self, *, text: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text

    def notify(self, context: Any) -> None:
        """Write it."""
        logging.getLogger(__name__).warning("%s", self.text)


def tell(workflow: Workflow, lake: Lake, judged: dict[str, Any], context: Any, *, now: datetime) -> dict[str, Any]:
    """Tell everybody who asked for it of a verdict, once.

    A way that fails keeps no other from being tried, and fails nothing: what it said is logged and kept, and it is
    tried again when the task runs again.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    judged : dict
        What ``judge`` returned, or the same keys of a blocked partition.
    context : dict
        Of the task.
    now : datetime

    Returns
    -------
    dict
        ``told`` and ``failed``: what was sent, and what could not be, with the error.
    """
    key, message = judged["partition"], make_message(workflow, judged)
    held = read_notification(lake, key)
    told = list(held.told) if held is not None and held.message == message else []
    failed: dict[str, str] = {}
    ended = workflow.partition.interval(key).end
    for number, channel in enumerate(workflow.notify):
        way = f"{number}: {channel.by}"
        is_news = channel.within is None or now - ended <= channel.within
        if judged["verdict"] not in channel.about or not is_news or way in told:
            continue
        try:
            MAKERS[channel.by](channel, message)({**context})  # which notifiers add to
            told = [*told, way]
        except Exception as error:  # a server that is away, a connection that is none, a provider that is not installed
            failed[way] = str(error) or repr(error)
            logging.getLogger(__name__).error("nobody was told by %s: %s", way, failed[way])
    if told or failed or held is not None:
        keep_notification(lake, key, Notification(message, told, failed))
    return {"told": told, "failed": failed}


def make_message(workflow: Workflow, judged: dict[str, Any]) -> dict[str, Any]:
    """Return what is told: JSON values, and all of it as ``text``."""
    head = f"{workflow.workflow} {judged['partition']}: {judged['verdict']}"
    lines = [head, judged["reason"], *(f"- {one['finding']}: {one['text']}" for one in judged["findings"])]
    known = {name: judged[name] for name in ("partition", "verdict", "reason", "findings")}
    return {"workflow": workflow.workflow, **known, "title": head, "text": "\n".join(lines)}


def _make_log(channel: Any, message: dict[str, Any]) -> BaseNotifier:
    return LogNotifier(text=_as_it_is(message["text"]))


def _make_email(channel: Email, message: dict[str, Any]) -> BaseNotifier:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    return SmtpNotifier(
        to=list(channel.to),
        from_email=channel.sender,
        subject=_as_it_is(message["title"]),
        html_content=_as_it_is(f"<pre>{html.escape(message['text'])}</pre>"),
        smtp_conn_id=channel.connection,
    )


def _make_slack(channel: Slack, message: dict[str, Any]) -> BaseNotifier:
    from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

    return SlackWebhookNotifier(
        slack_webhook_conn_id=channel.connection, text=_as_it_is(message["text"]), timeout=LONGEST_SECONDS
    )


def _make_webhook(channel: Webhook, message: dict[str, Any]) -> BaseNotifier:
    from airflow.providers.http.notifications.http import HttpNotifier

    return HttpNotifier(
        http_conn_id=channel.connection,
        endpoint=channel.path,
        json=_as_it_is(message),
        headers={"Content-Type": "application/json"},
        extra_options={"timeout": LONGEST_SECONDS},
    )


def _as_it_is(value: Any) -> Any:
    """Return a value from which Airflow's templates make it again: a column may be named like a template."""
    if isinstance(value, dict):
        return {name: _as_it_is(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_as_it_is(one) for one in value]
    if isinstance(value, str) and ("{" in value or value.endswith((".html", ".jinja2"))):
        return "{% raw %}" + value.replace("endraw", "end raw") + "{% endraw %}"
    return value


MAKERS: dict[str, Callable[[Any, dict[str, Any]], BaseNotifier]] = {
    "log": _make_log,
    "email": _make_email,
    "slack": _make_slack,
    "webhook": _make_webhook,
}
