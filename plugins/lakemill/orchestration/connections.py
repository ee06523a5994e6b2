"""Airflow's connections, for sources that need credentials.

Stays out: what is done with them.
"""

from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException, AirflowRuntimeError, ErrorType

from lakemill.collection import Credentials
from lakemill.exceptions import CollectionError


class AirflowConnections:
    """Connections as Airflow knows them: of its database, its environment or a secrets backend."""

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
            If there is no such connection.
        """
        found = self._find(connection)
        return Credentials(
            host=found.host,
            login=found.login,
            password=found.password,
            schema=found.schema,
            port=found.port,
            extra=found.extra_dejson,
        )

    def engine(self, connection: str) -> Any:
        """Return a SQLAlchemy engine for a connection.

        Parameters
        ----------
        connection : str
            Its id; its type's provider must be installed.

        Raises
        ------
        CollectionError
            If there is no such connection, or it is none of a SQL database.
        """
        found = self._find(connection)
        try:
            return _make_engine(found)
        except Exception as error:  # a hook of any provider may raise anything
            said = str(error).replace(found.password, "***") if found.password else str(error)
            raise CollectionError(
                f"the connection {connection!r} ({found.conn_type}) gives no SQL database: {said}",
                where="connections",
                remedy="take a connection of a SQL database, and install the provider or the driver of its type",
            ) from None

    def _find(self, connection: str) -> Any:
        try:
            return BaseHook.get_connection(connection)
        except (AirflowException, AirflowRuntimeError) as error:
            is_missing = isinstance(error, AirflowNotFoundException) or (
                isinstance(error, AirflowRuntimeError) and error.error.error == ErrorType.CONNECTION_NOT_FOUND
            )
            if is_missing:
                problem = f"no connection {connection!r} that can be read"
                remedy = f"add it in Airflow (Admin, Connections), or set AIRFLOW_CONN_{connection.upper()}"
            else:
                problem, remedy = f"Airflow does not give {connection!r}: {error}", "mend that, then clear the run"
            raise CollectionError(problem, where="connections", remedy=remedy) from None


def _make_engine(found: Any) -> Any:
    """Return an engine by the hook of the connection's type, or where no provider has one, by its very fields.

    So SQLite needs no provider, nor does a database whose SQLAlchemy dialect bears the connection's type, or is named
    in its extra as ``sqlalchemy_scheme``.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.engine import URL
    from sqlalchemy.pool import NullPool

    extra = found.extra_dejson
    hook = _find_hook(found)
    options: dict[str, Any] = {"poolclass": NullPool}
    if hook is None:
        drivername = extra.get("sqlalchemy_scheme") or found.conn_type
        if found.conn_type == "sqlite":
            path = "/".join(part for part in (found.host, found.schema) if part)
            return create_engine(URL.create(drivername, database=path), **options)
        url = URL.create(drivername, found.login, found.password, found.host, found.port, found.schema)
        return create_engine(url, **options)
    # hooks give these to connections of their own and leave them out of the engine's: sslmode among them
    if hasattr(hook, "ignored_extra_options"):
        ignored = hook.ignored_extra_options
        options["connect_args"] = {name: value for name, value in extra.items() if name not in ignored}
    return hook.get_sqlalchemy_engine(options)


def _find_hook(found: Any) -> Any:
    if found.conn_type == "generic":
        return None
    try:
        return found.get_hook()
    except AirflowException:  # no provider has this type
        return None
