"""Connections outside Airflow: of the environment, written as Airflow reads them there too.

Stays out: connections that only Airflow's database or a secrets backend knows.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from lakemill.collection import Credentials
from lakemill.exceptions import CollectionError


class EnvironmentConnections:
    """Connections that ``AIRFLOW_CONN_<ID>`` says, as an URI or as JSON.

    Parameters
    ----------
    environment : mapping of str to str
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def credentials(self, connection: str) -> Credentials:
        """Return what a connection says.

        Parameters
        ----------
        connection : str
            Its id.

        Returns
        -------
        Credentials

        Raises
        ------
        CollectionError
            If there is none, or it cannot be read.

        Examples
        --------
        >>> connections = EnvironmentConnections({"AIRFLOW_CONN_PLANT": "mqtt://me:p%40ss@broker:1883"})
        >>> connections.credentials("plant").password
        'p@ss'
        """
        name = f"AIRFLOW_CONN_{connection.upper()}"
        said = self._environment.get(name)
        if said is None:
            raise CollectionError(
                f"no connection {connection!r}",
                where="connections",
                remedy=f"outside Airflow it is read from {name}: set that to scheme://login:password@host:port",
            )
        try:
            return _read_json(json.loads(said)) if said.lstrip().startswith("{") else _read_uri(said)
        except (ValueError, TypeError, AttributeError) as error:
            raise CollectionError(
                f"the connection {connection!r} cannot be read: {error}",
                where=name,
                remedy="write it as scheme://login:password@host:port, or as JSON with login and password",
            ) from None

    def engine(self, connection: str) -> Any:
        """Raise: what runs outside Airflow reads no database.

        Raises
        ------
        CollectionError
        """
        raise CollectionError(
            f"the connection {connection!r} of a database is only there within Airflow",
            where="connections",
            remedy="run the DAG",
        )


def _read_uri(said: str) -> Credentials:
    parts = urlsplit(said)
    extra = dict(parse_qsl(parts.query))
    return Credentials(
        host=unquote(parts.hostname) if parts.hostname else None,
        login=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        schema=unquote(parts.path.lstrip("/")) or None,
        port=parts.port,
        extra=json.loads(extra["__extra__"]) if "__extra__" in extra else extra,
    )


def _read_json(said: dict[str, Any]) -> Credentials:
    extra = said.get("extra") or {}
    return Credentials(
        host=said.get("host"),
        login=said.get("login"),
        password=said.get("password"),
        schema=said.get("schema"),
        port=int(said["port"]) if said.get("port") else None,
        extra=json.loads(extra) if isinstance(extra, str) else extra,
    )
