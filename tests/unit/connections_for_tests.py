"""Connections that a test names."""

from typing import Any

from lakemill.collection.delivery import Credentials
from lakemill.exceptions import CollectionError


class NamedConnections:
    """Connections that a test names: Credentials, or an address of a database."""

    def __init__(self, **known: Any) -> None:
        self.known = known

    def credentials(self, connection: str) -> Credentials:
        """Return what a connection says."""
        if connection not in self.known:
            raise CollectionError(f"no connection {connection!r}", where="connections", remedy="add it")
        return self.known[connection]

    def engine(self, connection: str) -> Any:
        """Return an engine for a connection."""
        import sqlalchemy

        return sqlalchemy.create_engine(self.known[connection])
