"""A scan through the whole of it, on fake ports in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from drivers.catalog import Catalog
from drivers.link import Link, Trace
from drivers.profile_records import MbusProfile
from drivers.scan.candidates import Speed
from drivers.scan.fingerprint import Candidate
from drivers.scan.found import Evidence, Findings, FoundDevice
from drivers.scan.verdict import verdict
from gateway.app.scan import Means, Scan, ScanOptions, Watcher
from gateway.app.scan_write import write_site
from gateway.core.clock import Clock
from gateway.core.quantity import load_vocabulary
from gateway.core.sentences import Sentence
from gateway.core.site import LinkSettings
from tests.fakes_stream import Answers, FakeMeter, FakePort, LoopClock, held, rtu, run_virtual, split_tcp, tcp

SERIAL = LinkSettings(id="scan", serial="/dev/fake")
SOCKET = LinkSettings(id="scan", tcp="192.0.2.1:502")
EM340 = held({0x000B: [341], 0: [2301, 0, 2302, 0, 2303, 0]})
SUNS = held({40000: [0x5375, 0x6E53, 1, 66, *([0x4100] * 66), 103, 50, *([0] * 50), 0xFFFF, 0]})


class Watching:
    """Implements Watcher: remembers, and says what it was told to say."""

    def __init__(self, *, yes: bool = True) -> None:
        self.yes = yes
        self.asked: list[str] = []
        self.seen: list[FoundDevice] = []
        self.stages: list[tuple[str, int]] = []

    def stage(self, what: Sentence, total: int) -> None:
        self.stages.append((str(what), total))

    def step(self, done: int) -> None:
        assert done >= 0

    def found(self, device: FoundDevice) -> None:
        self.seen.append(device)

    def may_send(self, reason: str) -> bool:
        self.asked.append(reason)
        return self.yes


async def no_meters(_: Link, __: Sequence[MbusProfile], ___: Clock, ____: Watcher) -> AsyncIterator[FoundDevice]:
    """Find one meter."""
    yield FoundDevice("mbus", address="5")


def scan_of(
    answer: Callable[[bytes], Answers],
    *,
    link: LinkSettings = SERIAL,
    watching: Watching | None = None,
    before: Callable[[FakePort], None] | None = None,
    **options: Any,  # noqa: ANN401 - whatever an installer may ask for
) -> tuple[Scan, FakePort]:
    """Return a scan of a fake port."""
    port, clock = FakePort(answer), LoopClock()

    @asynccontextmanager
    async def open_link(settings: LinkSettings, trace: Trace) -> AsyncIterator[Link]:
        opened = Link(settings, open_stream=port.open, clock=clock, trace=trace)
        await opened.open()
        if before is not None:
            before(port)
        yield opened
        await opened.close()

    means = Means(Catalog(load_vocabulary()), clock, open_link, no_meters)
    asked = {"listen_s": 1.0, "baudrate": 9600, "parity": "none", **options}
    if link.serial is None:
        asked |= {"baudrate": None, "parity": None}
    return Scan(ScanOptions(link, **asked), means, watching or Watching()), port


def rtu_bus(units: Mapping[int, FakeMeter], *, delay_s: float = 0.02) -> Callable[[bytes], Answers]:
    def answer(frame: bytes) -> Answers:
        unit, pdu = frame[0], frame[1:-2]
        if unit not in units:
            return []
        return [(delay_s, rtu(unit, units[unit].pdu(pdu) if len(pdu) == 5 else bytes([pdu[0] | 0x80, 1])))]

    return answer


def found(scan: Scan) -> Findings:
    return run_virtual(scan.run())


def em340() -> FakeMeter:
    return FakeMeter({3: dict(EM340), 4: dict(EM340)})


def test_a_full_scan_finds_a_meter_among_247_units_in_under_two_minutes() -> None:
    """At 9600 baud the whole range takes less than 120 s, listening aside, and the model register names the model."""
    scan, _ = scan_of(rtu_bus({200: em340()}), listen_s=0.0)

    async def timed() -> float:
        started_s = asyncio.get_running_loop().time()
        await scan.run()
        return asyncio.get_running_loop().time() - started_s

    assert run_virtual(timed()) < 120
    (device,) = scan.findings.devices
    assert scan.findings.evidence.asked == 247
    assert (device.unit_id, device.best and device.best.profile) == (200, "carlo-gavazzi/em340")
    assert device.best is not None
    assert device.best.confidence == 1.0


def test_never_more_than_one_request_is_under_way() -> None:
    """Between a request and its answer, or the end of the waiting for it, nothing else is sent."""
    scan, port = scan_of(rtu_bus({3: em340()}, delay_s=0.3), units=(1, 2, 3))
    found(scan)
    sent_s = [at_s for stream in port.opened for at_s in stream.written_s]
    assert all(later - earlier >= 0.3 for earlier, later in pairwise(sent_s))


def test_an_answer_that_comes_late_is_never_the_next_units() -> None:
    """A unit that answers when the next one is asked is found as itself, and the next one is not there."""
    meter = em340()

    def answer(frame: bytes) -> Answers:
        unit, pdu = frame[0], frame[1:-2]
        said = meter.pdu(pdu) if len(pdu) == 5 else bytes((pdu[0] | 0x80, 1))
        return [(0.6, rtu(5, said))] if unit == 5 else []

    scan, _ = scan_of(answer, units=(5, 6, 7))
    findings = found(scan)
    assert [device.unit_id for device in findings.devices] == [5]
    assert findings.evidence.late == (5,)
    assert "unit 5 answered late" in " ".join(verdict(findings))


def test_two_devices_on_one_address_are_told_from_noise() -> None:
    """Answers without a frame from one unit alone mean that two answer there; from all units, that the line is bad."""
    rest = rtu_bus({1: em340(), 9: em340()})

    def garbled(frame: bytes) -> Answers:
        return [(0.02, bytes((9, 3, 0xFF, 1, 2, 3)))] if frame[0] == 9 else rest(frame)

    findings = found(scan_of(garbled, units=(1, 9, 12))[0])
    assert [device.unit_id for device in findings.devices] == [1]
    assert "the answers of unit 9 are garbled" in " ".join(verdict(findings))
    findings = found(scan_of(lambda _: [(0.02, b"\xff\xfe\x00\x81")], units=tuple(range(1, 30)))[0])
    assert findings.evidence.noisy
    assert findings.devices == []
    assert "Noise" in verdict(findings)[0]


def test_another_client_is_heard_and_nothing_is_sent_without_leave() -> None:
    """Traffic on the bus makes the scan ask first; a no keeps it silent, and the verdict says who asks whom."""

    def traffic(port: FakePort) -> None:
        for number in range(3):
            port.stream.arrive(rtu(7, bytes((3, 0, 0, 0, 2))), delay_s=0.1 + number)
            port.stream.arrive(rtu(7, bytes((3, 4, 1, 2, 3, 4))), delay_s=0.15 + number)

    watching = Watching(yes=False)
    scan, port = scan_of(rtu_bus({7: em340()}), watching=watching, before=traffic, listen_s=3.0)
    findings = found(scan)
    assert len(watching.asked) == 1
    assert [frame for stream in port.opened for frame in stream.written] == []
    assert "Another client asks on this bus (units 7)" in " ".join(verdict(findings))


def test_all_speeds_are_tried_where_none_is_known() -> None:
    """A meter at 19200 even is found without being told, and says at which speed."""
    meter = rtu_bus({1: em340()})
    scan, port = scan_of(lambda _: [], baudrate=None, parity=None, quick=True)
    opened: list[LinkSettings] = []

    async def open_at(settings: LinkSettings) -> Any:  # noqa: ANN401 - a Stream
        opened.append(settings)
        port._answer = meter if (settings.baudrate, settings.parity) == (19200, "even") else lambda _: []  # noqa: SLF001
        return await FakePort.open(port, settings)

    port.open = open_at  # type: ignore[method-assign]
    findings = found(scan)
    assert {str(device.speed) for device in findings.devices} == {"19200 8E1"}
    assert len({(each.baudrate, each.parity) for each in opened}) == 10


def test_a_port_that_heeds_no_baud_rate_has_each_device_once() -> None:
    """A USB meter or pseudo-terminal answers at every speed: it is one device, and no third speed is tried."""
    watching = Watching()
    scan, port = scan_of(rtu_bus({1: em340()}), watching=watching, baudrate=None, parity=None, quick=True)
    opened: list[int | None] = []

    async def open_at(settings: LinkSettings) -> Any:  # noqa: ANN401 - a Stream
        opened.append(settings.baudrate)
        return await FakePort.open(port, settings)

    port.open = open_at  # type: ignore[method-assign]
    findings = found(scan)
    assert [str(device.speed) for device in findings.devices] == ["9600 8N1"]
    assert len(watching.seen) == 1
    assert set(opened) == {9600, 19200}
    assert "answers at any baud rate" in " ".join(verdict(findings))


def test_a_device_at_another_speed_than_its_bus_is_not_written(tmp_path: Path) -> None:
    """One bus has one speed: the site file gets the device found first, and the other is named with what to do."""
    models = (Candidate("carlo-gavazzi/em340", "EM340", 1, 1),)
    findings = Findings(Evidence("/dev/fake", "serial"))
    findings.devices += [
        FoundDevice("modbus", 1, speed=Speed(9600), candidates=models),
        FoundDevice("modbus", 1, speed=Speed(19200, "even"), candidates=models, identity={"serial_number": "2"}),
    ]
    written = write_site(tmp_path / "site.yaml", findings, SERIAL)
    assert written.added == ("em340",)
    assert "unit 1): answers at 19200 8E1, the others at 9600 8N1" in written.left_out[0]


def tcp_units(units: Mapping[int, FakeMeter], *, every: FakeMeter | None = None) -> Callable[[bytes], Answers]:
    def answer(frame: bytes) -> Answers:
        transaction, unit, pdu = split_tcp(frame)
        device = units.get(unit, every)
        if device is None:
            return [(0.01, tcp(transaction, unit, bytes((pdu[0] | 0x80, 11))))]
        content = device.pdu(pdu) if len(pdu) == 5 else bytes((pdu[0] | 0x80, 1))
        return [(0.01, tcp(transaction, unit, content))]

    return answer


def test_a_sunspec_device_behind_a_socket_says_its_models() -> None:
    """Its marker is found, its common model read, and the profile named by the models that it has."""
    findings = found(scan_of(tcp_units({1: FakeMeter({3: dict(SUNS)})}), link=SOCKET)[0])
    (device,) = findings.devices
    assert (device.protocol, device.unit_id) == ("sunspec", 1)
    assert "103" in device.note
    assert device.best is not None
    assert device.best.profile == "sunspec/inverter"
    assert device.identity["maker"]


def test_a_device_that_answers_for_every_unit_is_one() -> None:
    """Units 0, 1 and 255 with the same answers are listed once, and the scan is over."""
    findings = found(scan_of(tcp_units({}, every=em340()), link=SOCKET)[0])
    assert [device.unit_id for device in findings.devices] == [1]
    assert findings.evidence.same_everywhere
    assert "one device" in " ".join(verdict(findings))


def test_a_gateway_without_a_bus_behind_it_is_said() -> None:
    """Exceptions 10 and 11 are a gateway's: nobody is there, and its serial side is to be looked at."""
    findings = found(scan_of(tcp_units({}), link=SOCKET)[0])
    assert findings.devices == []
    assert "reaches nobody behind it" in " ".join(verdict(findings))


def test_an_unknown_device_gets_a_survey() -> None:
    """Registers that no profile knows are listed with their values where a survey was asked for."""
    strange = FakeMeter({3: held({0x20: [7, 8, 9]})})
    findings = found(scan_of(rtu_bus({4: strange}), units=(4,), survey=True)[0])
    (device,) = findings.devices
    assert device.best is None
    assert [(row.table, row.address, row.registers) for row in device.survey] == [("holding", 0x20, (7, 8, 9))]


def test_what_was_found_before_it_was_stopped_is_kept() -> None:
    """A scan that is cancelled in the middle has its devices, and says that it did not end."""
    scan, _ = scan_of(rtu_bus({1: em340()}))

    async def stopped() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(20):
                await scan.run()

    run_virtual(stopped())
    assert [device.unit_id for device in scan.findings.devices] == [1]
    assert "stopped before its end" in " ".join(verdict(scan.findings))


def test_mbus_is_searched_where_asked_for() -> None:
    """With --mbus meters are searched and no Modbus request is sent."""
    scan, port = scan_of(lambda _: [], mbus=True, baudrate=None, parity=None)
    findings = found(scan)
    assert [(device.protocol, str(device.speed)) for device in findings.devices] == [("mbus", "2400 8E1")]
    assert [frame for stream in port.opened for frame in stream.written] == []
