import pytest

from gateway.core.errors import SpoolError
from gateway.spool.record import Kind, Origin, Record, SpooledEntry, Stamp
from gateway.spool.tier import Shelf, Tier, TierFull
from tests.fakes_files import MemoryFiles

ORIGIN = Origin("0123456789abcdef", "89abcdef", "fedcba9876543210")
SHELF_BYTES = 4096
SHELVES = 4


def _tier(files: MemoryFiles) -> Tier:
    tier = Tier(files, size_bytes=SHELVES * SHELF_BYTES, shelf_bytes=SHELF_BYTES)
    tier.recover()
    tier.begin(ORIGIN)
    return tier


def _put(tier: Tier, sequence: int) -> Shelf:
    shelf = tier.put_entry(SpooledEntry(b"x" * 400, sequence, sequence, Stamp.CERTAIN), sequence)
    shelf.live += 1
    return shelf


def _put_many(tier: Tier, sequences: range) -> None:
    for sequence in sequences:
        _put(tier, sequence)


def _sequences(files: MemoryFiles) -> list[int]:
    left = Tier(files, size_bytes=SHELVES * SHELF_BYTES, shelf_bytes=SHELF_BYTES).recover()
    return [record.first for _, found in left for record in found.records if record.kind is Kind.ENTRY]


def test_entries_are_there_for_the_next_process() -> None:
    """What was put comes back in order."""
    files = MemoryFiles()
    tier = _tier(files)
    for sequence in range(1, 20):
        _put(tier, sequence)
    assert _sequences(files) == list(range(1, 20))


def test_it_never_grows_beyond_its_size() -> None:
    """Shelves without live entries are used again, oldest first; the newest entries are always there."""
    files = MemoryFiles()
    tier = _tier(files)
    for sequence in range(1, 500):
        _put(tier, sequence).live -= 1
    assert len(files.contents) == SHELVES
    kept = _sequences(files)
    assert kept == list(range(kept[0], 500))
    assert len(kept) > 20
    assert tier.size_bytes == 0


def test_live_entries_are_never_overwritten() -> None:
    """When every shelf has live entries the oldest is named, and used again when it has none any more."""
    files = MemoryFiles()
    tier = _tier(files)
    first = _put(tier, 1)
    with pytest.raises(TierFull) as full:
        _put_many(tier, range(2, 500))
    assert full.value.shelf is first
    assert tier.crowded
    assert 1 in _sequences(files)
    first.live = 0
    _put(tier, 1000)
    assert 1 not in _sequences(files)
    assert 1000 in _sequences(files)


def test_every_shelf_repeats_the_state() -> None:
    """Anchors do not go with the shelf they were written in first."""
    files = MemoryFiles()
    tier = _tier(files)
    tier.begin(ORIGIN, [Record(Kind.ANCHOR, ORIGIN, monotonic_ms=5, time_ms=7)])
    for sequence in range(1, 100):
        _put(tier, sequence).live -= 1
    left = Tier(files, size_bytes=SHELVES * SHELF_BYTES, shelf_bytes=SHELF_BYTES).recover()
    assert all(any(record.kind is Kind.ANCHOR for record in found.records) for _, found in left)


def test_a_shelf_of_another_size_is_read_and_made_anew() -> None:
    """Entries of a cut shelf are found, and the file has the right size before it is written."""
    files = MemoryFiles()
    tier = _tier(files)
    for sequence in range(1, 30):
        _put(tier, sequence).live -= 1
    name = min(files.contents)
    files.put(name, bytes(files.contents[name][:1000]))
    files.put("other.txt", b"not ours")
    assert _sequences(files)[0] == 1
    again = _tier(files)
    for sequence in range(100, 200):
        _put(again, sequence).live -= 1
    assert {len(content) for name, content in files.contents.items() if name != "other.txt"} == {SHELF_BYTES}
    assert files.contents["other.txt"] == b"not ours"


def test_a_refused_write_is_told_and_not_final() -> None:
    """Memory that refuses is an error of its own; the next entry starts a new shelf."""
    files = MemoryFiles()
    tier = _tier(files)
    _put(tier, 1)
    files.refusals["write"] = "No space left on device"
    with pytest.raises(SpoolError, match="No space left"):
        _put(tier, 2)
    files.refusals.clear()
    _put(tier, 3)
    assert _sequences(files) == [1, 3]


def test_where_no_shelf_can_be_made_old_ones_do() -> None:
    """A memory file system that others have filled leaves us the shelves we have."""
    files = MemoryFiles()
    files.room_bytes = 2 * SHELF_BYTES
    tier = _tier(files)
    for sequence in range(1, 100):
        _put(tier, sequence).live -= 1
    assert len(files.contents) == 2
    assert _sequences(files)[-1] == 99
