"""Completeness from the store: whatever was restarted, the same figures."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.app.completeness import StoredCompleteness, kept_catalogues
from gateway.app.page_store import WatchedStore
from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import Query, Row
from gateway.core.quantity import load_vocabulary
from gateway.stores.embedded import EmbeddedStore, open_embedded
from gateway.web.facts import Completeness
from gateway.wire.catalogue import Catalogue, CatalogueDevice, CataloguePoint, encode_catalogue
from tests.fakes import FakeClock

NOON_MS = 1_795_345_200_000
"""2026-11-22 12:00 in Copenhagen."""
MIDNIGHT_MS = NOON_MS - 12 * 3_600_000
DAY_MS = 86_400_000
MINUTE_MS = 60_000


def site(interval_ms: int = MINUTE_MS, *, timezone: str = "Europe/Copenhagen") -> Catalogue:
    device = CatalogueDevice(
        profile="test/meter",
        profile_digest="00000000",
        maker="Test",
        model="Meter",
        kind="electricity_meter",
        interval_ms=interval_ms,
        points={"elec_power_active": CataloguePoint(unit="W", factor=1.0)},
    )
    return Catalogue(site="house", timezone=timezone, vocabulary=1, devices={"meter": device})


def row(time_ms: int, status: int = 0) -> bytes:
    value = "elec_power_active=1.5," if status < 2 else ""
    return f"kvarter,site=house,device=meter {value}status={status}i {time_ms}000000".encode()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    async with open_embedded(tmp_path, raw_retention_s=400 * 86400.0, vocabulary=load_vocabulary()) as opened:
        yield opened


async def test_both_days_are_counted_from_the_store(store: EmbeddedStore) -> None:
    """Rows with values, rows without, and rows that are not there, each apart, whoever counts them and how often."""
    clock = FakeClock(utc_ms=NOON_MS)
    minutes = range(MIDNIGHT_MS - DAY_MS, NOON_MS, MINUTE_MS)
    lines = [
        row(time_ms, 2 if number % 10 == 3 else 0)
        for number, time_ms in enumerate(minutes)
        if not 100 <= number < 244 and not 2000 <= number < 2010
    ]
    first = StoredCompleteness(store, clock=clock)
    counted = WatchedStore(store, first)
    await counted.describe(site(), since_ms=MIDNIGHT_MS - 3 * DAY_MS)
    assert first.days("house", "meter") is None
    await first.renew()
    await counted.write(lines)
    await first.renew()
    again = StoredCompleteness(store, clock=clock)
    again.describe(site(), since_ms=MIDNIGHT_MS - 3 * DAY_MS)
    await again.renew()
    for completeness in (first, again):
        days = completeness.days("house", "meter")
        assert days is not None
        # The last two minutes may be on their way still; of their quarter-hour no more counts than was due before them.
        assert days.today == Completeness(MIDNIGHT_MS, 718, 638, 70, NOON_MS - 2 * MINUTE_MS, "store")
        assert days.yesterday == Completeness(MIDNIGHT_MS - DAY_MS, 1440, 1167, 129, MIDNIGHT_MS, "store")
        assert completeness.newest_ms("house") == NOON_MS - MINUTE_MS


async def test_backlog_fills_the_day_it_belongs_to(store: EmbeddedStore) -> None:
    """Rows that come late are counted where they belong, and a row that comes twice is counted once."""
    clock = FakeClock(utc_ms=NOON_MS)
    completeness = StoredCompleteness(store, clock=clock)
    counted = WatchedStore(store, completeness)
    await counted.describe(site(), since_ms=MIDNIGHT_MS - DAY_MS)
    await completeness.renew()
    days = completeness.days("house", "meter")
    assert days is not None
    assert (days.today.got, days.yesterday and days.yesterday.got) == (0, 0)
    old = [row(time_ms) for time_ms in range(MIDNIGHT_MS - DAY_MS, MIDNIGHT_MS, MINUTE_MS)]
    await counted.write(old)
    await counted.write(old[:700])
    await completeness.renew()
    days = completeness.days("house", "meter")
    assert days is not None
    assert days.yesterday is not None
    assert (days.yesterday.due, days.yesterday.got, days.today.got) == (1440, 1440, 0)


async def test_a_device_is_due_from_its_first_catalogue_or_row_on(store: EmbeddedStore) -> None:
    """What was installed this morning has no yesterday, and an interval that changed holds from its change on."""
    clock = FakeClock(utc_ms=NOON_MS)
    completeness = StoredCompleteness(store, clock=clock)
    counted = WatchedStore(store, completeness)
    ten, eleven = NOON_MS - 2 * 3_600_000, NOON_MS - 3_600_000
    await counted.describe(site(), since_ms=ten)
    await counted.describe(site(2 * MINUTE_MS), since_ms=eleven)
    await counted.write([row(time_ms) for time_ms in range(ten, eleven, MINUTE_MS)])
    await counted.write([row(time_ms) for time_ms in range(eleven, NOON_MS, 2 * MINUTE_MS)])
    await completeness.renew()
    days = completeness.days("house", "meter")
    assert days is not None
    assert days.yesterday is None
    assert (days.today.since_ms, days.today.due, days.today.got) == (ten, 60 + 29, 60 + 29)


async def test_a_silent_device_is_due_all_the_same(store: EmbeddedStore) -> None:
    """Nothing comes and nothing is asked of the store, and less and less of the day is complete."""
    clock = FakeClock(utc_ms=NOON_MS)
    completeness = StoredCompleteness(store, clock=clock)
    completeness.describe(site(), since_ms=MIDNIGHT_MS)
    await completeness.renew()
    await clock.advance(3600)
    await completeness.renew()
    days = completeness.days("house", "meter")
    assert days is not None
    assert (days.today.due, days.today.got, days.today.share) == (778, 0, 0.0)
    assert completeness.newest_ms("house") == MIDNIGHT_MS - DAY_MS


class Failing:
    """A store that answers only when it is told to."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.store = store
        self.answers = False
        self.asked = 0

    async def read(self, query: Query) -> list[Row]:
        self.asked += 1
        if not self.answers:
            raise SinkUnavailable("away")
        return list(await self.store.read(query))


async def test_a_store_that_is_away_is_asked_again_and_never_for_nothing(store: EmbeddedStore) -> None:
    """A count that failed is made later, and what did not change is not counted again."""
    clock = FakeClock(utc_ms=NOON_MS)
    failing = Failing(store)
    completeness = StoredCompleteness(failing, clock=clock)
    completeness.describe(site(timezone="Nowhere/Land"), since_ms=MIDNIGHT_MS)
    with pytest.raises(SinkUnavailable):
        await completeness.renew()
    assert completeness.days("house", "meter") is None
    failing.answers = True
    await completeness.renew()
    assert completeness.days("house", "meter") is not None
    asked = failing.asked
    await completeness.renew()
    assert failing.asked == asked
    completeness.stored("house", "meter", NOON_MS)
    completeness.stored("house", "stranger", NOON_MS)
    failing.answers = False
    with pytest.raises(SinkUnavailable):
        await completeness.renew()
    failing.answers = True
    await completeness.renew()
    assert failing.asked == asked + 3


def test_kept_catalogues_come_in_the_order_of_their_arrival(tmp_path: Path) -> None:
    """A file that is damaged is passed over."""
    for site_name, content in (("b", b"{}"), ("house", encode_catalogue(site())), ("a", b"\xff")):
        (tmp_path / site_name).mkdir()
        (tmp_path / site_name / "x.json").write_bytes(content)
    ((came_ms, catalogue),) = kept_catalogues(tmp_path)
    assert catalogue.site == "house"
    assert came_ms == (tmp_path / "house" / "x.json").stat().st_mtime_ns // 1_000_000
