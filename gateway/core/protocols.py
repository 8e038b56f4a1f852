"""The seams: everything a part of the ring may ask of another."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from gateway.core.readout import Event, Readout


class Driver(Protocol):
    """Reads one polled device; it has no schedule, no queue and no retry."""

    async def read(self, points: Sequence[str], *, keep_raw: bool = False) -> Readout:
        """Return the values of the named points, None where the device gave none (status PARTIAL).

        Raises:
            DeviceError: no value at all could be had from this device.
            LinkDown: the port or connection is gone.
        """


class Listener(Protocol):
    """Receives the telegrams of meters that send by themselves; one port may carry several of them."""

    async def listen(self, *, deadline_s: float) -> Sequence[Readout]:
        """Return the readouts of the next telegram, one per device in it, none when the deadline passed first.

        Args:
            deadline_s: On `Clock.monotonic`.

        Raises:
            CorruptFrame: what came is no telegram, or cannot be opened; the next call goes on behind it.
            LinkDown: the port or connection is gone.
        """


class Stream(Protocol):
    """One open serial port or socket: bytes out, chunks in."""

    def write(self, data: bytes) -> None:
        """Queue the bytes for sending at once.

        Raises:
            LinkDown: the stream is closed.
        """

    async def receive(self, *, deadline_s: float) -> bytes:
        """Return the next bytes that arrived, b"" when the deadline on the loop's clock passed first.

        Raises:
            LinkDown: the other side closed, or the device is gone.
        """

    def set_baudrate(self, baudrate: int) -> None:
        """Change the speed of a serial port, once what was written has left; nothing on a socket.

        Raises:
            LinkDown: the port refuses it.
        """

    def close(self) -> None:
        """Close at once; closing twice is allowed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line on its way into the spool."""

    body: bytes
    """Line protocol without its timestamp; comment lines may stand before it."""
    monotonic_ms: int
    """End of the acquisition, milliseconds since boot."""
    time_ms: int | None
    """UTC, or None until the clock is synchronised."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A contiguous range of one run, ready to be sent."""

    run: str
    """16 hexadecimal digits."""
    first: int
    last: int
    catalogue: str
    """8 hexadecimal digits: the catalogue that the lines refer to."""
    lines: tuple[bytes, ...]
    """Complete lines, one per sequence number, without line feed at the end."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the spool."""

    waiting: int
    """Readouts without receipt."""
    oldest_ms: int | None
    """UTC of the oldest of them, None when there is none or it has no time yet."""
    size_bytes: int
    capacity_bytes: int


class Spool(Protocol):
    """The durable log between a reading and its receipt."""

    def append(self, entry: Entry) -> None:
        """Keep the entry so that it survives the death of this process; never waits for a disk."""

    def anchor(self, offset_ms: int, *, uncertain: bool) -> None:
        """Fix the time of all entries of this boot that have none: monotonic + offset, for ever.

        Args:
            offset_ms: UTC minus monotonic, in milliseconds.
            uncertain: No time service vouches for it; the lines then say `clock=1i`.
        """

    async def next_batch(self, *, order: Literal["newest", "oldest"], max_lines: int, max_bytes: int) -> Batch | None:
        """Return a range that was not sent yet, None when there is none whose time is known.

        A batch never spans two runs, two catalogues or a hole, and its lines ascend.
        """

    def sent(self, batch: Batch) -> None:
        """Note that the batch is on its way; without receipt it is offered again after the resend time."""

    def release(self, run: str, first: int, last: int) -> int:
        """Free the range, which the store has confirmed; return how many entries that freed."""

    def backlog(self) -> Backlog:
        """Return what waits."""

    async def wait(self) -> None:
        """Return when something may be ready to be sent."""


class Store(Protocol):
    """Keeps lines; writing the same line twice changes nothing."""

    async def write(self, lines: Sequence[bytes]) -> Sequence["Refusal"]:
        """Store the lines and return those that were refused for good; all others are stored.

        Raises:
            SinkUnavailable: nothing is certain; keep the lines and write them again.
        """


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that a store will never take."""

    index: int
    reason: str


Aggregate = Literal["mean", "min", "max", "last", "count"]


@dataclass(frozen=True, slots=True)
class Query:
    """A question to a store about one device."""

    site: str
    device: str
    points: tuple[str, ...]
    start_ms: int
    """UTC, included."""
    end_ms: int
    """UTC, excluded."""
    resolution_ms: int | None = None
    """Length of the buckets, aligned to 1970-01-01 UTC; None for the readouts as they are."""
    aggregate: Aggregate | None = None
    """None: the mean of a gauge and the last value of everything else."""


@dataclass(frozen=True, slots=True)
class Row:
    """Values at one instant, or of one bucket labelled by its start."""

    time_ms: int
    values: tuple[float | int | None, ...]
    """In the order of the points asked for; None where there is no value."""


class History(Protocol):
    """Reads back what was stored."""

    async def read(self, query: Query) -> Sequence[Row]:
        """Return rows in ascending time; instants and buckets without any value are absent.

        Raises:
            SinkUnavailable: the store does not answer.
        """


@dataclass(frozen=True, slots=True)
class Outline:
    """A stretch of time as a drawing needs it."""

    resolution_ms: int
    """Length of the buckets; coarser than asked for where the store kept nothing finer."""
    rows: Sequence[Row]
    """Of each point in turn mean, least and greatest; the last value alone of what has no mean."""


@runtime_checkable
class Overview(Protocol):
    """What a history can answer beside rows, where it keeps quarter-hours; asked for when a drawing must be quick."""

    async def outline(self, query: Query) -> Outline:
        """Return the buckets of a query, whose `aggregate` does not count.

        From quarter-hours on, a mean is weighted by time, not by readouts.

        Raises:
            SinkUnavailable: the store does not answer.
        """

    async def quarters(self, query: Query) -> Sequence[Row]:
        """Return what counters counted in each quarter-hour that is over; its resolution does not count.

        Raises:
            SinkUnavailable: the store does not answer.
        """


@runtime_checkable
class GapLedger(Protocol):
    """What a history can answer beside rows, where it keeps gaps in order of time."""

    async def gaps(self, site: str, device: str, between: tuple[int, int]) -> Sequence[Event]:
        """Return the gaps of a device, and of the whole site, that reach into a stretch of time; the first one first.

        Raises:
            SinkUnavailable: the store does not answer.
        """


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message."""

    topic: str
    payload: bytes
    retain: bool = False


class BrokerSession(Protocol):
    """An established connection to a broker."""

    async def publish(self, message: Message) -> None:
        """Return when the broker acknowledged the message (QoS 1).

        Raises:
            SinkUnavailable: the connection is gone or no acknowledgement came in time.
        """

    async def subscribe(self, topic: str) -> None:
        """Ask for a topic filter, at QoS 1.

        Raises:
            SinkUnavailable: the broker refused or is gone.
        """

    def messages(self) -> AsyncIterator[Message]:
        """Yield what arrives.

        Raises:
            SinkUnavailable: the connection is gone.
        """


class BrokerClient(Protocol):
    """Opens sessions with one broker."""

    def connect(self, *, will: Message | None = None) -> AbstractAsyncContextManager[BrokerSession]:
        """Connect; the session ends with the block. The broker publishes the will when we vanish.

        Raises:
            SinkUnavailable: the broker cannot be reached or refuses us.
        """


class Files(Protocol):
    """The file system as the spool sees it: whole files of fixed size, addressed by name within one directory."""

    def names(self) -> Sequence[str]:
        """Return the names of the files there, in no order.

        Raises:
            SpoolError: the directory cannot be read.
        """

    def allocate(self, name: str, *, size_bytes: int) -> None:
        """Make the file exist with that size, zero-filled and durable.

        Raises:
            SpoolError: the disk is full, read-only or broken.
        """

    def read(self, name: str, *, offset: int = 0, size_bytes: int | None = None) -> bytes:
        """Return the file or a part of it, less where the file ends before.

        Raises:
            SpoolError: it cannot be read.
        """

    def write(self, name: str, *, offset: int, chunk: bytes) -> None:
        """Write in place; it survives this process at once and a power cut after `sync`.

        Raises:
            SpoolError: the disk is full, read-only or broken.
        """

    def sync(self, name: str) -> None:
        """Return when all writes to the file survive a power cut.

        Raises:
            SpoolError: they may not.
        """

    def set_aside(self, name: str) -> None:
        """Move a file that is not ours, or no longer readable, out of the way; never fails."""
