"""A site with a past: two devices in an embedded store, a gap of three hours, and the page that shows it."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import pi, sin
from pathlib import Path
from random import Random

from gateway.core.clock import Clock
from gateway.core.protocols import History
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Event
from gateway.stores.embedded import EmbeddedStore, open_embedded
from gateway.web.facts import (
    BusFacts,
    DeliveryFacts,
    DeviceFacts,
    EventFacts,
    PointFacts,
    ProfileFacts,
    Samples,
    SiteFacts,
    TraceLine,
)
from gateway.web.history_page import history_page
from gateway.web.passwords import Passwords
from gateway.web.server import Application, Surroundings, listening
from tests.stores.lines import line

SITE = "kvarter-1"
ZONE = "Europe/Copenhagen"
DAY_MS = 86_400_000
START_MS = 1_780_869_600_000
"""2026-06-08 00:00 in Copenhagen, a Monday."""
STEP_MS = 60_000
GAP_MS = (START_MS + 9 * DAY_MS + 36_000_000, START_MS + 9 * DAY_MS + 46_800_000)
"""10:00 to 13:00 on the tenth day."""
END_MS = START_MS + 10 * DAY_MS
_METER = {"elec_power_active": "W", "elec_voltage_l1": "V", "elec_energy_import": "kWh", "elec_energy_export": "kWh"}
_PUMP = {"hp_temp_sink_supply": "Cel", "hp_temp_dhw": "Cel", "hp_operating_mode": "1"}


def device(name: str, label: str, points: Mapping[str, str], *, kind: str) -> DeviceFacts:
    """Return a device that reads its points every minute."""
    profile = ProfileFacts("maker/model", "00000000", "Maker", "Model", kind, "modbus")
    found = tuple(PointFacts(point, unit, "good", STEP_MS / 1000) for point, unit in points.items())
    return DeviceFacts(
        SITE, name, profile, "ok", label=label, interval_s=60.0, main_points=tuple(points)[:3], points=found
    )


DEVICES = (
    device("main_meter", "Main meter", _METER, kind="electricity_meter"),
    device("heat_pump", "Heat pump", _PUMP, kind="heat_pump"),
)


@dataclass(slots=True)
class PastFacts:
    """Facts of a site that only has a past."""

    history: History | None
    samples: Samples = field(default_factory=dict)
    site_list: Sequence[SiteFacts] = (SiteFacts(SITE, "Kløvermarken 12", ZONE, 2),)

    def sites(self) -> Sequence[SiteFacts]:
        return self.site_list

    def devices(self, site: str) -> Sequence[DeviceFacts]:
        return DEVICES if site == SITE else ()

    def device(self, site: str, device: str) -> DeviceFacts | None:
        return next((each for each in self.devices(site) if each.id == device), None)

    def buses(self, site: str) -> Sequence[BusFacts]:  # noqa: ARG002
        return ()

    def delivery(self, site: str) -> DeliveryFacts | None:  # noqa: ARG002
        return None

    def recent(self, site: str, device: str) -> Samples:  # noqa: ARG002
        return self.samples

    async def events(self, site: str, device: str | None, *, limit: int) -> Sequence[EventFacts]:  # noqa: ARG002
        gap = Event("gap", "power_cut", *GAP_MS, 180)
        reset = Event("counter", "reset", START_MS, START_MS, 1, "main_meter")
        return [EventFacts(SITE, GAP_MS[1], gap), EventFacts(SITE, START_MS, reset)][:limit]

    async def watch(self) -> AsyncGenerator[frozenset[tuple[str, str]]]:
        yield frozenset()

    async def trace(self, site: str, bus: str) -> AsyncGenerator[TraceLine]:  # noqa: ARG002
        return
        yield


def samples_of_day(number: int) -> list[tuple[int, dict[str, float | int], dict[str, float | int]]]:
    """Return time, meter and heat pump of each minute of a day; nothing inside the gap."""
    random = Random(number)  # noqa: S311 - samples, not secrets
    found = []
    for minute in range(1440):
        time_ms = START_MS + number * DAY_MS + minute * STEP_MS
        if GAP_MS[0] <= time_ms < GAP_MS[1]:
            continue
        sun = max(0.0, sin((minute - 330) / 900 * pi)) if 330 < minute < 1230 else 0.0
        load = 600 + 900 * (420 < minute < 540) + 1600 * (1020 < minute < 1260) + random.uniform(-120, 160)
        total = (number * 1440 + minute) / 60
        mode = 1 if minute % 240 < 150 else 0
        meter: dict[str, float | int] = {
            "elec_energy_export": round(0.9 * total, 3),
            "elec_energy_import": round(1200 + 0.7 * total + 0.4 * sin(minute / 229), 3),
            "elec_power_active": round(load - 3100 * sun + 900 * mode, 1),
            "elec_voltage_l1": round(231 + 2.5 * sun + random.uniform(-0.6, 0.6), 2),
            "status": 0,
        }
        pump: dict[str, float | int] = {
            "hp_operating_mode": mode,
            "hp_temp_dhw": round(48 + 4 * sin((minute - 540) / 720 * pi), 2),
            "hp_temp_sink_supply": round(34 + 9 * mode + random.uniform(-0.5, 0.5), 2),
            "status": 0,
        }
        found.append((time_ms, meter, pump))
    return found


async def fill(store: EmbeddedStore, *, days: Sequence[int]) -> None:
    """Write some days and settle them."""
    for number in days:
        lines = [
            line(time_ms, fields, site=SITE, device=name)
            for time_ms, meter, pump in samples_of_day(number)
            for name, fields in (("main_meter", meter), ("heat_pump", pump))
        ]
        assert not await store.write(lines)
    if 9 in days:
        assert not await store.write([gap_line(*GAP_MS, at_ms=GAP_MS[1])])
    await store.settle()


def gap_line(start_ms: int, end_ms: int, *, at_ms: int, cause: str = "power_cut") -> bytes:
    """Return the event that says so."""
    body = f"kvarter_event,site={SITE},kind=gap,cause={cause} from={start_ms}i,to={end_ms}i,count=180i {at_ms}000000"
    return body.encode()


@asynccontextmanager
async def store_with(folder: Path, *, days: Sequence[int]) -> AsyncIterator[EmbeddedStore]:
    """Yield a store that holds some of the days."""
    async with open_embedded(folder, raw_retention_s=1e9, vocabulary=load_vocabulary()) as store:
        await fill(store, days=days)
        yield store


@asynccontextmanager
async def page_of(facts: PastFacts, clock: Clock) -> AsyncIterator[str]:
    """Yield the address of the page."""
    around = Surroundings(facts, load_vocabulary(), clock, Random(1))  # noqa: S311 - a test has no secrets
    app = Application(around, Passwords({}), [history_page(clock)]).make()
    async with listening(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"
