import pytest

from gateway.core.protocols import Entry
from gateway.wire.line import parse_line
from tests.fakes import settle
from tests.spool.stage import SEGMENT_BYTES, Stage, line, long_line, numbers

START_MS = 1_795_320_000_000


def _times(lines: list[bytes]) -> dict[int, int]:
    parsed = [(text, parse_line(text)) for text in lines if b"elec_power_active" in text]
    return {numbers([text])[0]: each.time_ms for text, each in parsed}


def _marked(lines: list[bytes]) -> set[int]:
    return {numbers([text])[0] for text in lines if b",clock=1i " in text}


def _offset_ms(stage: Stage) -> int:
    return stage.clock.utc_ms() - round(stage.clock.monotonic() * 1000)


@pytest.mark.parametrize("uncertain", [False, True])
async def test_entries_without_time_wait_for_an_anchor(uncertain: bool) -> None:  # noqa: FBT001 - a parameter
    """Nothing without a time is offered; the anchor gives each its instant, and the mark where it is uncertain."""
    stage = Stage()
    spool = await stage.open()
    await stage.append_every(2, 10, timed=False)
    assert spool.backlog().waiting == 10
    assert spool.backlog().oldest_ms is None
    assert await stage.batch() is None
    spool.anchor(_offset_ms(stage) + 5000, uncertain=uncertain)
    await settle()
    first_ms = START_MS + 5000 + uncertain
    assert spool.backlog().oldest_ms == START_MS + 5000
    lines = await stage.drain()
    assert _times(lines) == {number: first_ms + 2000 * number for number in range(10)}
    assert _marked(lines) == (set(range(10)) if uncertain else set())
    assert spool.last_time_ms == first_ms + 18_000
    await stage.kill()


async def test_an_anchor_is_on_flash_before_anything_it_fixes_is_offered() -> None:
    """While the disk works on it nothing is offered; then a power cut does not change a time any more."""
    stage = Stage()
    spool = await stage.open()
    await stage.append_every(1, 10, timed=False)
    stage.worker.is_held = True
    spool.anchor(_offset_ms(stage), uncertain=False)
    await settle()
    assert await stage.batch("newest", max_lines=1) is None
    stage.worker.let_go()
    await settle()
    before = _times(list((await stage.batch()).lines))  # type: ignore[union-attr]  # there is one
    await stage.cut_power()
    spool = await stage.open()
    after = _times(await stage.drain())
    assert after == before
    await stage.kill()


async def test_while_the_disk_refuses_memory_must_do_for_an_anchor() -> None:
    """A disk that is full or broken does not keep entries from being sent, and a kill does not change their time."""
    stage = Stage()
    stage.flash.refusals["write"] = "Read-only file system"
    spool = await stage.open()
    await stage.append_every(1, 5, timed=False)
    await stage.clock.advance(60)
    spool.anchor(_offset_ms(stage), uncertain=False)
    await stage.clock.advance(61)
    before = _times(list((await stage.batch()).lines))  # type: ignore[union-attr]  # there is one
    await stage.kill()
    await stage.open()
    await stage.clock.advance(61)
    assert _times(await stage.drain()) == before
    await stage.kill()


async def test_a_restart_keeps_the_time_and_does_not_extend_the_anchor() -> None:
    """What an anchor fixed stays fixed; what a later process appends in the same boot waits for its own."""
    stage = Stage()
    spool = await stage.open()
    await stage.append_every(1, 5, timed=False)
    spool.anchor(_offset_ms(stage) - 3000, uncertain=True)
    await stage.clock.advance(1)
    await stage.kill()
    spool = await stage.open()
    await stage.append_every(1, 5, timed=False, start=5)
    assert set(_times(list((await stage.batch("newest")).lines))) == set(range(5))  # type: ignore[union-attr]
    spool.anchor(_offset_ms(stage), uncertain=False)
    await settle()
    lines = await stage.drain()
    assert _times(lines) == {
        **{number: START_MS - 2999 + 1000 * number for number in range(5)},
        **{number: START_MS + 1000 + 1000 * number for number in range(5, 10)},
    }
    assert _marked(lines) == set(range(5))
    await stage.kill()


async def test_what_comes_without_time_after_an_anchor_gets_it_at_once() -> None:
    """An entry on its way when the anchor came is not left behind."""
    stage = Stage()
    spool = await stage.open()
    stage.append(line(0), timed=False)
    spool.anchor(_offset_ms(stage), uncertain=True)
    await stage.clock.advance(1)
    stage.append(line(1), timed=False)
    lines = await stage.drain()
    assert _times(lines) == {0: START_MS + 1, 1: START_MS + 1001}
    assert _marked(lines) == {0, 1}
    await stage.kill()


async def test_an_earlier_boot_without_anchor_gets_an_estimate_once() -> None:
    """Lines of a boot that never knew its time get what its wall clock said, marked, and keep it over restarts."""
    stage = Stage()
    stage.clock.is_synchronised = False
    await stage.open()
    await stage.append_every(1, 20, timed=False)
    await stage.cut_power()
    stage.clock.step_wall(86_400_000)
    await stage.open()
    first = await stage.batch()
    assert first is not None
    times = _times(list(first.lines))
    assert times == {number: START_MS + 1 + 1000 * number for number in times}
    assert len(times) >= 15
    assert _marked(list(first.lines)) == set(times)
    await stage.kill()
    await stage.open()
    assert _times(await stage.drain()).items() >= times.items()
    await stage.kill()


async def test_an_estimate_is_not_before_times_that_were_given() -> None:
    """A clock without battery that starts in the past does not put its lines before those of yesterday."""
    stage = Stage()
    await stage.open()
    await stage.append_every(1, 10)
    await stage.stop()
    await stage.cut_power()
    stage.clock.step_wall(-(10**10))
    stage.clock.is_synchronised = False
    spool = await stage.open()
    assert spool.last_time_ms == START_MS + 9000
    await stage.append_every(1, 10, timed=False, start=10)
    await stage.cut_power()
    await stage.open()
    times = _times(await stage.drain())
    assert min(time_ms for number, time_ms in times.items() if number >= 10) > START_MS + 9000
    await stage.kill()


async def test_the_greatest_time_is_known_after_any_end() -> None:
    """After a kill, a stop and a power cut, the greatest time given so far is known, as far as flash knows it."""
    stage = Stage()
    spool = await stage.open()
    spool.append(Entry(line(0), 0, START_MS + 77))
    await stage.kill()
    spool = await stage.open()
    assert spool.last_time_ms == START_MS + 77
    await stage.drain()
    await stage.stop()
    await stage.cut_power()
    spool = await stage.open()
    assert spool.last_time_ms == START_MS + 77
    await stage.kill()


async def test_anchors_outlive_the_segments_they_were_written_in() -> None:
    """When the ring has turned over, entries that still wait have the time of their anchor after a restart."""
    stage = Stage(segments=5)
    spool = await stage.open()
    await stage.append_every(1, 3, timed=False)
    spool.anchor(_offset_ms(stage) + 7000, uncertain=False)
    for number in range(3, 300):
        stage.append(long_line(number))
        await stage.clock.advance(5)
        spool.release(stage.run, 4, 1000)
    assert stage.flash.written_bytes > 6 * SEGMENT_BYTES
    await stage.kill()
    await stage.open()
    assert _times(await stage.drain()) == {number: START_MS + 7000 + 1000 * number for number in range(3)}
    await stage.kill()
