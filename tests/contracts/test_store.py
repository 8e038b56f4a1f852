"""What every Store promises to a collector."""

import asyncio

import pytest

from gateway.core.protocols import Query
from gateway.stores.open import OpenStore
from tests.contracts.stores import Servers, servers, site, store
from tests.stores.lines import START_MS, line

__all__ = ["servers", "site", "store"]

POINTS = ("elec_power_active", "elec_energy_import", "elec_tariff", "status")


def of(site: str) -> Query:
    """Return the question for everything that a test wrote."""
    return Query(site, "meter", POINTS, START_MS, START_MS + 86_400_000)


async def test_lines_are_stored(store: OpenStore, servers: Servers, site: str) -> None:
    """All lines of a batch are there afterwards, with the values that they carry."""
    fields = {"elec_power_active": -12.5, "elec_energy_import": 10234.56, "elec_tariff": 2, "status": 0}
    lines = [line(START_MS + number * 1000, fields, site=site) for number in range(100)]
    assert list(await store.write(lines)) == []
    servers.flush()
    rows = await store.read(of(site))
    assert [row.time_ms for row in rows] == [START_MS + number * 1000 for number in range(100)]
    assert {row.values for row in rows} == {(-12.5, 10234.56, 2, 0)}


async def test_writing_twice_changes_nothing(store: OpenStore, servers: Servers, site: str) -> None:
    """A batch that is written again, because its receipt was lost, leaves the same rows."""
    lines = [
        line(START_MS + number * 1000, {"elec_power_active": number / 7, "status": 0}, site=site)
        for number in range(50)
    ]
    await store.write(lines)
    servers.flush()
    once = await store.read(of(site))
    await store.write(lines[10:40])
    await store.write(lines)
    servers.flush()
    assert await store.read(of(site)) == once
    assert len(once) == 50


async def test_batches_written_at_once_do_not_mix(store: OpenStore, servers: Servers, site: str) -> None:
    """Batches of several sites that are written side by side are each stored whole."""
    sites = [f"{site}-{number}" for number in range(5)]
    batches = [
        [line(START_MS + number, {"elec_power_active": float(number), "status": 0}, site=site) for number in range(30)]
        for site in sites
    ]
    answers = await asyncio.gather(*(store.write(batch) for batch in batches))
    assert [list(answer) for answer in answers] == [[]] * 5
    servers.flush()
    assert [len(await store.read(of(site))) for site in sites] == [30] * 5


async def test_nothing_to_write_is_no_error(store: OpenStore) -> None:
    """An empty batch is stored at once."""
    assert list(await store.write([])) == []


async def test_events_with_a_comment_are_taken(store: OpenStore, servers: Servers, site: str) -> None:
    """An event and the note before it spoil nothing for the lines around them."""
    event = (
        b'# {"text": "new meter"}\nkvarter_event,site=%b,kind=note,cause=exchange,device=meter from=1i,to=2i,count=0i '
        b"%d000000" % (site.encode(), START_MS)
    )
    readouts = [line(START_MS + number, {"elec_power_active": 1.0, "status": 0}, site=site) for number in range(2)]
    assert list(await store.write([readouts[0], event, readouts[1]])) == []
    servers.flush()
    assert len(await store.read(of(site))) == 2


@pytest.mark.parametrize("store", ["embedded", "influx1"], indirect=True)
@pytest.mark.parametrize("poison", [{0}, {7}, {19}, {0, 1, 2}, {3, 11, 12, 19}, set(range(20))], ids=str)
async def test_a_line_of_another_type_is_refused_alone(store: OpenStore, site: str, poison: set[int]) -> None:
    """Wherever lines stand whose point has changed its type, only they are refused, with the store's reason."""
    await store.write([line(START_MS - 1000, {"elec_power_active": 1.5, "status": 0}, site=site)])
    lines = [
        line(START_MS + number * 1000, {"elec_power_active": 7 if number in poison else 2.5, "status": 0}, site=site)
        for number in range(20)
    ]
    refusals = await store.write(lines)
    assert {refusal.index for refusal in refusals} == poison
    assert all("elec_power_active" in refusal.reason for refusal in refusals)
    rows = await store.read(of(site))
    assert [(row.time_ms - START_MS) // 1000 for row in rows] == [n for n in range(20) if n not in poison]


@pytest.mark.parametrize("store", ["victoria"], indirect=True)
async def test_victoria_metrics_takes_whatever_it_is_given(store: OpenStore, servers: Servers, site: str) -> None:
    """It answers 204 to a malformed line and drops it, so that checking lines is up to the collector."""
    lines = [b"malformed", line(START_MS, {"elec_power_active": 1.0, "status": 0}, site=site)]
    assert list(await store.write(lines)) == []
    servers.flush()
    assert len(await store.read(of(site))) == 1
