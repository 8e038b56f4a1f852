"""The demo's own broker, with and without Mosquitto."""

from pathlib import Path

import pytest

from gateway.broker.access import MqttAccess
from gateway.broker.embedded import embedded_broker, find_mosquitto
from gateway.broker.mqtt import MqttBroker
from gateway.core.protocols import Message
from gateway.core.site import BrokerSettings


@pytest.mark.parametrize("program", ["mosquitto", "amqtt"])
async def test_a_message_goes_through(tmp_path: Path, program: str) -> None:
    """Either broker starts on a free port, carries a message at QoS 1, and is gone after the block."""
    mosquitto = find_mosquitto() if program == "mosquitto" else None
    assert (mosquitto is not None) == (program == "mosquitto")
    async with embedded_broker(tmp_path, mosquitto=mosquitto) as url:
        client = MqttBroker(BrokerSettings(url=url), MqttAccess(client_id="test"))
        async with client.connect() as session:
            await session.subscribe("kvarter/1/+/readings")
            await session.publish(Message("kvarter/1/test/readings", b"hello"))
            async for message in session.messages():
                assert message.payload == b"hello"
                break
