"""What a portfolio counts, from the lines that a collector stored."""

from pathlib import Path

from gateway.app.page_collector import CollectorFacts
from gateway.app.page_portfolio import Counted, SitePortfolio, counted, grid_meters, heat_meters
from gateway.app.page_store import WatchedStore
from gateway.core.quantity import load_vocabulary
from gateway.stores.embedded import open_embedded
from gateway.wire.catalogue import Catalogue, CatalogueDevice, CataloguePoint
from tests.fakes import FakeClock

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def meter(role: str = "", *, kind: str = "electricity_meter", point: str = "elec_energy_import") -> CatalogueDevice:
    """Return a device with one counter."""
    return CatalogueDevice(
        profile="test/meter",
        profile_digest="00000000",
        maker="Test",
        model="Meter",
        kind=kind,
        role=role,
        interval_ms=10_000,
        points={point: CataloguePoint(unit="kWh", factor=1.0)},
    )


def site_with(**devices: CatalogueDevice) -> Catalogue:
    """Return a site of a hundred square metres."""
    return Catalogue(site="house", name="The house", vocabulary=1, area_m2=100.0, devices=devices)


def test_a_counter_counts_from_the_reading_before_the_first_day() -> None:
    """Differences add up, and every day has a reading."""
    readings = [(day * DAY_MS, 100.0 + 10 * day) for day in range(-1, 30)]
    assert counted([(time_ms, value) for time_ms, value in readings], start_ms=0) == Counted(300.0, is_whole=True)


def test_what_is_not_certain_is_a_lower_bound() -> None:
    """A reset, a hole and a late beginning are never counted as energy, and are said."""
    assert counted([(-1, 100.0), (1, 110.0), (2, 3.0), (3, 8.0)], start_ms=0) == Counted(15.0, is_whole=False)
    assert counted([(-1, 100.0), (2 * DAY_MS, 110.0)], start_ms=0) == Counted(10.0, is_whole=False)
    assert counted([(5, 100.0), (6, 110.0)], start_ms=0) == Counted(10.0, is_whole=False)
    assert counted([(5, 100.0), (6, None)], start_ms=0) == Counted(None, is_whole=False)


def test_energy_is_counted_once() -> None:
    """The grid meter alone counts where there is one; sub-meters are never added to it."""
    sub, plain, heat = meter("sub"), meter(), meter(kind="heat_meter", point="heat_energy")
    assert grid_meters(site_with(main=meter("grid"), sub=sub, other=plain)) == ["main"]
    assert grid_meters(site_with(sub=sub, other=plain)) == ["other"]
    assert heat_meters(site_with(heat=heat, dhw=meter("dhw", kind="heat_meter", point="heat_energy"))) == ["heat"]


async def test_a_site_has_its_energy_its_clock_and_its_area(tmp_path: Path) -> None:
    """What the store took a month long comes back as kilowatt-hours, for each square metre too."""
    vocabulary, clock = load_vocabulary(), FakeClock()
    now_ms = clock.utc_ms()
    async with open_embedded(tmp_path, raw_retention_s=400 * 86400.0, vocabulary=vocabulary) as store:
        facts = CollectorFacts(vocabulary, clock=clock, history=store)
        watched = WatchedStore(store, facts)
        await watched.describe(site_with(main=meter("grid")), since_ms=0)
        lines = [
            f"kvarter,site=house,device=main elec_energy_import={1000 + hour * 0.5},status=0i"
            f"{',clock=1i' if hour == 740 else ''} {(now_ms - (740 - hour) * HOUR_MS) * 1_000_000}".encode()
            for hour in range(741)
        ]
        assert await watched.write(lines) == []
        portfolio = SitePortfolio(facts, clock=clock)
        (before,) = portfolio.rows()
        await portfolio.renew()
        (row,) = portfolio.rows()
    assert before.electricity_kwh is None
    assert row.electricity_kwh is not None
    assert 355.0 <= row.electricity_kwh <= 363.0
    assert row.is_whole
    assert (row.area_m2, row.clock, row.heat_kwh) == (100.0, "uncertain", None)
    assert row.per_area == row.electricity_kwh / 100.0
