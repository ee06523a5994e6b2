"""MQTT brokers: their addresses, and clients that speak to them.

Stays out: what is published or received.
"""

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from lakemill.collection.delivery import Connections
from lakemill.config.sources import EMBEDDED, MqttSource
from lakemill.exceptions import CollectionError

PORTS = {"mqtt": 1883, "mqtts": 8883}
KEEPALIVE_SECONDS = 30
UNSUPPORTED_PROTOCOL = 132
# reasons that no waiting mends: the client's id, its password, what it may do
LASTING = {133: "the client's id", 134: "login or password", 135: "this login", 138: "this client", 140: "the method"}


@dataclass(frozen=True)
class Broker:
    """Where a broker is.

    Attributes
    ----------
    host : str
    port : int
    is_secure : bool
        Whether it speaks TLS.
    """

    host: str
    port: int
    is_secure: bool

    def __str__(self) -> str:
        return f"{'mqtts' if self.is_secure else 'mqtt'}://{self.host}:{self.port}"


def parse_broker(address: str, *, where: str) -> Broker:
    """Read the address of a broker.

    Parameters
    ----------
    address : str
    where : str
        For errors.

    Raises
    ------
    CollectionError
        If it is none.

    Examples
    --------
    >>> str(parse_broker("mqtt://localhost", where="example"))
    'mqtt://localhost:1883'
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in PORTS or not parts.hostname or parts.username is not None:
        raise CollectionError(
            f"a broker's address is mqtt://host:port or mqtts://host:port; got {address!r}",
            where=where,
            remedy="mend it; login and password belong into a connection",
        )
    return Broker(parts.hostname, port or PORTS[parts.scheme], parts.scheme == "mqtts")


def resolve_broker(source: MqttSource, embedded: str | None, *, where: str) -> str:
    """Return the address of a source's broker.

    Parameters
    ----------
    source : MqttSource
    embedded : str or None
        The address of the broker of this installation.
    where : str
        For errors.

    Raises
    ------
    CollectionError
        If the source wants this installation's, and it runs none.
    """
    if source.broker != EMBEDDED:
        return source.broker
    if not embedded:
        raise CollectionError(
            "the embedded broker does not run, or is not known here",
            where=where,
            remedy="start it (make down up), or set LAKEMILL_BROKER to its address, like mqtt://127.0.0.1:1883",
        )
    return embedded


def make_client(
    broker: Broker,
    client_id: str,
    protocol: MQTTProtocolVersion,
    *,
    connection: str | None,
    connections: Connections,
    is_lasting: bool = False,
) -> Client:
    """Return a client that is not connected yet.

    Parameters
    ----------
    broker : Broker
    client_id : str
    protocol : MQTTProtocolVersion
    connection : str or None
        The Airflow connection with login and password.
    connections : Connections
    is_lasting : bool
        Whether its session outlives its connection (by MQTT 5 that is said when it connects): then its messages are
        acknowledged by hand, and its user connects it again when the connection is lost.
    """
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if protocol == MQTTProtocolVersion.MQTTv5 else not is_lasting,
        protocol=protocol,
        manual_ack=is_lasting,
        reconnect_on_failure=not is_lasting,
    )
    if connection is not None:
        credentials = connections.credentials(connection)
        client.username_pw_set(credentials.login, credentials.password)
    if broker.is_secure:
        client.tls_set_context(ssl.create_default_context())
    return client


def refuse_lasting(reason: ReasonCode, broker: Broker, *, where: str, connection: str | None) -> None:
    """Raise where a broker refuses a client for a reason that no waiting mends.

    Raises
    ------
    CollectionError
    """
    if reason.value in LASTING:
        named = f"the connection {connection!r}" if connection else "the source, which names no connection"
        raise CollectionError(
            f"the broker {broker} refuses {LASTING[reason.value]}: {reason}",
            where=where,
            remedy=f"see {named}, and the broker's settings",
        )
