"""Discovery by Home Assistant on a real broker."""

import asyncio
import json
from pathlib import Path

from gateway.broker.access import MqttAccess
from gateway.broker.mqtt import MqttBroker
from gateway.core.site import BrokerSettings
from tests.e2e.commands import running
from tests.e2e.servers import mosquitto

PATIENCE_S = 30.0


async def first(url: str, topic: str) -> bytes:
    """Return the first message on a topic."""
    broker = MqttBroker(BrokerSettings(url=url), MqttAccess(client_id="home-assistant"))
    async with asyncio.timeout(PATIENCE_S), broker.connect() as session:
        await session.subscribe(topic)
        async for message in session.messages():
            return message.payload
    raise AssertionError(topic)


async def test_an_edge_announces_its_devices_when_asked(tmp_path: Path) -> None:
    """`home_assistant: true` brings one retained message per device, whose topics are those that the edge writes."""
    with mosquitto(tmp_path) as broker:
        site = tmp_path / "site.yaml"
        site.write_text(f"""
site: soenderborg-12
clock: trusted
data: {tmp_path / "data"}
spool: {{size_mib: 16}}
broker: {{url: '{broker.url}'}}
home_assistant: true
links: [{{id: a, tcp: '127.0.0.1:1'}}]
devices: [{{id: meter, profile: eastron/sdm630, link: a, label: Main meter, interval: 1s}}]
""")
        with running("edge", site, log=tmp_path / "edge.log") as edge:
            tree = json.loads(await first(broker.url, "homeassistant/device/kvarter_soenderborg-12_meter/config"))
            live = json.loads(await first(broker.url, tree["state_topic"]))
            status = json.loads(await first(broker.url, tree["availability"][0]["topic"]))
            assert edge.stop() == 0
    assert tree["device"]["name"] == "Main meter"
    assert live["status"] == 5
    assert status["state"] == "online"
