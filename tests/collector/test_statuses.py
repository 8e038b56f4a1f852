"""What a collector hears from gateways about themselves."""

from pathlib import Path

from gateway.collector.reception import topic_filters
from gateway.collector.settings import CollectorSettings
from gateway.core.protocols import Message
from gateway.wire.condition import Condition, GatewayStatus, condition_tree
from gateway.wire.status import encode_birth, encode_will
from gateway.wire.topics import Topics
from tests.collector.sending import SITE
from tests.collector.workbench import bench, fake_broker
from tests.fakes_store import FakeStore

RUN = "9f3c7e21a04b55d0"


def said(site: str, *, synchronised: bool) -> Message:
    gateway = condition_tree(Condition(synchronised=synchronised))
    return Message(Topics(site).status, encode_birth(run=RUN, version="1.0", counters={}, gateway=gateway), retain=True)


async def test_a_status_that_was_there_before_is_heard(tmp_path: Path) -> None:
    """The retained status comes at the connection, every later one as it is published, and the will at the end."""
    heard: list[tuple[str, GatewayStatus]] = []
    broker = fake_broker()
    async with broker.local.connect() as session:
        await session.publish(said(SITE, synchronised=False))
    async with bench(
        tmp_path, {"store": FakeStore()}, broker=broker, told=lambda site, status: heard.append((site, status))
    ) as b:
        await b.until(lambda: len(heard) == 1)
        await b.send(said(SITE, synchronised=True), Message(Topics(SITE).status, encode_will(RUN), retain=True))
        await b.until(lambda: len(heard) == 3)
    assert [site for site, _ in heard] == [SITE] * 3
    assert [status.gateway and status.gateway.synchronised for _, status in heard] == [False, True, None]
    assert heard[-1][1].state == "offline"


async def test_what_is_no_status_is_counted_and_dropped(tmp_path: Path) -> None:
    """A stranger's payload reaches nobody, and neither does a status of a site that is not collected here."""
    heard: list[str] = []
    settings = CollectorSettings(sites=(SITE, "other-*"))
    async with bench(tmp_path, {"store": FakeStore()}, settings=settings, told=lambda site, _: heard.append(site)) as b:
        strange = [Message(Topics(SITE).status, payload) for payload in (b"", b"\xff", b"{}", b"[" * 60_000)]
        await b.send(*strange, said("elsewhere", synchronised=True), said("other-1", synchronised=True))
        await b.until(lambda: bool(heard))
        assert b.collector.counters.malformed == 3
    assert heard == ["other-1"]


def test_every_collector_of_a_group_hears_every_status() -> None:
    """Batches are shared between the members of a group; a broker gives a retained message to no shared filter."""
    settings = CollectorSettings(group="collectors")
    assert "kvarter/1/+/status" in topic_filters(settings, statuses=True)
    assert not [each for each in topic_filters(settings) if each.endswith("/status")]
