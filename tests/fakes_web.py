"""The facts of a made-up site, and a server that shows them: for every test of the page."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import SystemRandom

import aiohttp

from gateway.core.protocols import History
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Event
from gateway.web.api import api_page
from gateway.web.buses_page import buses_page
from gateway.web.delivery_page import delivery_page
from gateway.web.device_page import device_page
from gateway.web.facts import (
    BusFacts,
    Completeness,
    DeliveryFacts,
    DestinationFacts,
    DeviceFacts,
    EventFacts,
    PointFacts,
    ProfileFacts,
    Samples,
    SiteFacts,
    SourceFacts,
    TraceLine,
    Trouble,
)
from gateway.web.metrics import metrics_page
from gateway.web.page import Page
from gateway.web.passwords import Passwords
from gateway.web.server import Application, Surroundings, listening
from gateway.web.site_page import site_page
from tests.fakes import FakeClock

NASTY = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>"""
METER = ProfileFacts(
    id="eastron/sdm630",
    digest="4b3b6078",
    maker="Eastron",
    model="SDM630",
    kind="electricity_meter",
    protocol="modbus",
    sources=(SourceFacts("Protocol", "1.8", "input registers"),),
    caveats=("Energies are float32.",),
)
POWER = PointFacts("elec_power_active", "W", "good", 2.0, 1234.5, (0x449A, 0x5000), 0.5, origin={"table": "input"})
ENERGY = PointFacts("elec_energy_import", "kWh", "suspect", 2.0, 10234.56, (), 0.5)


def device(name: str = "main_meter", **changed: object) -> DeviceFacts:
    """A meter that answers, unless something else is said of it."""
    facts = DeviceFacts(
        site="house",
        id=name,
        profile=METER,
        state="ok",
        label="Main meter",
        role="grid",
        bus="rs485_1",
        unit_id=1,
        interval_s=2.0,
        age_s=0.5,
        completeness=Completeness(1_795_320_000_000, 100, 99),
        main_points=("elec_power_active", "elec_energy_import"),
        points=(POWER, ENERGY),
        outcomes={"ok": 99, "no_answer": 1},
    )
    return replace(facts, **changed)  # type: ignore[arg-type]


@dataclass
class FakeFacts:
    """What a test wants the page to know."""

    name: str = "The house"
    known: list[DeviceFacts] = field(default_factory=lambda: [device()])
    troubles: tuple[Trouble, ...] = ()
    happened: list[EventFacts] = field(default_factory=list)
    history: History | None = None
    changes: asyncio.Queue[frozenset[tuple[str, str]]] = field(default_factory=asyncio.Queue)
    frames: asyncio.Queue[TraceLine] = field(default_factory=asyncio.Queue)
    watching: int = 0

    def sites(self) -> Sequence[SiteFacts]:
        silent = tuple(each.id for each in self.known if each.state not in {"ok", "partial"})
        whole = self.known[0].completeness if self.known else None
        return [SiteFacts("house", self.name, "Europe/Copenhagen", len(self.known), silent, 0.5, whole, self.troubles)]

    def devices(self, site: str) -> Sequence[DeviceFacts]:
        return self.known if site == "house" else []

    def device(self, site: str, device: str) -> DeviceFacts | None:
        return next((each for each in self.devices(site) if each.id == device), None)

    def buses(self, site: str) -> Sequence[BusFacts]:
        names = tuple(each.id for each in self.known)
        holes = {"main_meter": ("input: refuses a request across 8 to 11",)}
        bus = BusFacts("house", "rs485_1", "/dev/ttyUSB0", "9600 baud, 8N1, rtu", names, 0.25, 0.5, learnt_holes=holes)
        return [bus] if site == "house" else []

    def delivery(self, site: str) -> DeliveryFacts | None:
        server = DestinationFacts("store", 3, 1_795_319_990_000, 4096, 1 << 20, 97, 20, 1, 2)
        return DeliveryFacts(
            site=site,
            version="0.1.0",
            readouts=100,
            gaps=1,
            started_ms=1_795_310_000_000,
            now_ms=1_795_320_000_000,
            synchronised=True,
            disk_free_bytes=10**9,
            disk_size_bytes=10**10,
            destinations=(server,),
            counters={"link_late": 4},
        )

    def recent(self, site: str, device: str) -> Samples:  # noqa: ARG002 - the seam's
        return {"elec_power_active": [(1_795_319_000_000 + 20_000 * n, 1000.0 + n) for n in range(50)]}

    async def events(self, site: str, device: str | None, *, limit: int) -> Sequence[EventFacts]:
        here = [each for each in self.happened if each.site == site]
        return [each for each in here if device is None or each.event.device == device][:limit]

    async def watch(self) -> AsyncGenerator[frozenset[tuple[str, str]]]:
        self.watching += 1
        try:
            while True:
                yield await self.changes.get()
        finally:
            self.watching -= 1

    async def trace(self, site: str, bus: str) -> AsyncGenerator[TraceLine]:  # noqa: ARG002 - the seam's
        while True:
            yield await self.frames.get()


def reset_of(name: str) -> EventFacts:
    """A counter that began anew."""
    event = Event("counter", "reset", 1_795_310_000_000, 1_795_310_002_000, 1, name, text=NASTY)
    return EventFacts("house", 1_795_310_002_000, event)


@dataclass
class RunningPage:
    """A page that listens on a loopback port."""

    url: str
    facts: FakeFacts
    clock: FakeClock
    application: Application


def every_page() -> list[Page]:
    """All pages that need nothing but facts."""
    return [site_page(), device_page(), buses_page(), delivery_page(), api_page(), metrics_page()]


@asynccontextmanager
async def running_page(
    facts: FakeFacts | None = None, *, passwords: Passwords | None = None, pages: Sequence[Page] | None = None
) -> AsyncIterator[RunningPage]:
    """A server with these facts for the block."""
    shown, clock = facts or FakeFacts(), FakeClock()
    around = Surroundings(shown, load_vocabulary(), clock, SystemRandom(), frozenset({"kvarter.local"}))
    application = Application(around, passwords or Passwords({}), every_page() if pages is None else pages)
    async with listening(application.make(), "127.0.0.1", 0) as port:
        yield RunningPage(f"http://127.0.0.1:{port}", shown, clock, application)


@asynccontextmanager
async def visitor(url: str, **headers: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser without eyes: keeps cookies, also those of an address."""
    timeout = aiohttp.ClientTimeout(total=20)
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(url, headers=headers, cookie_jar=jar, timeout=timeout) as session:
        yield session
