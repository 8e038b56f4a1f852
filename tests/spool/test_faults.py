from random import Random
from typing import Literal

import pytest

from tests.fakes import settle
from tests.spool.stage import SHELF_BYTES, Stage, gaps, line, long_line, middle_of_a_block, numbers


@pytest.mark.parametrize("fault", ["allocate", "write", "sync"])
async def test_a_disk_that_refuses_stops_nothing(fault: str) -> None:
    """Sampling and sending go on in memory, health says what is wrong, and all is there when the disk is back."""
    stage = Stage()
    stage.flash.refusals[fault] = "Input/output error"
    spool = await stage.open()
    await stage.append_every(1, 60)
    assert spool.health.is_refusing
    assert spool.health.failures > 1
    assert "Input/output error" in spool.health.last_error
    newest = await stage.batch("newest", max_lines=2)
    assert newest is not None
    assert numbers(newest.lines) == [58, 59]
    stage.flash.refusals.clear()
    await stage.clock.advance(70)
    assert not spool.health.is_refusing
    await stage.cut_power()
    await stage.open()
    assert numbers(await stage.drain())[:60] == list(range(60))
    await stage.kill()


async def test_a_full_disk_is_told_and_left_alone() -> None:
    """Without room for a segment nothing is lost, and the first room there is gets used."""
    stage = Stage()
    stage.flash.room_bytes = 1000
    spool = await stage.open()
    await stage.append_every(1, 30)
    assert "No space left" in spool.health.last_error
    stage.flash.room_bytes = None
    await stage.clock.advance(70)
    assert not spool.health.is_refusing
    await stage.stop()
    stage.memory = None
    await stage.open()
    assert numbers(await stage.drain()) == list(range(30))
    await stage.kill()


async def test_after_a_failed_sync_nothing_of_the_segment_is_believed() -> None:
    """What a failed sync may have dropped, and what was written before it, is on flash again from another segment."""
    stage = Stage()
    spool = await stage.open()
    await stage.append_every(1, 20)
    stage.flash.refusals["sync"] = "Input/output error"
    await stage.append_every(1, 20, start=20)
    stage.flash.refusals.clear()
    await stage.append_every(1, 80, start=40)
    assert not spool.health.is_refusing
    await stage.cut_power()
    doubtful = min(stage.flash.contents)
    stage.flash.put(doubtful, bytes(len(stage.flash.contents[doubtful])))
    await stage.open()
    assert numbers(await stage.drain())[:115] == list(range(115))
    await stage.kill()


async def test_when_memory_is_full_too_the_oldest_becomes_a_gap() -> None:
    """The RAM tier stays within its size; what it gives up is counted and declared, and what it keeps comes."""
    stage = Stage()
    stage.flash.refusals["write"] = "Read-only file system"
    spool = await stage.open()
    count = 4000
    await stage.append_every(0.1, count)
    assert stage.memory is not None
    assert sum(map(len, stage.memory.contents.values())) <= 8 * SHELF_BYTES
    lost = spool.health.lost
    assert 0 < lost < count
    lines = await stage.drain()
    kept = numbers(lines)
    assert kept == list(range(count - len(kept), count))
    told = [text.split(b" ")[1].split(b",") for text in gaps(lines) if b"cause=disk" in text]
    assert sum(int(fields[2][6:-1]) for fields in told) == lost == count - len(kept)
    spans = [(int(fields[0][5:-1]), int(fields[1][3:-1])) for fields in told]
    for number in range(lost):
        time_ms = 1_795_320_000_000 + 100 * number
        assert any(start <= time_ms <= end for start, end in spans)
    await stage.kill()


async def test_memory_that_refuses_makes_flash_take_over() -> None:
    """An entry that the RAM tier cannot take is written to flash at once and synced in time."""
    stage = Stage()
    assert stage.memory is not None
    spool = await stage.open()
    stage.memory.refusals.update(write="No space left on device", allocate="No space left on device")
    await stage.append_every(0.1, 5)
    assert spool.health.memory_failures == 5
    await stage.kill()
    stage.memory.refusals.clear()
    await stage.open()
    assert numbers(await stage.drain()) == list(range(5))
    await stage.kill()


async def test_without_memory_everything_is_on_flash_at_once() -> None:
    """With no RAM-backed folder a kill loses nothing, and a power cut at most the last 5 s."""
    stage = Stage(has_tier=False)
    await stage.open()
    await stage.append_every(0.01, 5)
    await stage.kill()
    await stage.open()
    assert [event.cause for event in stage.events] == ["kill"]
    await stage.append_every(0.5, 40, start=5)
    await stage.cut_power()
    await stage.open()
    assert len(numbers(await stage.drain())) >= 45 - 10
    await stage.kill()


async def test_without_memory_there_are_as_few_flushes() -> None:
    """Writing at once does not mean syncing at once."""
    stage = Stage(has_tier=False)
    await stage.open()
    syncs = stage.flash.syncs
    await stage.append_every(0.25, 400)
    assert stage.flash.syncs - syncs <= 100 / 4.6 + 2
    await stage.kill()


async def test_without_memory_and_disk_the_oldest_becomes_a_gap() -> None:
    """Memory stays bounded where nothing takes the entries."""
    stage = Stage(has_tier=False)
    stage.flash.refusals["write"] = "Read-only file system"
    spool = await stage.open()
    await stage.append_every(0.01, 6000)
    lines = await stage.drain()
    assert spool.health.lost == 6000 - len(numbers(lines)) > 0
    assert any(b"cause=disk" in text for text in gaps(lines))
    await stage.kill()


async def test_flash_that_cannot_be_listed_at_the_start_is_found_later() -> None:
    """A disk that comes back after the start brings its backlog with it."""
    stage = Stage()
    await stage.open()
    await stage.append_every(1, 10)
    await stage.stop()
    assert stage.memory is not None
    stage.memory.vanish()
    stage.flash.refusals["names"] = "Input/output error"
    spool = await stage.open()
    await stage.append_every(1, 5, start=10)
    assert spool.health.is_refusing
    assert numbers(await stage.drain()) == list(range(10, 15))
    stage.flash.refusals.clear()
    await stage.clock.advance(70)
    assert numbers(await stage.drain()) == list(range(10))
    await stage.kill()


async def test_a_segment_that_cannot_be_read_is_given_up_after_some_time() -> None:
    """Backlog that cannot be read is tried again; at the third time it becomes a gap, and what is behind it comes."""
    stage = Stage()
    spool = await stage.open()
    await stage.append_every(1, 20)
    await stage.clock.advance(10)
    stage.flash.refusals["read"] = "Input/output error"
    assert await stage.batch() is None
    stage.flash.refusals.clear()
    await stage.clock.advance(31)
    assert await stage.batch() is not None
    stage.append(line(20))
    stage.flash.refusals["read"] = "Input/output error"
    for _ in range(3):
        await stage.clock.advance(40)
        await stage.batch()
    lines = await stage.drain()
    assert numbers(lines) == [20] or spool.health.damaged == 21
    assert any(b"cause=damage" in text for text in gaps(lines))
    await stage.kill()


@pytest.mark.parametrize("order", ["oldest", "newest"])
async def test_damage_found_late_costs_what_it_touched(order: Literal["oldest", "newest"]) -> None:
    """Bit rot in a segment that was sound at the start takes a block out of the backlog, and a gap says when."""
    stage = Stage()
    spool = await stage.open()
    await stage.append_every(1, 40)
    await stage.clock.advance(10)
    name = min(stage.flash.contents)
    stage.flash.contents[name][middle_of_a_block(stage.flash.contents[name])] ^= 4
    lines = await stage.drain(order)
    lost = set(range(40)) - set(numbers(lines))
    assert 0 < len(lost) == spool.health.damaged < 10
    (gap,) = gaps(lines)
    start_ms, end_ms, count = (int(part.split(b"=")[1][:-1]) for part in gap.split(b" ")[1].split(b","))
    assert count == len(lost)
    assert all(start_ms <= 1_795_320_000_000 + 1000 * number <= end_ms for number in lost)
    await stage.kill()


async def test_the_loop_never_waits_for_the_disk() -> None:
    """While a flush hangs, entries are taken, offered and freed."""
    stage = Stage()
    spool = await stage.open()
    stage.worker.is_held = True
    await stage.append_every(1, 30)
    newest = await stage.batch("newest", max_lines=1)
    assert newest is not None
    assert numbers(newest.lines) == [29]
    assert len(numbers(await stage.drain())) == 30
    assert spool.backlog().waiting == 0
    stage.worker.let_go()
    await settle()
    await stage.stop()


async def test_a_receipt_during_a_flush_is_not_forgotten() -> None:
    """What was released while it was on its way to flash does not come back."""
    stage = Stage()
    spool = await stage.open()
    await stage.append_every(1, 4)
    stage.worker.is_held = True
    await stage.clock.advance(3)
    spool.release(stage.run, 1, 3)
    stage.worker.let_go()
    await settle()
    await stage.stop()
    stage.memory = None
    await stage.open()
    assert numbers(await stage.drain()) == [3]
    await stage.kill()


@pytest.mark.parametrize("seed", range(20))
async def test_a_power_cut_in_the_middle_of_anything(seed: int) -> None:
    """Torn and reordered sectors lose at most what is inside the declared gap."""
    random = Random(seed)  # noqa: S311 - a simulation
    stage = Stage()
    await stage.open()
    await stage.append_every(0.3, random.randrange(100))
    stage.worker.is_held = random.random() < 0.5
    await stage.append_every(0.3, random.randrange(20), start=100)
    await stage.kill()
    stage.worker.let_go()
    await stage.cut_power(random)
    await stage.open()
    lines = await stage.drain()
    (event,) = stage.events
    assert event.cause == "power_cut"
    assert event.end_ms - event.start_ms < 40_000
    assert gaps(lines)
    assert numbers(lines) == sorted(numbers(lines))
    await stage.kill()


async def test_events_stay_when_memory_is_full() -> None:
    """Readings make room for what happens later; events that wait with them are kept, also over a kill."""
    stage = Stage()
    stage.flash.refusals["write"] = "Read-only file system"
    await stage.open()
    event = b"kvarter_event,site=s,kind=counter,cause=reset,device=d from=1i,to=2i,count=0i"
    await stage.append_every(0.1, 20)
    stage.append(event)
    await stage.append_every(0.1, 3000, start=20)
    assert stage.spool.health.lost > 500
    await stage.kill()
    await stage.open()
    await stage.append_every(0.1, 2000, start=3020)
    lines = await stage.drain()
    assert [text for text in lines if b"cause=reset" in text] == [event + b" 1795320002000000000"]
    spans = [tuple(int(part.split(b"=")[1][:-1]) for part in gap.split(b" ")[1].split(b",")[:2]) for gap in gaps(lines)]
    kept = set(numbers(lines))
    for number in set(range(5020)) - kept:
        assert any(start <= 1_795_320_000_000 + 100 * number <= end for start, end in spans)
    await stage.kill()


async def test_what_gathered_goes_to_flash_in_portions() -> None:
    """After a long refusal the event loop is not held up by one huge round; everything arrives, in several."""
    stage = Stage(segments=64, shelves=160)
    stage.flash.refusals["write"] = "Read-only file system"
    spool = await stage.open()
    for number in range(1200):
        stage.append(long_line(number))
    stage.flash.refusals.clear()
    await stage.clock.advance(70)
    assert spool.health.rounds >= 4
    await stage.cut_power()
    await stage.open()
    assert numbers(await stage.drain())[:1200] == list(range(1200))
    await stage.kill()


async def test_health_can_be_counted() -> None:
    """Every number of the health has a name, for the status that the gateway publishes."""
    stage = Stage()
    spool = await stage.open()
    counters = spool.health.counters()
    assert counters["rounds"] == spool.health.rounds > 0
    assert {"is_refusing", "failures", "lost", "thinned", "damaged"} <= counters.keys()
    assert all(isinstance(count, int) for count in counters.values())
    await stage.kill()
