import asyncio
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.spool.record import Kind, Origin, Record, encode_record
from gateway.spool.segment import SegmentHeader, encode_header
from tests.fakes_files import MemoryFiles
from tests.spool.stage import SEGMENT_BYTES, Stage, gaps, line, long_line, middle_of_a_block, numbers

START_MS = 1_795_320_000_000


async def test_the_first_start_declares_nothing() -> None:
    """Nothing can be lost where nothing was."""
    stage = Stage()
    await stage.open()
    assert stage.events == []
    await stage.kill()


async def test_a_killed_process_loses_and_declares_nothing() -> None:
    """What was appended is there after a kill, whether it had reached flash or not."""
    stage = Stage()
    await stage.open()
    await stage.append_every(0.5, 30)
    await stage.kill()
    await stage.open()
    assert stage.events == []
    assert numbers(await stage.drain()) == list(range(30))
    await stage.kill()


async def test_a_power_cut_is_declared_from_the_last_durable_instant() -> None:
    """The gap reaches from what is certainly on flash to the start, and every lost line lies inside."""
    stage = Stage()
    await stage.open()
    await stage.append_every(0.5, 100)
    await stage.cut_power()
    await stage.open()
    (event,) = stage.events
    lines = await stage.drain()
    lost = set(range(100)) - set(numbers(lines))
    assert (event.kind, event.cause, event.end_ms) == ("gap", "power_cut", stage.clock.utc_ms())
    assert event.start_ms > START_MS + 40_000
    assert all(event.start_ms <= START_MS + 500 * number for number in lost)
    assert len(gaps(lines)) == 1
    await stage.kill()


@pytest.mark.parametrize("stops", [0, 1])
async def test_a_power_cut_in_the_first_moments_is_declared(stops: int) -> None:
    """Flash knows of a start before anything is sampled: the very first one, and one after a stop in good order."""
    stage = Stage()
    for _ in range(stops):
        await stage.open()
        await stage.stop()
    spool = await stage.open(runs=False)
    await spool.begin()
    sampled_ms = stage.clock.utc_ms()
    stage.append(line(0))
    await stage.cut_power()
    await stage.open()
    (event,) = stage.events
    assert event.start_ms <= sampled_ms <= event.end_ms
    assert numbers(await stage.drain()) == []
    await stage.kill()


async def test_a_disk_that_refuses_does_not_hold_up_a_start() -> None:
    """Without a sign of life on flash the gateway begins all the same."""
    stage = Stage()
    spool = await stage.open(runs=False)
    stage.flash.refusals["write"] = "Input/output error"
    await spool.begin()
    assert spool.health.is_refusing
    stage.append(line(0))
    assert numbers(await stage.drain()) == [0]


async def test_with_receipts_a_power_cut_is_bounded_by_the_mark() -> None:
    """While receipts keep the flash idle, the gap is still never longer than 5 minutes and the time without power."""
    stage = Stage()
    await stage.open()
    for number in range(1000):
        stage.append(line(number))
        await stage.drain()
        await stage.clock.advance(1)
    await stage.cut_power()
    await stage.open()
    (event,) = stage.events
    assert event.end_ms - event.start_ms <= 300_000 + 1_000 + 20_000
    await stage.kill()


async def test_without_a_believable_clock_the_gap_still_holds_what_was_lost() -> None:
    """A wall clock that is behind after a power cut does not shorten the gap to nothing."""
    stage = Stage()
    await stage.open()
    await stage.append_every(1, 30)
    await stage.cut_power()
    stage.clock.step_wall(-86_400_000)
    stage.clock.is_synchronised = False
    await stage.open()
    (event,) = stage.events
    assert event.start_ms < START_MS + 30_000 < event.end_ms
    await stage.kill()


async def test_a_lost_memory_folder_is_a_power_cut() -> None:
    """In the same boot, without the RAM tier of a process that did not stop cleanly, a gap is declared."""
    stage = Stage()
    await stage.open()
    await stage.append_every(1, 2)
    await stage.kill()
    stage.memory = MemoryFiles()
    await stage.open()
    assert [event.cause for event in stage.events] == ["power_cut"]
    await stage.kill()


async def test_a_gap_is_not_forgotten_before_it_is_on_flash() -> None:
    """A second power cut right after the start declares from the same instant again."""
    stage = Stage()
    await stage.open()
    await stage.append_every(1, 10)
    await stage.cut_power()
    await stage.open(runs=False)
    first = stage.events[0]
    await stage.cut_power()
    await stage.open()
    assert [event.start_ms for event in stage.events] == [first.start_ms]
    await stage.cut_power()
    await stage.open()
    assert stage.events[0].start_ms > first.start_ms
    await stage.kill()


async def test_damage_is_declared_once() -> None:
    """A flipped bit costs one block, its readouts are counted, and the next start is silent."""
    stage = Stage()
    await stage.open()
    await stage.append_every(1, 40)
    await stage.stop()
    assert stage.memory is not None
    stage.memory.vanish()
    name = min(stage.flash.contents)
    stage.flash.contents[name][middle_of_a_block(stage.flash.contents[name])] ^= 1
    stage.flash.put(name, bytes(stage.flash.contents[name]))
    await stage.open()
    (event,) = stage.events
    kept = numbers((await stage.batch()).lines)  # type: ignore[union-attr]  # there is one
    await stage.append_every(1, 15, start=40)
    await stage.stop()
    await stage.open()
    assert stage.events == []
    lines = await stage.drain()
    lost = set(range(55)) - set(numbers(lines))
    assert kept
    assert event.cause == "damage"
    assert event.count == len(lost) > 0
    assert all(event.start_ms <= START_MS + 1000 * number <= event.end_ms for number in lost)
    assert len(gaps(lines)) == 1
    await stage.kill()


async def test_what_is_not_ours_is_set_aside() -> None:
    """Foreign names, bytes of somebody else and segments of another version are moved, untouched; sampling starts."""
    later = bytearray(SEGMENT_BYTES)
    header = encode_header(SegmentHeader(5, Origin("a" * 16, "b" * 8, "c" * 16), 1, 0))
    later[: len(header)] = header
    later[8] = 2
    strange = {
        "notes.txt": b"buy milk",
        "ring-000001.seg": bytes(later),
        "ring-000002.seg": b"x" * SEGMENT_BYTES,
        "ring-000003.seg": b"",
        "ring-000004.seg": bytes(100),
        ".hidden": b"",
    }
    stage = Stage()
    for name, content in strange.items():
        stage.flash.put(name, content)
    spool = await stage.open()
    aside = {name: strange[name] for name in ("notes.txt", "ring-000001.seg", "ring-000002.seg", ".hidden")}
    assert stage.flash.aside == aside
    assert [event.cause for event in stage.events] == ["damage"]
    await stage.append_every(1, 20)
    assert not spool.health.is_refusing
    await stage.stop()
    stage.memory = None
    await stage.open()
    assert numbers(await stage.drain()) == list(range(20))
    await stage.kill()


async def test_a_cut_segment_is_used_up_and_made_anew() -> None:
    """Entries of a segment that lost its end are offered; the file gets its size back before it is written again."""
    stage = Stage(segments=4)
    await stage.open()
    await stage.append_every(1, 40)
    await stage.stop()
    assert stage.memory is not None
    stage.memory.vanish()
    name = min(stage.flash.contents)
    stage.flash.put(name, bytes(stage.flash.contents[name][:2000]))
    await stage.open()
    assert numbers(await stage.drain())
    for number in range(3000):
        stage.append(long_line(number))
        if number % 100 == 0:
            await stage.clock.advance(5)
            await stage.drain()
    assert {len(content) for content in stage.flash.contents.values()} == {SEGMENT_BYTES}
    assert not stage.spool.health.is_refusing
    await stage.kill()


async def test_only_the_newest_segments_are_read_at_the_start() -> None:
    """A full ring starts quickly: of a segment that was ended, only header and summary are read."""
    stage = Stage(segments=40)
    await stage.open()
    await _fill(stage, segments=30)
    await stage.stop()
    assert stage.memory is not None
    stage.memory.vanish()
    stage.flash.read_bytes = 0
    waiting = stage.spool.backlog().waiting
    spool = await stage.open(runs=False)
    assert spool.backlog().waiting == waiting
    assert stage.flash.read_bytes < 8 * SEGMENT_BYTES
    assert len(numbers(await stage.drain())) == waiting


async def test_a_lost_checkpoint_costs_nothing() -> None:
    """Where the newest segment no longer tells the state, the others are read; what was released may come twice."""
    stage = Stage(segments=40)
    await stage.open()
    await _fill(stage, segments=5)
    await stage.stop()
    assert stage.memory is not None
    stage.memory.vanish()
    newest = max(name for name, content in stage.flash.contents.items() if any(content))
    stage.flash.contents[newest][70:300] = bytes(230)
    spool = await stage.open(runs=False)
    count = spool.backlog().waiting
    assert len(await stage.drain()) >= count > 0


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_it_starts_on_any_directory(data: st.DataObject) -> None:
    """Files flipped, cut, swapped, removed or full of noise never stop a start, and never give a line nobody wrote."""
    asyncio.run(_start_on_mutated(data))


async def _start_on_mutated(data: st.DataObject) -> None:
    stage = Stage(segments=16)
    await stage.open()
    await _fill(stage, segments=2)
    await stage.append_every(1, 20)
    await stage.stop()
    assert stage.memory is not None
    for files in (stage.flash, stage.memory):
        for _ in range(data.draw(st.integers(0, 4))):
            _mutate(files, data)
    await stage.open()
    lines = await stage.drain()
    assert set(numbers(lines)) <= set(range(100_000))
    assert all(text.rpartition(b"\n")[2].startswith((b"kvarter,site=s,device=d ", b"kvarter_event,")) for text in lines)
    await stage.append_every(1, 10, start=100_000)
    await stage.stop()
    await stage.open()
    assert set(numbers(await stage.drain())) >= set(range(100_000, 100_010))
    await stage.kill()


def _mutate(files: MemoryFiles, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(files.contents) or ["ring-000001.seg"]))
    content = bytes(files.contents.get(name, b""))
    kind = data.draw(st.sampled_from(("flip", "cut", "swap", "remove", "noise", "grow")))
    if kind == "flip" and content:
        changed = bytearray(content)
        for bit in data.draw(st.lists(st.integers(0, 8 * len(content) - 1), max_size=64)):
            changed[bit // 8] ^= 1 << bit % 8
        files.put(name, bytes(changed))
    elif kind == "cut":
        files.put(name, content[: data.draw(st.integers(0, len(content)))])
    elif kind == "swap":
        other = data.draw(st.sampled_from(sorted(files.contents) or [name]))
        swapped = bytes(files.contents.get(other, b""))
        files.put(other, content)
        files.put(name, swapped)
    elif kind == "remove":
        files.contents.pop(name, None)
    elif kind == "noise":
        files.put(name, data.draw(st.binary(max_size=200)) * 300)
    else:
        files.put(name, content + data.draw(st.binary(max_size=50)))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_it_starts_on_records_that_make_no_sense(data: st.DataObject) -> None:
    """Records of any content with right CRCs, on flash and in memory, stop neither a start nor the batches after it."""
    asyncio.run(_start_on_nonsense(data))


async def _start_on_nonsense(data: st.DataObject) -> None:
    origin = Origin("0" * 15 + data.draw(st.sampled_from("12")), "b" * 8, "c" * 16)
    record = st.builds(
        Record,
        kind=st.sampled_from(Kind),
        origin=st.just(origin),
        first=st.integers(0, 40) | st.integers(0, 2**64 - 1),
        count=st.integers(0, 2**16 - 1) | st.integers(1, 3),
        monotonic_ms=st.integers(-(2**62), 2**62) | st.integers(0, 1000),
        time_ms=st.integers(-(2**62), 2**62) | st.integers(0, 10**13),
        span_ms=st.integers(0, 2**32 - 1),
        payload=st.binary(max_size=64),
    )
    stage = Stage()
    assert stage.memory is not None
    for files, name, size in ((stage.flash, "ring-000007.seg", SEGMENT_BYTES), (stage.memory, "tier-0001.seg", 32_768)):
        text = encode_header(SegmentHeader(3, origin, 1, 0))
        text += b"".join(encode_record(each, 3) for each in data.draw(st.lists(record, max_size=12)))
        files.put(name, text.ljust(size, b"\0"))
    await stage.open()
    stage.append(line(1))
    lines = await stage.drain()
    assert numbers(lines[-1:]) == [1] or 1 in numbers(lines)
    await stage.clock.advance(400)
    await stage.stop()


@pytest.mark.parametrize("name", ["ring-000001.seg", "tier-0000.seg"])
async def test_a_whole_file_of_noise_is_no_reason_not_to_start(name: str) -> None:
    """A segment overwritten by somebody else costs what was in it."""
    stage = Stage()
    await stage.open()
    await stage.append_every(1, 10)
    await stage.kill()
    assert stage.memory is not None
    files = stage.flash if name.startswith("ring") else stage.memory
    files.put(name, Random(1).randbytes(len(files.contents[name])))  # noqa: S311 - noise
    await stage.open()
    await stage.append_every(1, 5, start=10)
    assert set(numbers(await stage.drain())) >= set(range(10, 15))
    await stage.kill()


async def _fill(stage: Stage, *, segments: int) -> None:
    """Append lines that do not pack until so many segments were begun."""
    number = 0
    while len([name for name, content in stage.flash.contents.items() if any(content)]) < segments:
        for _ in range(20):
            stage.append(long_line(number))
            number += 1
        await stage.clock.advance(5)
