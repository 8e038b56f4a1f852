import asyncio

import pytest

from gateway.core.protocols import Entry, Spool
from tests.fakes import settle
from tests.spool.stage import Stage, line, numbers


async def test_it_is_a_spool() -> None:
    """What `open_spool` gives is the seam that relays ask for."""
    stage = Stage()
    spool: Spool = await stage.open()
    assert spool.backlog().waiting == 0
    await stage.stop()


async def test_batches_are_complete_contiguous_and_ascend() -> None:
    """The oldest batch starts at the first entry, the newest ends at the last; both ascend and carry their times."""
    stage = Stage()
    await stage.open()
    await stage.append_every(0.01, 10)
    oldest, newest = await stage.batch("oldest", max_lines=3), await stage.batch("newest", max_lines=3)
    assert oldest is not None
    assert newest is not None
    assert (oldest.run, oldest.first, oldest.last, oldest.catalogue) == (stage.run, 1, 3, "c0ffee00")
    assert (newest.first, newest.last) == (8, 10)
    assert numbers(oldest.lines) == [0, 1, 2]
    assert numbers(newest.lines) == [7, 8, 9]
    assert oldest.lines[1] == line(1) + b" 1795320000010000000"
    await stage.kill()


async def test_a_batch_keeps_to_its_bytes() -> None:
    """Lines with their line feeds stay within the bytes asked for, and a longer line still comes, alone."""
    stage = Stage()
    await stage.open()
    await stage.append_every(0.01, 10)
    batch = await stage.batch(max_bytes=3 * (len(line(0)) + 21) + 5)
    assert batch is not None
    assert len(batch.lines) == 3
    alone = await stage.batch(max_bytes=1)
    assert alone is not None
    assert len(alone.lines) == 1
    await stage.kill()


async def test_what_was_sent_is_not_offered_until_it_is_overdue() -> None:
    """Without receipt a batch comes again after 30 s, and only then; who waits is woken for it."""
    stage = Stage()
    spool = await stage.open()
    await stage.append_every(0.01, 3)
    batch = await stage.batch()
    assert batch is not None
    spool.sent(batch)
    assert await stage.batch() is None
    waiting = asyncio.get_running_loop().create_task(spool.wait())
    await stage.clock.advance(29.9)
    assert not waiting.done()
    await stage.clock.advance(0.2)
    assert waiting.done()
    assert await stage.batch() == batch
    await stage.kill()


async def test_a_receipt_frees_exactly_its_range() -> None:
    """Releasing frees what it names once; another run's receipt and a second one free nothing."""
    stage = Stage()
    spool = await stage.open()
    await stage.append_every(0.01, 10)
    assert spool.release("f" * 16, 1, 10) == 0
    assert spool.release(stage.run, 4, 6) == 3
    assert spool.release(stage.run, 4, 6) == 0
    assert spool.release(stage.run, 5, 7) == 1
    assert spool.backlog().waiting == 6
    first, second = await stage.batch("oldest"), await stage.batch("newest")
    assert first is not None
    assert second is not None
    assert (numbers(first.lines), numbers(second.lines)) == ([0, 1, 2], [7, 8, 9])
    await stage.kill()


async def test_a_receipt_out_of_order_and_late_still_counts() -> None:
    """A batch that is overdue and offered again is freed by the first receipt that comes."""
    stage = Stage()
    spool = await stage.open()
    await stage.append_every(0.01, 4)
    batch = await stage.batch()
    assert batch is not None
    spool.sent(batch)
    await stage.clock.advance(31)
    assert spool.release(batch.run, batch.first, batch.last) == 4
    assert await stage.batch() is None
    assert spool.backlog().waiting == 0
    await stage.kill()


async def test_a_batch_refers_to_one_catalogue() -> None:
    """Where the catalogue changed, one batch ends and the next begins, in memory and on flash."""
    stage = Stage()
    spool = await stage.open()
    await stage.append_every(0.01, 3)
    spool.rotate("deadbeef")
    await stage.append_every(0.01, 3, start=3)
    for _ in range(2):
        first, second = await stage.batch("oldest"), await stage.batch("newest")
        assert first is not None
        assert second is not None
        assert (first.catalogue, numbers(first.lines)) == ("c0ffee00", [0, 1, 2])
        assert (second.catalogue, numbers(second.lines)) == ("deadbeef", [3, 4, 5])
        await stage.clock.advance(10)
    await stage.kill()


async def test_waiting_ends_with_the_next_entry() -> None:
    """Who waits on an empty spool is woken by an append, and returns at once while something is ready."""
    stage = Stage()
    spool = await stage.open()
    waiting = asyncio.get_running_loop().create_task(spool.wait())
    await settle()
    assert not waiting.done()
    stage.append(line(1))
    await settle()
    assert waiting.done()
    await spool.wait()
    await stage.kill()


async def test_a_receipt_in_time_spares_the_flash() -> None:
    """While receipts come, flash gets nothing but a mark every 5 minutes."""
    stage = Stage()
    await stage.open()
    syncs, size_bytes = stage.flash.syncs, stage.flash.written_bytes
    for number in range(1200):
        stage.append(line(number))
        await stage.drain()
        await stage.clock.advance(1)
    assert stage.flash.syncs - syncs == 4
    assert stage.flash.written_bytes - size_bytes < 4 * 4097
    assert not stage.spool.health.is_refusing
    await stage.kill()


async def test_without_receipt_everything_is_on_flash_in_time() -> None:
    """With no receipts a power cut takes at most the last 5 s, and there is a flush at most every 4.6 s."""
    stage = Stage()
    await stage.open()
    syncs = stage.flash.syncs
    await stage.append_every(0.25, 400)
    assert stage.flash.syncs - syncs <= 100 / 4.6 + 1
    stage.memory = None
    await stage.cut_power()
    await stage.open()
    assert len(numbers(await stage.drain())) >= 400 - 5 / 0.25
    await stage.kill()


async def test_the_backlog_is_told() -> None:
    """Number, age and size of what waits follow appends and receipts; an empty spool has no oldest."""
    stage = Stage()
    spool = await stage.open()
    assert spool.backlog().oldest_ms is None
    await stage.append_every(1, 20)
    backlog = spool.backlog()
    assert (backlog.waiting, backlog.oldest_ms) == (20, 1_795_320_000_000)
    assert 0 < backlog.size_bytes <= backlog.capacity_bytes
    spool.release(stage.run, 1, 10)
    assert spool.backlog().oldest_ms == 1_795_320_010_000
    await stage.drain()
    assert (spool.backlog().waiting, spool.backlog().size_bytes) == (0, 0)
    await stage.kill()


async def test_a_clean_stop_keeps_everything_and_declares_nothing() -> None:
    """What waits at a stop is on flash afterwards; its run and its numbers stay, and the new run is younger."""
    stage = Stage()
    await stage.open()
    await stage.append_every(0.1, 30)
    await stage.stop()
    assert stage.memory is not None
    stage.memory.vanish()
    spool = await stage.open()
    assert stage.events == []
    stage.append(line(30))
    oldest, newest = await stage.batch("oldest"), await stage.batch("newest")
    assert oldest is not None
    assert newest is not None
    assert (oldest.run, oldest.first, oldest.last) == (f"{1:016x}", 1, 30)
    assert (newest.run, newest.first, numbers(newest.lines)) == (f"{2:016x}", 1, [30])
    assert spool.last_time_ms >= 1_795_320_002_900
    await stage.kill()


async def test_what_was_released_stays_released() -> None:
    """Neither a kill nor a clean stop brings back what had its receipt, from memory or from flash."""
    stage = Stage()
    spool = await stage.open()
    await stage.append_every(1, 20)
    assert spool.release(stage.run, 1, 15) == 15
    await stage.kill()
    spool = await stage.open()
    assert stage.events == []
    assert spool.backlog().waiting == 5
    await stage.stop()
    assert stage.memory is not None
    stage.memory.vanish()
    await stage.open()
    assert numbers(await stage.drain()) == [15, 16, 17, 18, 19]
    await stage.kill()


async def test_what_is_still_held_can_be_sent_again() -> None:
    """Replay offers released entries since a time again, from memory and from flash."""
    stage = Stage()
    spool = await stage.open()
    await stage.append_every(1, 30)
    await stage.drain()
    assert spool.backlog().waiting == 0
    await stage.append_every(0.01, 3, start=30)
    await stage.drain()
    again = await spool.resend(1_795_320_029_000)
    assert spool.backlog().waiting == again
    assert set(numbers(await stage.drain())) >= {29, 30, 31, 32}
    assert await spool.resend(1_795_999_000_000) == 0
    await stage.kill()


async def test_what_cannot_be_kept_is_refused() -> None:
    """A body longer than an eighth of a segment, and a time that fits no line, are errors of the caller."""
    stage = Stage()
    spool = await stage.open()
    with pytest.raises(ValueError, match="the limit is"):
        stage.append(bytes(10_000))
    with pytest.raises(ValueError, match="no time that fits"):
        spool.append(Entry(b"x", 0, 10**13))
    assert spool.backlog().waiting == 0
    await stage.kill()


async def test_numbers_of_a_run_have_no_holes() -> None:
    """Sequence numbers start at 1 and count every entry, whatever goes to flash meanwhile."""
    stage = Stage()
    await stage.open()
    await stage.append_every(0.9, 50)
    seen: list[int] = []
    while batch := await stage.batch(max_lines=7):
        stage.spool.sent(batch)
        seen += range(batch.first, batch.last + 1)
    assert seen == list(range(1, 51))
    await stage.kill()
