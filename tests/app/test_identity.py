"""A device is asked who it is before its values are joined."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from gateway.app.identity import IdentifiedDriver
from gateway.core.errors import NoAnswer, Refused
from gateway.core.readout import Event, Readout, Status
from gateway.core.site import DeviceSettings
from tests.fakes import FakeClock


@dataclass
class FakeLink:
    """A link that can be reopened."""

    generation: int = 1

    async def open(self) -> None:
        """It is always open."""


@dataclass
class FakeFieldDriver:
    """Says a serial number and gives one value."""

    serial: str
    fails: bool = False
    asked: int = 0

    async def read(self, points: Sequence[str], *, keep_raw: bool = False) -> Readout:  # noqa: ARG002 - the seam's
        if self.fails:
            raise NoAnswer("meter: no answer")
        return Readout("meter", 0.0, tuple(points), (1.0,), Status.OK)

    async def identify(self) -> dict[str, str]:
        self.asked += 1
        return {"serial_number": self.serial}


@dataclass
class Bench:
    """One device behind the driver under test."""

    serial_number: str | None = None
    known: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Put the parts together."""
        self.link, self.device = FakeLink(), FakeFieldDriver("A1")
        settings = DeviceSettings(id="meter", profile="eastron/sdm630", link="bus", serial_number=self.serial_number)
        self.driver = IdentifiedDriver(
            settings,
            self.device,
            self.link,
            clock=FakeClock(),
            known=self.known,
            on_event=self.events.append,
        )

    async def read(self) -> Readout:
        return await self.driver.read(("elec_power_active",))


async def test_a_device_is_asked_once_per_connection() -> None:
    """Reading on costs no further question; a reopened link does."""
    bench = Bench()
    await bench.read()
    await bench.read()
    assert bench.device.asked == 1
    bench.link.generation = 2
    await bench.read()
    assert bench.device.asked == 2
    assert bench.known == {"meter": "A1"}
    assert bench.events == []


async def test_an_exchanged_device_is_an_event() -> None:
    """Another serial number after the device was away is recorded with both numbers."""
    bench = Bench()
    await bench.read()
    bench.device.fails = True
    with pytest.raises(NoAnswer):
        await bench.read()
    bench.device.fails, bench.device.serial = False, "B2"
    await bench.read()
    assert [(event.kind, event.cause, event.text) for event in bench.events] == [("identity", "exchanged", "A1 -> B2")]


async def test_a_device_that_the_site_does_not_name_is_refused() -> None:
    """Values of a device with another serial number than the site file's are not taken."""
    bench = Bench(serial_number="C3")
    with pytest.raises(Refused, match="says that it is A1, the site file says C3"):
        await bench.read()
