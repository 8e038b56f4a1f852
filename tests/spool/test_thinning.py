from collections.abc import Iterable
from random import Random

from gateway.core.protocols import Entry
from gateway.core.readout import Event
from gateway.spool.anchors import Anchor, Anchors
from gateway.spool.ranges import RangeSet
from gateway.spool.reading import LoadedSegment
from gateway.spool.record import Origin, SpooledEntry, Stamp, encode_record, pack_block
from gateway.spool.segment import SegmentHeader, encode_header
from gateway.spool.thinning import QUARTER_MS, Thinned, thin
from gateway.wire.line import parse_line
from tests.spool.stage import SEGMENT_BYTES, Stage, gaps

ORIGIN = Origin("0123456789abcdef", "89abcdef", "fedcba9876543210")
START_MS = 1_795_320_000_000
COUNTERS = frozenset({b"elec_energy_import", b"heat_energy"})


def _entry(body: bytes, time_ms: int, stamp: Stamp = Stamp.CERTAIN) -> SpooledEntry:
    return SpooledEntry(body, time_ms - START_MS, time_ms, stamp)


def _thin(entries: Iterable[SpooledEntry], *, most_bytes: int = 10_000, anchors: Anchors | None = None) -> Thinned:
    listed = list(entries)
    text = encode_header(SegmentHeader(1, ORIGIN, 1, 0))
    for number, entry in enumerate(listed, 1):
        text += encode_record(pack_block(ORIGIN, number, [entry]), 1)
    segment = LoadedSegment(text, generation=1, limit=len(text))
    waiting = {ORIGIN.run: RangeSet([(1, len(listed))])}
    return thin(segment, waiting, anchors=anchors or Anchors(), counters=COUNTERS, most_bytes=most_bytes)


def _bodies(thinned: Thinned) -> list[bytes]:
    return [entry.body for _, entry in thinned.kept]


def test_the_last_counter_of_each_quarter_and_device_stays() -> None:
    """Of every series the last line in a quarter of an hour stays, with its counters, their marks and its status."""
    head = b"kvarter,site=s,device="
    entries = [
        _entry(head + b"a elec_energy_import=1,elec_power_active=5,status=0i", START_MS),
        _entry(head + b"b heat_energy=7,heat_energy_suspect=1i,heat_power=3,status=1i,clock=1i", START_MS + 1),
        _entry(head + b"a elec_energy_import=2,elec_power_active=6,status=0i", START_MS + QUARTER_MS - 1),
        _entry(head + b"a elec_energy_import=3,elec_power_active=7,status=0i", START_MS + QUARTER_MS),
        _entry(head + b"a elec_power_active=8,status=0i", START_MS + QUARTER_MS + 1),
        _entry(head + b"a status=2i", START_MS + QUARTER_MS + 2),
    ]
    thinned = _thin(entries)
    assert _bodies(thinned) == [
        head + b"b heat_energy=7,heat_energy_suspect=1i,status=1i,clock=1i",
        head + b"a elec_energy_import=2,status=0i",
        head + b"a elec_energy_import=3,status=0i",
    ]
    assert (thinned.read, thinned.count) == (6, 6)
    assert (thinned.from_ms, thinned.to_ms) == (START_MS, START_MS + QUARTER_MS + 2)


def test_each_counter_has_its_own_last_line() -> None:
    """Counters that are polled at different times all survive."""
    head = b"kvarter,site=s,device=a "
    thinned = _thin(
        [
            _entry(head + b"heat_energy=1,status=0i", START_MS),
            _entry(head + b"elec_energy_import=1,status=0i", START_MS + 1),
            _entry(head + b"elec_energy_import=2,status=0i", START_MS + 2),
        ]
    )
    assert _bodies(thinned) == [head + b"heat_energy=1,status=0i", head + b"elec_energy_import=2,status=0i"]
    assert thinned.count == 1


def test_events_stay_as_they_are() -> None:
    """Gaps and other events survive whole, with their comments."""
    body = b'# {"text": "x"}\nkvarter_event,site=s,kind=gap,cause=full from=1i,to=2i,count=3i'
    thinned = _thin([_entry(body, START_MS)])
    assert _bodies(thinned) == [body]
    assert thinned.count == 0


def test_what_was_thinned_before_is_not_lost_twice() -> None:
    """A line that has nothing but counters survives unchanged and is not counted."""
    body = b"kvarter,site=s,device=a elec_energy_import=2,status=0i"
    thinned = _thin([_entry(body, START_MS)])
    assert (_bodies(thinned), thinned.count) == ([body], 0)


def test_what_stays_is_bounded() -> None:
    """Where even the counters are too many, readings go and events stay; where those are too many, all goes."""
    readings = [
        _entry(b"kvarter,site=s,device=d%d heat_energy=1,status=0i" % number, START_MS + number) for number in range(99)
    ]
    event = _entry(b"kvarter_event,site=s,kind=gap,cause=full from=1i,to=2i,count=3i", START_MS)
    assert len(_thin([*readings, event]).kept) == 100
    assert _bodies(_thin([*readings, event], most_bytes=1000)) == [event.body]
    assert _bodies(_thin([*readings, event], most_bytes=10)) == []
    assert _thin(readings, most_bytes=10).count == 99


def test_times_are_fixed_on_the_way() -> None:
    """A line that waited for an anchor leaves with the time it gave, and says so where it is uncertain."""
    body = b"kvarter,site=s,device=a heat_energy=2,status=0i"
    anchors = Anchors().plus(Anchor(ORIGIN.boot, 10**9, START_MS + 5, uncertain=True))
    ((_, entry),) = _thin([_entry(body, START_MS + 1, Stamp.NONE)], anchors=anchors).kept
    assert (entry.time_ms, entry.stamp) == (START_MS + 7, Stamp.UNCERTAIN)
    ((_, waits),) = _thin([_entry(body, START_MS + 1, Stamp.NONE)]).kept
    assert waits.stamp is Stamp.NONE


def _reading(number: int, random: Random) -> bytes:
    gauges = b"".join(b"p%d=%d.5," % (index, random.randrange(10**9)) for index in range(30))
    return b"kvarter,site=s,device=d%d %belec_energy_import=%d,status=0i" % (number % 3, gauges, number)


async def test_a_full_ring_keeps_counters_and_declares_the_rest() -> None:
    """The ring keeps its size, new lines stay whole, old ones keep quarter-hour counters, and gaps cover what went."""
    stage = Stage(segments=6, counters=frozenset({"elec_energy_import"}))
    spool = await stage.open()
    random, sampled = Random(1), dict[int, int]()  # noqa: S311 - a simulation
    for number in range(3000):
        sampled[number] = stage.clock.utc_ms()
        stage.append(_reading(number, random))
        await stage.clock.advance(6)
    assert len(stage.flash.contents) <= 6
    assert spool.health.thinned > 1000
    assert spool.backlog().size_bytes <= spool.backlog().capacity_bytes
    _check(await stage.drain(), sampled)
    assert spool.backlog().waiting == 0
    await stage.kill()


def _check(lines: list[bytes], sampled: dict[int, int]) -> None:
    spans, whole, thinned = [], set[int](), set[int]()
    for text in lines:
        if b"kind=gap" in text:
            fields = parse_line(text).fields
            spans.append((int(fields["from"]), int(fields["to"])))
        else:
            number = int(text.split(b"elec_energy_import=")[1].split(b",")[0])
            assert text.endswith(b" %d000000" % sampled[number])
            (whole if b"p29=" in text else thinned).add(number)
    assert whole == set(range(min(whole), len(sampled)))
    missing = set(sampled) - whole
    assert all(any(start <= sampled[number] <= end for start, end in spans) for number in missing)
    quarters = {(number % 3, sampled[number] // QUARTER_MS): number for number in range(min(whole))}
    assert len(gaps(lines)) == len(spans) > 3
    assert set(quarters.values()) - thinned <= set(range(min(whole) - 3, min(whole)))
    assert thinned >= set(quarters.values()) - set(range(min(whole) - 3, min(whole)))


async def test_thinning_survives_kills_and_power_cuts() -> None:
    """Whatever ends the gateway while the ring is full, every line is whole, thinned, or inside a gap."""
    stage = Stage(segments=5, counters=frozenset({"elec_energy_import"}))
    await stage.open()
    random, sampled = Random(2), dict[int, int]()  # noqa: S311 - a simulation
    for number in range(2500):
        sampled[number] = stage.clock.utc_ms()
        stage.append(_reading(number, random))
        await stage.clock.advance(6)
        if number % 250 == 100:
            await stage.kill()
            await stage.open()
        if number % 250 == 200:
            await stage.cut_power(random)
            await stage.open()
    lines = await stage.drain()
    spans = [
        (int(fields["from"]), int(fields["to"])) for fields in (parse_line(t).fields for t in lines if b"=gap" in t)
    ]
    whole = {int(t.split(b"elec_energy_import=")[1].split(b",")[0]) for t in lines if b"p29=" in t}
    for number in set(sampled) - whole:
        assert any(start <= sampled[number] <= end for start, end in spans), number
    assert len(stage.flash.contents) <= 5
    await stage.kill()


async def test_a_disk_that_stops_growing_is_a_smaller_ring() -> None:
    """Where no further segment can be made, the oldest is thinned instead of losing what is new."""
    stage = Stage(segments=40, counters=frozenset({"elec_energy_import"}))
    stage.flash.room_bytes = 5 * SEGMENT_BYTES
    spool = await stage.open()
    random = Random(3)  # noqa: S311 - a simulation
    for number in range(2000):
        stage.append(_reading(number, random))
        await stage.clock.advance(6)
    assert spool.health.lost == 0
    assert spool.health.thinned > 500
    assert len(stage.flash.contents) == 5
    await stage.kill()


async def test_an_event_of_the_spool_has_a_time_of_its_own() -> None:
    """Gaps that are declared in the same millisecond are different rows."""
    stage = Stage()
    spool = await stage.open()
    for start_ms in range(3):
        spool.declare(Event("gap", "full", start_ms, start_ms, 0))
    times = {parse_line(text).time_ms for text in await stage.drain()}
    assert len(times) == 3
    await stage.kill()


async def test_entries_that_wait_for_their_time_can_be_thinned_too() -> None:
    """A ring that is full before the clock is known keeps counters, and the anchor still reaches them."""
    stage = Stage(segments=4, counters=frozenset({"elec_energy_import"}))
    stage.clock.is_synchronised = False
    spool = await stage.open()
    random = Random(4)  # noqa: S311 - a simulation
    for number in range(1200):
        spool.append(Entry(_reading(number, random), round(stage.clock.monotonic() * 1000), None))
        await stage.clock.advance(6)
    assert spool.health.thinned > 200
    assert await stage.batch() is None
    spool.anchor(stage.clock.utc_ms() - round(stage.clock.monotonic() * 1000), uncertain=False)
    await stage.clock.advance(10)
    lines = await stage.drain()
    assert spool.backlog().waiting == 0
    for text in lines:
        if b"kind=gap" not in text:
            number = int(text.split(b"elec_energy_import=")[1].split(b",")[0])
            assert text.endswith(b" %d000000" % (START_MS + 6000 * number))
    await stage.kill()
