"""``python -m lakemill.cli.embedded.broker PORT``: the MQTT broker of an embedded installation, on loopback.

Anyone on this machine may publish and subscribe. A session that asks to be kept is kept while the broker runs: what
comes while its client is away is delivered when it is back. Stays out: who speaks to it.
"""

import asyncio
import logging
import signal
import sys
from typing import Any

from amqtt import broker as amqtt_broker
from amqtt.broker import Broker, RetainedApplicationMessage
from amqtt.mqtt.constants import QOS_1
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.publish import PublishPacket

# of a subscriber's messages that it has not acknowledged yet; the protocol has numbers for 65,535
MOST_UNACKNOWLEDGED = 10_000


class PatientHandler(BrokerProtocolHandler):
    """A client's connection, through which a message of quality 1 is sent until the client says that it has it.

    amqtt gives such a message up five seconds after it was sent, and when the connection breaks.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._turns = asyncio.Semaphore(MOST_UNACKNOWLEDGED)
        self._sender: asyncio.Task[None] | None = None

    async def mqtt_publish(self, topic: str, data: bytes, qos: int, retain: bool, ack_timeout: Any = None) -> Any:
        """Send a message; one of quality 1 is queued with the session, which may outlive this connection."""
        if qos != QOS_1:
            return await super().mqtt_publish(topic, data, qos, retain, ack_timeout)
        self.session.retained_messages.put_nowait(RetainedApplicationMessage(None, topic, data, qos))
        return None

    async def start(self) -> None:
        """Begin to listen to the client, and to send what its session has queued."""
        await super().start()
        self._sender = asyncio.create_task(self._send_queued())

    async def stop(self) -> None:
        """End the connection; what was not acknowledged is queued again."""
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.cancel()
            for message in self.session.inflight_out.values():
                self.session.retained_messages.put_nowait(message)
            self.session.inflight_out.clear()
        await super().stop()

    async def handle_puback(self, puback: PubackPacket) -> None:
        """Forget a message that the client has."""
        if self.session.inflight_out.pop(puback.packet_id, None) is not None:
            self._turns.release()

    async def _send_queued(self) -> None:
        while True:
            await self._turns.acquire()
            message = await self.session.retained_messages.get()
            number = self.session.next_packet_id
            self.session.inflight_out[number] = message
            packet = PublishPacket.build(message.topic, message.data, number, False, QOS_1, False)
            await self._send_packet(packet)


def configure(port: int) -> dict[str, Any]:
    """Return the broker's configuration.

    Parameters
    ----------
    port : int
    """
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        # lets everyone in, as the anonymous plug-in does, but keeps their sessions, as that one does not
        "plugins": {"amqtt.plugins.base.BaseAuthPlugin": {}},
    }


async def serve(port: int) -> None:
    """Run the broker until this process is told to end.

    Parameters
    ----------
    port : int
    """
    ending = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, ending.set)
    amqtt_broker.BrokerProtocolHandler = PatientHandler  # amqtt has no other way to say so
    broker = Broker(configure(port))
    await broker.start()
    logging.getLogger(__name__).info("listening on 127.0.0.1:%s", port)
    await ending.wait()
    await broker.shutdown()


def main() -> None:
    """Run the broker on the port that the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("amqtt").setLevel(logging.WARNING)  # a line for each message otherwise
    logging.getLogger("transitions").setLevel(logging.WARNING)
    asyncio.run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
