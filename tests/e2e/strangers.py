"""Payloads on our topics that are not ours, by the counter that each must move."""

from collections.abc import Sequence

from gateway.broker.access import MqttAccess
from gateway.broker.mqtt import MqttBroker
from gateway.core.protocols import Batch, Message
from gateway.core.site import BrokerSettings
from gateway.wire.batch import compress, encode_batch
from gateway.wire.receipt import Receipt, encode_receipt
from gateway.wire.topics import Topics
from tests.e2e.workbench import SITE


async def say(url: str, messages: Sequence[Message]) -> None:
    """Publish as a stranger does."""
    async with MqttBroker(BrokerSettings(url=url), MqttAccess("stranger")).connect() as session:
        for message in messages:
            await session.publish(message)


def stranger_batch(site: str, catalogue: str) -> bytes:
    return encode_batch(site, Batch("0" * 16, 7, 7, catalogue, (b"kvarter,site=x,device=y status=0i 1",)))


TOPICS = Topics(SITE)
MALFORMED = [
    *(Message(TOPICS.readings, payload) for payload in (b"", b"\xff\x00" * 500, b"x" * 2_000_000)),
    Message(TOPICS.readings, stranger_batch("other", "0" * 8)),
    *(Message(TOPICS.readings_gz, payload) for payload in (b"no gzip", compress(bytes(300_000_000)))),
    *(Message(TOPICS.catalogue, payload) for payload in (b"[" * 100_000, b'{"site": 7}')),
]
LACKING = [Message(TOPICS.readings, stranger_batch(SITE, "deadbeef"))]
FOREIGN = [Message(Topics("elsewhere").readings, b"x")]
BAD_RECEIPTS = [Message(TOPICS.receipt, payload) for payload in (b"", b"\xff" * 5000, b'{"run": "x"}')]
INVENTED = [Message(TOPICS.receipt, encode_receipt(Receipt("f" * 16, 0, 2**59)))]
