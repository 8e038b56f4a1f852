"""How a gateway sees itself."""

from pathlib import Path
from random import Random

from gateway.app.condition import in_words
from gateway.app.configuration import load_configuration
from gateway.app.edge import Edge
from gateway.app.machine import Machine, disk_room
from gateway.app.page_facts import EdgeFacts
from gateway.core.protocols import Stream
from gateway.core.quantity import load_vocabulary
from gateway.core.site import LinkSettings
from gateway.spool.disk import DiskFiles
from tests.app.site_files import GOOD, write
from tests.fakes import FakeClock


async def no_stream(_: LinkSettings) -> Stream:
    raise AssertionError("nothing is opened before it runs")


async def test_clock_and_disk_are_known_before_anything_runs(tmp_path: Path) -> None:
    """What it stands on is looked at, buses and lanes are not there yet, and a page shows the same."""
    clock = FakeClock()
    configuration = load_configuration(write(tmp_path, f"{GOOD}data: {tmp_path}\n"), load_vocabulary())
    rooms: list[tuple[int, int] | None] = [None]
    machine = Machine(
        clock=clock,
        random=Random(1),  # noqa: S311 - a run, no secret
        boot_id="boot",
        open_stream=no_stream,
        open_files=DiskFiles,
        disk=lambda _: rooms[-1],
    )
    edge = Edge(configuration, environment={"RUNTIME_DIRECTORY": str(tmp_path)}, destinations=[], machine=machine)
    started_ms = clock.utc_ms()
    first = edge.condition.now()
    assert (first.synchronised, first.started_ms, first.disk_free_bytes) == (True, started_ms, None)
    assert (first.buses, first.ways) == ({}, {})
    clock.is_synchronised = False
    rooms.append((4, 100))
    assert edge.condition.now() is first
    await clock.advance(60)
    facts = EdgeFacts(configuration, clock=clock)
    facts.look_at(edge)
    delivery = facts.delivery("test-site")
    assert delivery is not None
    assert (delivery.synchronised, delivery.started_ms, delivery.told_ms) == (False, started_ms, None)
    assert (delivery.disk_free_bytes, delivery.disk_size_bytes) == (4, 100)
    assert [trouble.code for trouble in facts.sites()[0].troubles] == ["clock", "disk"]
    assert [in_words(link) for link in configuration.links] == ["9600 baud, 8N1, rtu", "TCP"]
    over = [LinkSettings(id="a", tcp="192.0.2.1:1", framing="rtu"), LinkSettings(id="b", udp="192.0.2.1:1")]
    assert [in_words(link) for link in over] == ["RTU over TCP", "UDP"]


def test_a_disk_that_is_gone_has_no_room(tmp_path: Path) -> None:
    """The room of a disk is two figures, or unknown."""
    free_bytes, size_bytes = disk_room(tmp_path) or (0, 0)
    assert 0 < free_bytes <= size_bytes
    assert disk_room(tmp_path / "not" / "there") is None
