"""The page beside a role: what it remembers, what a collector tells it, and what a new password does."""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import aiohttp
import pytest

from gateway.app.alerts_look import Around, Lookout
from gateway.app.clock import SystemClock
from gateway.app.page import PageParts, PageServer
from gateway.app.page_access import find_page, give_password, reach
from gateway.app.page_address import plan_page
from gateway.app.page_collector import CollectorFacts
from gateway.app.page_devices import Place, device_facts, profile_facts
from gateway.app.page_memory import BUCKET_S, DeviceMemory, SiteMemory, Trail, Watchers
from gateway.app.page_store import WatchedStore
from gateway.app.status import LastReadouts
from gateway.core.errors import ConfigError
from gateway.core.protocols import Query, Refusal, Row
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Readout, Status
from gateway.core.site import WebSettings
from gateway.web.facts import DeviceFacts
from gateway.wire.catalogue import Catalogue, CatalogueDevice, CataloguePoint, encode_catalogue
from gateway.wire.condition import BusCondition, Condition, GatewayStatus, WayCondition
from tests.fakes import FakeClock, settle
from tests.fakes_web import FakeFacts

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what a password is needed for
SECRET = "correct horse battery"  # noqa: S105 - of a test
POINT = CataloguePoint(unit="W", factor=1.0)
ENTRY = CatalogueDevice(
    profile="eastron/sdm630",
    profile_digest="00000000",
    maker="Eastron",
    model="SDM630",
    kind="electricity_meter",
    role="grid",
    interval_ms=2000,
    points={"elec_power_active": POINT, "elec_voltage_l1": CataloguePoint(unit="V", factor=1.0)},
)


def site_memory(clock: FakeClock) -> SiteMemory:
    return SiteMemory("house", timezone="Europe/Copenhagen", clock=clock, watchers=Watchers(clock))


def readout(clock: FakeClock, power: float | None, status: Status = Status.OK) -> Readout:
    points = ("elec_power_active", "elec_voltage_l1") if status in {Status.OK, Status.PARTIAL} else ()
    values = (power, 230.0) if points else ()
    raw = ((1, 2), (3, 4)) if points else ()
    return Readout("meter", clock.monotonic(), points, values, status, frozenset(), raw)


def facts_of(memory: SiteMemory) -> DeviceFacts:
    profile = profile_facts(ENTRY, None)
    held = memory.devices.get("meter") or DeviceMemory()
    return device_facts("meter", ENTRY, profile, memory=held, place=Place("house"), now_s=memory.clock.monotonic())


async def test_values_are_never_shown_as_fresher_than_they_are() -> None:
    """A value is good, then stale when its device fails or falls silent; one that was not given is missing."""
    clock = FakeClock()
    memory = site_memory(clock)
    assert {point.quality for point in facts_of(memory).points} == {"unread"}
    memory.show(readout(clock, 1000.0), None)
    found = facts_of(memory)
    assert next((p.quality, p.value, p.raw) for p in found.points) == ("good", 1000.0, (1, 2))
    assert (found.state, found.age_s) == ("ok", 0.0)
    memory.show(readout(clock, None, Status.PARTIAL), None)
    power, voltage = facts_of(memory).points
    assert (power.quality, power.value, voltage.quality) == ("missing", None, "good")
    await clock.advance(2)
    memory.show(readout(clock, None, Status.NO_ANSWER), None)
    found = facts_of(memory)
    assert (found.state, found.points[1].quality, found.troubles[0].code) == ("no_answer", "stale", "no_answer")
    memory.show(readout(clock, 1000.0), None)
    await clock.advance(60)
    found = facts_of(memory)
    assert (found.state, found.points[0].quality) == ("silent", "stale")


async def test_a_device_that_is_asked_less_often_has_not_recovered() -> None:
    """What is left out after a failure leaves the failure standing, on the page and in `kvarter status`."""
    clock = FakeClock()
    memory, last = site_memory(clock), LastReadouts()
    seen = []
    failing = (Status.NO_ANSWER, Status.SKIPPED, Status.SKIPPED)
    for status in (Status.SKIPPED, Status.OK, Status.SKIPPED, *failing, Status.OK):
        for show in (lambda each: memory.show(each, None), last.show):
            show(readout(clock, 1.0 if status is Status.OK else None, status))
        found = facts_of(memory)
        seen.append((found.state, found.troubles[0].severity if found.troubles else ""))
        assert last.status("meter") == Status[found.state.upper()]
    assert seen == [
        ("skipped", "notice"),
        ("ok", ""),
        ("skipped", "notice"),
        *[("no_answer", "error")] * 3,
        ("ok", ""),
    ]


async def test_completeness_begins_anew_with_the_local_day() -> None:
    """What was due and had is counted from midnight in the zone of the site."""
    clock = FakeClock(utc_ms=1_795_387_800_000)  # 23:50 in Copenhagen
    memory = site_memory(clock)
    memory.show(readout(clock, 1.0), None)
    memory.show(readout(clock, 1.0, Status.NO_ANSWER), None)
    today = facts_of(memory).completeness
    assert today is not None
    assert (today.due, today.got, today.share) == (2, 1, 0.5)
    await clock.advance(1200)
    memory.show(readout(clock, 1.0), None)
    today = facts_of(memory).completeness
    assert today is not None
    assert (today.due, today.got) == (1, 1)


async def test_backfill_counts_and_changes_nothing_else() -> None:
    """A readout that is older than what is known does not take its place."""
    clock = FakeClock()
    memory = site_memory(clock)
    memory.show(readout(clock, 2000.0), None)
    old = Readout("meter", clock.monotonic() - 500, ("elec_power_active",), (1.0,), Status.OK)
    memory.show(old, clock.utc_ms() - 500_000)
    assert facts_of(memory).points[0].value == 2000.0
    assert memory.devices["meter"].due == 2


def test_a_trail_holds_the_last_hour_and_no_more() -> None:
    """One value for each 20 s, nothing from before the hour, and nothing where nothing was read."""
    trail = Trail()
    for step in range(400):
        if not 300 <= step < 320:
            trail.put(float(step), step * BUCKET_S)
    samples = trail.samples(400 * BUCKET_S, 400_000_000)
    values = [value for _, value in samples]
    assert values == [float(step) for step in range(221, 400) if not 300 <= step < 320]
    assert [time_ms for time_ms, _ in samples] == sorted(time_ms for time_ms, _ in samples)
    assert trail.samples(1000 * BUCKET_S, 0) == []


async def test_watchers_hear_at_most_once_a_second() -> None:
    """Many changes within a second are one word to an open page."""
    clock = FakeClock()
    watchers = Watchers(clock)
    heard: list[frozenset[tuple[str, str]]] = []

    async def listen() -> None:
        async with aclosing(watchers.watch()) as changes:
            heard.append(await anext(changes))

    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(listen(), name="listen")
        await settle()
        for name in ("a", "b", "a"):
            watchers.tell("house", name)
        await settle()
        assert heard == []
        await clock.advance(1)
        assert heard == [frozenset({("house", "a"), ("house", "b")})]
        listening.cancel()


class FakeStore:
    """A store that refuses the line at one index."""

    def __init__(self) -> None:
        self.refused = 1

    async def write(self, lines: Sequence[bytes]) -> Sequence[Refusal]:
        return [Refusal(self.refused, "no")] if len(lines) > self.refused else []

    async def read(self, query: Query) -> Sequence[Row]:
        assert query.start_ms < query.end_ms
        return []

    async def describe(self, catalogue: Catalogue, *, since_ms: int) -> None:
        assert catalogue.site
        assert since_ms >= 0


async def test_a_collector_shows_what_its_store_took(tmp_path: Path) -> None:
    """Sites come from catalogues, values from stored lines; what was refused is not shown, and events are kept."""
    clock = FakeClock()
    catalogue = Catalogue(site="house", name="House", vocabulary=1, devices={"meter": ENTRY})
    (tmp_path / "house").mkdir()
    (tmp_path / "house" / "x.json").write_bytes(encode_catalogue(catalogue))
    store = FakeStore()
    facts = CollectorFacts(load_vocabulary(), clock=clock, history=store)
    facts.load(tmp_path)
    assert [(site.id, site.silent) for site in facts.sites()] == [("house", ("meter",))]
    watched = WatchedStore(store, facts)
    await watched.describe(catalogue, since_ms=5)
    stamp = f"{clock.utc_ms()}000000"
    lines = [
        f"kvarter,site=house,device=meter elec_power_active=12.5,elec_power_active_suspect=1i,status=0i {stamp}",
        f"kvarter,site=house,device=meter elec_power_active=99,status=0i {stamp}",
        f"kvarter_event,site=house,kind=gap,cause=power,device=meter from=1i,to=2i,count=3i {stamp}",
    ]
    await watched.write([line.encode() for line in lines])
    meter = facts.device("house", "meter")
    assert meter is not None
    assert next((p.value, p.quality) for p in meter.points) == (12.5, "suspect")
    assert meter.profile.model == "SDM630"
    (event,) = await facts.events("house", "meter", limit=5)
    assert (event.event.cause, event.event.count) == ("power", 3)
    assert facts.device("elsewhere", "meter") is None
    assert facts.buses("house") == ()


def test_until_a_password_is_set_the_page_is_for_this_machine(tmp_path: Path) -> None:
    """Whatever the file says, an address of the network is used with a password only, and then encrypted."""
    settings = WebSettings(listen=f"{EVERYWHERE}:8443", names=("kvarter.example",))
    before = plan_page(settings, tmp_path)
    assert before is not None
    assert (before.host, before.encrypted, before.waits_for_password) == ("127.0.0.1", False, True)
    site = tmp_path / "site.yaml"
    web = f"web: {{listen: '{EVERYWHERE}:8443', names: [kvarter.example]}}"
    site.write_text(f"site: t\ndata: {tmp_path}\nlinks: []\ndevices: []\n{web}\n", encoding="utf-8")
    place = find_page(site, {})
    give_password(place, "manager", SECRET)
    after = plan_page(settings, tmp_path)
    assert after is not None
    assert (after.host, after.encrypted, after.waits_for_password) == (EVERYWHERE, True, False)
    found = reach(place)
    assert "https://kvarter.example:8443/" in found.urls
    assert len(found.fingerprint) == 95
    assert plan_page(WebSettings(listen="off"), tmp_path) is None
    loopback = plan_page(WebSettings(listen="127.0.0.1:8080"), tmp_path)
    assert loopback is not None
    assert not loopback.encrypted


def test_a_collector_without_a_page_has_no_password(tmp_path: Path) -> None:
    """Setting a password where no page is wanted says which key is missing."""
    file = tmp_path / "collector.yaml"
    file.write_text(
        f"broker: {{url: mqtt://127.0.0.1:1}}\nsites: ['*']\nstores: [{{kind: embedded, path: {tmp_path}}}]\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match="web is missing"):
        find_page(file, {})


def parts(data: Path, listen: str) -> PageParts:
    # The real clock, since the server waits for files of the real disk.

    return PageParts(WebSettings(listen=listen), FakeFacts(), load_vocabulary(), SystemClock(), data)


async def test_a_new_password_is_asked_for_within_seconds_and_encrypts(tmp_path: Path) -> None:
    """A running page that faces the network goes from open loopback to a sign-in over TLS when a password is set."""
    addresses: asyncio.Queue[str] = asyncio.Queue()
    server = PageServer(parts(tmp_path, f"{EVERYWHERE}:0"), told=addresses.put_nowait)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server.serve(), name="page")
        async with aiohttp.ClientSession() as session:
            async with asyncio.timeout(20):
                first = await addresses.get()
            async with session.get(f"{first}site/house") as answer:
                assert (answer.status, first[:17]) == (200, "http://127.0.0.1:")
            give_password(find_page(_site_file(tmp_path), {}), "manager", SECRET)
            async with asyncio.timeout(20):
                second = await addresses.get()
            trusting = ssl.create_default_context()
            trusting.check_hostname = False
            trusting.verify_mode = ssl.CERT_NONE
            here = f"https://127.0.0.1:{second.rpartition(':')[2]}site/house"
            async with session.get(here, ssl=trusting, allow_redirects=False) as answer:
                assert second.startswith("https://")
                assert (answer.status, answer.headers["Location"][:6]) == (303, "/login")
                assert "Strict-Transport-Security" in answer.headers
        serving.cancel()


async def test_a_port_that_is_taken_is_waited_for(tmp_path: Path) -> None:
    """The role goes on without its page, and a demo takes another port at once."""
    taken = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    addresses: asyncio.Queue[str] = asyncio.Queue()
    waiting = PageServer(parts(tmp_path, f"127.0.0.1:{port}"), told=addresses.put_nowait)
    moving = PageServer(parts(tmp_path, f"127.0.0.1:{port}"), told=addresses.put_nowait, any_port=True)
    async with asyncio.TaskGroup() as tasks:
        servers = [tasks.create_task(each.serve(), name="page") for each in (waiting, moving)]
        async with asyncio.timeout(20):
            address = await addresses.get()
        assert str(port) not in address
        assert waiting.address == ""
        assert not servers[0].done()
        for each in servers:
            each.cancel()
    taken.close()
    await taken.wait_closed()


def _site_file(data: Path) -> Path:
    file = data / "site.yaml"
    file.write_text(f"site: t\ndata: {data}\nlinks: []\ndevices: []\n", encoding="utf-8")
    return file


def collector_facts(folder: Path, clock: FakeClock) -> tuple[CollectorFacts, Catalogue]:
    """Return the facts of a collector that knows one site from its files, over a store without rows."""
    catalogue = Catalogue(site="house", name="House", timezone="No/Such", vocabulary=1, devices={"meter": ENTRY})
    (folder / "house").mkdir()
    (folder / "house" / "x.json").write_bytes(encode_catalogue(catalogue))
    facts = CollectorFacts(load_vocabulary(), clock=clock, history=FakeStore(), sites=("house", "other-*"))
    facts.load(folder)
    return facts, catalogue


def said(**condition: object) -> GatewayStatus:
    return GatewayStatus(
        state="online", version="2.0", counters={"link_late": 3, "poll_skipped": 0}, gateway=Condition(**condition)
    )


async def test_a_collector_shows_what_a_gateway_says_of_itself(tmp_path: Path) -> None:
    """Buses with their devices, delivery and troubles come from the status; what it does not say is not known."""
    clock = FakeClock()
    facts, _ = collector_facts(tmp_path, clock)
    assert (facts.buses("house"), facts.delivery("house"), facts.clock_is_uncertain("house")) == ((), None, None)
    ways = {"mqtt": WayCondition(waiting=7, oldest_ms=clock.utc_ms() - 660_000)}
    buses = {"rs485_1": BusCondition(port="/dev/ttyUSB0", devices=("meter",), timeouts=5)}
    facts.tell("house", said(time_ms=clock.utc_ms(), synchronised=False, buses=buses, ways=ways))
    (bus,) = facts.buses("house")
    assert (bus.id, bus.timeouts, bus.traceable, bus.load) == ("rs485_1", 5, False, None)
    delivery = facts.delivery("house")
    assert delivery is not None
    assert (delivery.version, delivery.told_ms, delivery.counters) == ("2.0", clock.utc_ms(), {"link_late": 3})
    assert [trouble.code for trouble in facts.sites()[0].troubles] == ["clock", "waiting"]
    assert facts.devices("house")[0].bus == "rs485_1"
    assert facts.clock_is_uncertain("house") is True
    facts.tell("house", GatewayStatus(state="offline"))
    assert facts.buses("house") == [bus]
    facts.tell("house", GatewayStatus(state="online", version="0.9"))
    older = facts.delivery("house")
    assert older is not None
    assert (older.version, older.synchronised, older.destinations, older.disk_free_bytes) == ("0.9", None, (), None)
    assert facts.sites()[0].troubles == ()
    assert facts.buses("elsewhere") == ()


async def test_a_collector_knows_after_a_restart_how_long_a_site_is_silent(tmp_path: Path) -> None:
    """Before the store was asked nobody knows; then a site that sent nothing since yesterday is that old at least."""
    facts, _ = collector_facts(tmp_path, FakeClock())
    assert facts.sites()[0].age_s is None
    await facts.completeness.renew()
    (site,) = facts.sites()
    assert site.age_s is not None
    assert site.age_s > 86_400
    assert site.timezone == "UTC"


def test_a_site_that_is_not_collected_any_more_is_not_known(tmp_path: Path) -> None:
    """Its catalogues in the data folder are no reason to call it silent for ever."""
    facts, _ = collector_facts(tmp_path, FakeClock())
    (tmp_path / "house").rename(tmp_path / "gone")
    elsewhere = CollectorFacts(load_vocabulary(), clock=FakeClock(), history=FakeStore(), sites=("other-*",))
    elsewhere.load(tmp_path)
    assert elsewhere.sites() == []
    assert [site.id for site in facts.sites()] == ["house"]


async def test_a_site_that_is_named_and_never_heard_is_shown_and_told(tmp_path: Path) -> None:
    """A gateway that was never put to work, or whose id is spelt otherwise, is told after five minutes."""
    clock = FakeClock()
    facts = CollectorFacts(load_vocabulary(), clock=clock, history=FakeStore(), sites=("nowhere", "other-*"))
    lookout = Lookout(facts, load_vocabulary(), Around(tmp_path, disk=lambda _: (50, 100)), language="en")
    (site,) = facts.sites()
    assert (site.id, site.devices, site.age_s, site.troubles) == ("nowhere", 0, None, ())
    assert list(lookout.look(clock.monotonic())) == []
    await clock.advance(400)
    (site,) = facts.sites()
    assert [trouble.code for trouble in site.troubles] == ["unheard"]
    (finding,) = lookout.look(clock.monotonic())
    assert (finding.key.cause, finding.key.site, finding.words["age"]) == ("gateway", "nowhere", "7 min")
    assert (facts.devices("nowhere"), facts.buses("nowhere"), facts.delivery("nowhere")) == ((), (), None)
