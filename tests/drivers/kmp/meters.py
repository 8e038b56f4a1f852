"""A KMP meter on a fake port, asked through its source and its decoder."""

from collections.abc import Callable, Sequence
from typing import Any

from drivers.kmp.source import KmpSource
from drivers.link import Link
from drivers.profile_records import KmpProfile
from drivers.records.decode import RecordDecoder
from drivers.records.driver import RecordDriver
from gateway.core.site import DeviceSettings, LinkSettings
from gateway.sim.kmp import SimulatedKmpMeter
from gateway.sim.values import FixedValues
from tests.fakes_meter import VOCABULARY, device, head
from tests.fakes_stream import Answers, FakePort, LoopClock

OPTICAL = LinkSettings(id="head_1", serial="/dev/fake", baudrate=1200, parity="none", stop_bits=2)
POINTS: list[dict[str, Any]] = [
    {"point": "heat_energy", "unit": "", "quantity": "energy"},
    {"point": "heat_volume", "unit": "", "quantity": "volume"},
    {"point": "heat_temp_supply", "unit": "", "quantity": "flow_temperature"},
    {"point": "heat_flow", "unit": "", "quantity": "volume_flow"},
]
VALUES = {"heat_energy": 123456.0, "heat_volume": 745.65, "heat_temp_supply": 70.15, "heat_flow": 0.5}


def kmp(points: Sequence[dict[str, Any]] = POINTS, **more: object) -> KmpProfile:
    """Return a KMP profile."""
    return KmpProfile.model_validate(
        head("kmp", points, kind="heat_meter", tests=[{"telegram": "", "expect": {points[0]["point"]: None}}], **more)
    )


class Today(LoopClock):
    """Implements Clock on the time of the running loop, in this century."""

    def utc_ms(self) -> int:
        return super().utc_ms() + 1_795_000_000_000


class Written:
    """Implements Mouth: keeps what the meter says."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.chunks.append(data)


class Desk:
    """A source on a fake port, with a simulated meter or any other answers behind it."""

    def __init__(
        self,
        profile: KmpProfile | None = None,
        *,
        answer: Callable[[bytes], Answers] | None = None,
        link: LinkSettings = OPTICAL,
        settings: DeviceSettings | None = None,
        values: dict[str, float | int | None] | None = None,
    ) -> None:
        self.profile = profile or kmp()
        self.settings = settings or device()
        clock = Today()
        self.meter = SimulatedKmpMeter(
            self.profile, FixedValues(values or dict(VALUES)), clock=clock, vocabulary=VOCABULARY
        )
        self.port = FakePort(answer or self.answer)
        self.link = Link(link, open_stream=self.port.open, clock=clock)
        self.source = KmpSource(self.settings, self.profile, self.link, clock=clock)
        decoder = RecordDecoder(self.profile, self.settings, VOCABULARY)
        self.driver = RecordDriver(decoder, self.source, clock=clock)

    def answer(self, request: bytes) -> Answers:
        """Return what the simulated meter says, its echo included."""
        mouth = Written()
        self.meter.heard(request, mouth)
        return [(0.05, chunk) for chunk in mouth.chunks]

    @property
    def written(self) -> list[bytes]:
        """What was sent since the port was opened last."""
        return self.port.stream.written
