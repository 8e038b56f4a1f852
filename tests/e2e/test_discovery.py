"""Discovery by Home Assistant on a real broker."""

import asyncio
import json
import signal
from pathlib import Path

from gateway.broker.access import MqttAccess
from gateway.broker.mqtt import MqttBroker
from gateway.core.site import BrokerSettings
from tests.e2e.commands import running, until
from tests.e2e.servers import mosquitto
from tests.e2e.workbench import Ear, listening

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
            tree = json.loads(await first(broker.url, "homeassistant/device/kvarter_soenderborg-12/meter/config"))
            live = json.loads(await first(broker.url, tree["state_topic"]))
            status = json.loads(await first(broker.url, tree["availability"][0]["topic"]))
            assert edge.stop() == 0
    assert tree["device"]["name"] == "Main meter"
    assert live["status"] == 5
    assert status["state"] == "online"


def retained(ear: Ear) -> dict[str, bytes]:
    """Return what the broker would give to somebody who comes now, of what was heard."""
    last = {message.topic: message.payload for message in ear.heard}
    return {topic: payload for topic, payload in last.items() if payload}


SITE = """
site: soenderborg-12
clock: trusted
data: {data}
spool: {{size_mib: 16}}
broker: {{url: '{broker}'}}
home_assistant: {asked}
links: [{{id: a, tcp: '127.0.0.1:1'}}]
devices:
  - {{id: {name}, profile: {profile}, link: a, interval: 1s}}
  - {{id: kept, profile: eastron/sdm630, link: a, unit_id: 2, interval: 1s}}
"""
KEPT = {"homeassistant/device/kvarter_soenderborg-12/kept/config", "kvarter/1/soenderborg-12/live/kept"}


def topics_of(name: str) -> set[str]:
    return {f"homeassistant/device/kvarter_soenderborg-12/{name}/config", f"kvarter/1/soenderborg-12/live/{name}"}


def test_a_device_that_is_gone_leaves_nothing_at_the_broker(tmp_path: Path) -> None:
    """Renamed at a reload, renamed while the service was down, no longer asked for: the retained messages go."""
    site = tmp_path / "site.yaml"

    def write(name: str, *, asked: str = "true", profile: str = "eastron/sdm630") -> None:
        data = tmp_path / "data"
        text = SITE.format(data=data, broker=broker.url, asked=asked, name=name, profile=profile)
        site.write_text(text, encoding="utf-8")

    with mosquitto(tmp_path) as broker, listening(broker.url, "homeassistant/#", "kvarter/1/+/live/#") as ear:
        write("first")
        with running("edge", site, log=tmp_path / "edge.log") as edge:
            until(lambda: set(retained(ear)) == KEPT | topics_of("first"), what="the first announcement")
            write("second")
            edge.process.send_signal(signal.SIGHUP)
            until(lambda: set(retained(ear)) == KEPT | topics_of("second"), what="the renamed device")
            assert edge.stop() == 0
        write("third")
        with running("edge", site, log=tmp_path / "edge.log"):
            until(lambda: set(retained(ear)) == KEPT | topics_of("third"), what="the device renamed meanwhile")
        write("third", profile="eastron/sdm120")
        with running("edge", site, log=tmp_path / "edge.log"):
            config = "homeassistant/device/kvarter_soenderborg-12/third/config"
            until(lambda: b"SDM120" in retained(ear)[config], what="another model")
            lost = json.loads(retained(ear)[config])["components"]["elec_voltage_l2"]
            assert lost == {"platform": "sensor"}
        write("third", asked="false")
        with running("edge", site, log=tmp_path / "edge.log"):
            until(lambda: not any(topic.startswith("homeassistant") for topic in retained(ear)), what="silence")
        assert "Traceback" not in (tmp_path / "edge.log").read_text(encoding="utf-8")
