"""The section ``notify``: who is told of a verdict of monitoring, and of a blocked partition, and how.

Addresses stand here; servers, keys and passwords in Airflow's connections. Stays out: telling
(``orchestration.notifying``).
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from lakemill.config.quantities import Duration
from lakemill.config.section import Section

Told = Literal["nothing", "note", "alert", "retrain", "roll back", "blocked"]


class Channel(Section):
    """What all ways of telling have in common."""

    about: tuple[Told, ...] = Field(
        ("alert", "retrain", "roll back", "blocked"),
        min_length=1,
        description="What to tell of: verdicts of monitoring, and partitions that ingestion blocks.",
    )
    within: Duration | None = Field(
        None,
        gt=timedelta(0),
        description="Only of partitions that ended no longer ago, like '3 days': a backfill of the past then tells "
        "nobody. Of all if left out.",
    )


class Log(Channel):
    """Airflow's log of the task."""

    by: Literal["log"]


class Email(Channel):
    """An email, by a server that a connection names."""

    by: Literal["email"]
    to: tuple[str, ...] = Field(min_length=1, description="Addresses.")
    sender: str | None = Field(None, description="The sender's address; the connection's if left out.")
    connection: str = Field("smtp_default", description="Airflow's connection of the type smtp.")


class Slack(Channel):
    """A message to a channel in Slack, by an incoming webhook."""

    by: Literal["slack"]
    connection: str = Field("slack_default", description="Airflow's connection of the type slackwebhook.")


class Webhook(Channel):
    """A POST of JSON: workflow, partition, verdict, reason, findings and a text."""

    by: Literal["webhook"]
    connection: str = Field(description="Airflow's connection of the type http: host, credentials and headers.")
    path: str = Field("", description="What follows the connection's host.")


Notify = Annotated[Log | Email | Slack | Webhook, Field(discriminator="by")]
