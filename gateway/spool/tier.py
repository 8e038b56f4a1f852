"""The RAM tier: a ring of small segments in memory that survives this process, written as soon as there is an entry."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.core.errors import SpoolError
from gateway.core.protocols import Files
from gateway.spool.record import Origin, Record, SpooledEntry, encode_entry, encode_record, pack_origin
from gateway.spool.segment import Scan, SegmentHeader, encode_header, scan

_NAME = re.compile(r"tier-\d{4}\.seg")


class TierFull(SpoolError):
    """Every shelf holds entries that are nowhere else.

    Args:
        shelf: The oldest of them.
    """

    def __init__(self, shelf: "Shelf") -> None:
        super().__init__("the RAM tier is full")
        self.shelf = shelf


@dataclass(slots=True, eq=False)
class Shelf:
    """One segment of the tier."""

    name: str
    generation: int
    live: int = 0
    """Entries in it that are neither released nor on flash."""
    is_whole: bool = True
    """Whether the file has the size of a shelf; any other is made anew before it is used."""


class Tier:
    """Writes records into shelves, one after the other; a shelf is used again when nothing in it is live.

    Args:
        files: RAM-backed.
        size_bytes: Of all shelves.
        shelf_bytes: Of one.
    """

    def __init__(self, files: Files, *, size_bytes: int, shelf_bytes: int) -> None:
        self._files = files
        self._shelf_bytes = shelf_bytes
        self._most = max(3, size_bytes // shelf_bytes)
        self._shelves: list[Shelf] = []
        self._generation = 0
        self._active: Shelf | None = None
        self._position = 0
        self._origin = Origin("0" * 16, "0" * 8, "0" * 16)
        self._packed = pack_origin(self._origin)
        self._state: tuple[Record, ...] = ()

    @property
    def crowded(self) -> bool:
        """Whether more than half of it is taken by live entries."""
        return 2 * sum(1 for shelf in self._shelves if shelf.live) > self._most

    @property
    def size_bytes(self) -> int:
        """Size of the shelves that hold live entries."""
        return self._shelf_bytes * sum(1 for shelf in self._shelves if shelf.live)

    def recover(self) -> list[tuple[Shelf, Scan]]:
        """Return what an earlier process left behind, oldest first.

        Raises:
            SpoolError: the folder cannot be read.
        """
        left: list[tuple[Shelf, Scan]] = []
        for name in filter(_NAME.fullmatch, self._files.names()):
            whole = self._read(name)
            if whole is not None:
                found = scan(whole, padded=False)
                left.append((Shelf(name, found.generation or 0, is_whole=len(whole) == self._shelf_bytes), found))
        left.sort(key=lambda each: each[0].generation)
        self._shelves = [shelf for shelf, _ in left]
        self._generation = max((shelf.generation for shelf in self._shelves), default=0)
        return left

    def scans(self) -> Iterable[tuple[Shelf, Scan]]:
        """Yield what each shelf holds now, released entries too, oldest first."""
        for shelf in sorted(self._shelves, key=lambda each: each.generation):
            whole = self._read(shelf.name)
            if whole is not None:
                yield shelf, scan(whole, padded=False)

    def begin(self, origin: Origin, state: Sequence[Record] = ()) -> None:
        """Write for this origin from now on.

        Args:
            origin: Run, catalogue and boot of what follows.
            state: Records that every new shelf begins with, so that none of them goes with an old shelf.
        """
        self._origin = origin
        self._packed = pack_origin(origin)
        self._state = tuple(state)

    def put_entry(self, entry: SpooledEntry, sequence: int) -> Shelf:
        """Write one entry and return where it went.

        Raises:
            TierFull: an old shelf must be given up first.
            SpoolError: the memory refused it.
        """
        active = self._active
        if active is not None:
            chunk = encode_entry(entry, sequence, origin=self._packed, generation=active.generation)
            if self._position + len(chunk) <= self._shelf_bytes:
                return self._write(active, chunk)
        active = self._open(sequence)
        return self._write(active, encode_entry(entry, sequence, origin=self._packed, generation=active.generation))

    def put_note(self, record: Record) -> None:
        """Write any other record.

        Raises:
            SpoolError: the memory refused it, or is full.
        """
        active = self._active or self._open(record.first)
        chunk = encode_record(record, active.generation)
        if self._position + len(chunk) > self._shelf_bytes:
            active = self._open(record.first)
            chunk = encode_record(record, active.generation)
        self._write(active, chunk)

    def _write(self, shelf: Shelf, chunk: bytes) -> Shelf:
        try:
            self._files.write(shelf.name, offset=self._position, chunk=chunk)
        except SpoolError:
            self._active = None
            raise
        self._position += len(chunk)
        return shelf

    def reuse(self, shelf: Shelf, records: Sequence[Record]) -> int:
        """Begin a shelf anew with these records; return how many of them fit.

        Raises:
            SpoolError: the memory refused it.
        """
        return self._start(shelf, 0, records)

    def _open(self, sequence: int) -> Shelf:
        """Begin a new shelf: as many as allowed are made, then the oldest without live entries is used again."""
        self._active = None
        shelf = self._spare()
        self._start(shelf, sequence, ())
        return shelf

    def _start(self, shelf: Shelf, sequence: int, records: Sequence[Record]) -> int:
        self._active = None
        self._generation += 1
        shelf.generation = self._generation
        head = encode_header(SegmentHeader(shelf.generation, self._origin, sequence, 0))
        head += b"".join(encode_record(record, shelf.generation) for record in self._state)
        fitting = 0
        for record in records:
            frame = encode_record(record, shelf.generation)
            if len(head) + len(frame) > self._shelf_bytes:
                break
            head += frame
            fitting += 1
        self._files.write(shelf.name, offset=0, chunk=head)
        self._active, self._position = shelf, len(head)
        return fitting

    def _spare(self) -> Shelf:
        refused: SpoolError | None = None
        if len(self._shelves) < self._most:
            try:
                return self._grow()
            except SpoolError as exc:
                refused = exc
        by_age = sorted(self._shelves, key=lambda each: each.generation)
        for shelf in by_age:
            if not shelf.live:
                if not shelf.is_whole:
                    self._files.allocate(shelf.name, size_bytes=self._shelf_bytes)
                    shelf.is_whole = True
                return shelf
        raise refused or TierFull(by_age[0])

    def _grow(self) -> Shelf:
        taken = {shelf.name for shelf in self._shelves}
        name = next(name for number in range(self._most) if (name := f"tier-{number:04}.seg") not in taken)
        self._files.allocate(name, size_bytes=self._shelf_bytes)
        shelf = Shelf(name, 0)
        self._shelves.append(shelf)
        return shelf

    def _read(self, name: str) -> bytes | None:
        try:
            return self._files.read(name)
        except SpoolError:
            return None
