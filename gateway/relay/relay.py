"""From the spool to the broker, and from the collector's receipts back to the spool."""

import asyncio
import logging
from contextlib import suppress
from random import Random

from gateway.core.clock import Clock
from gateway.core.delays import Delays
from gateway.core.errors import SinkUnavailable, WireError
from gateway.core.notices import Notices, first_error
from gateway.core.protocols import Batch, BrokerClient, BrokerSession, Message, Spool
from gateway.core.readout import Readout
from gateway.relay.course import Course
from gateway.relay.flights import LEAST_BYTES, Flight, Flights, Pace
from gateway.relay.lanes import newer_part, older_part
from gateway.relay.people import LiveValues
from gateway.relay.presence import Presence
from gateway.relay.settings import Origin, RelayCounters, RelaySettings
from gateway.wire.batch import compress, encode_batch
from gateway.wire.receipt import decode_receipt
from gateway.wire.topics import Topics

_LOG = logging.getLogger(__name__)

_MAX_LINES = 4000
_LIVE_BATCHES = 4
"""At one time; what is new beyond them is sent as backlog."""
_SMALL_BYTES = 16_384
"""Up to this size a batch is compressed at once; above it, in a thread."""
_GAIN = 0.9
_GZIP_S = 60.0
_TEXTS = 6
"""Different complaints about the broker in a minute."""
_STABLE_S = 30.0
_FAREWELL_S = 2.0


class Relay:
    """Sends what the spool holds: new lines first, then the backlog; a receipt frees it."""

    def __init__(
        self,
        broker: BrokerClient,
        spool: Spool,
        *,
        origin: Origin,
        clock: Clock,
        random: Random,
        settings: RelaySettings | None = None,
    ) -> None:
        self._broker = broker
        self._spool = spool
        self._origin = origin
        self._clock = clock
        self._settings = settings or RelaySettings()
        self._delays = Delays(random, longest_s=self._settings.longest_delay_s)
        self._topics = Topics(origin.site)
        self._flights = Flights(resend_s=self._settings.resend_s)
        self._pace = Pace()
        self._course = Course()
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._gzip_until_s = -1.0
        self._notices = Notices(change_s=60.0)
        self.counters = RelayCounters()
        self._presence = Presence(origin, clock=clock, counters=self.counters, notices=self._notices)
        self._people = LiveValues(
            self._topics, interval_s=self._settings.live_interval_s, clock=clock, counters=self.counters
        )

    @property
    def connected(self) -> bool:
        """Whether a connection stands and the birth is published."""
        return self._course.is_open

    def adopt(self, catalogue: str) -> None:
        """Take another catalogue in force; it is published before the first batch that refers to it."""
        self._presence.in_force = catalogue
        self._course.announced.discard(catalogue)

    def forget(self, device: str) -> None:
        """Publish nothing more for people of a device that is gone."""
        self._people.forget(device)

    def show(self, readout: Readout, time_ms: int | None) -> None:
        """Remember the last values of a device for people; only the newest are ever sent."""
        if self._settings.live:
            self._people.show(readout, time_ms)

    async def run(self) -> None:
        """Send for ever; whatever happens to the broker, keep, come back, and send again."""
        while True:
            started_s = self._clock.monotonic()
            # A task group that fails while it is cancelled swallows the cancellation; the one around it does not.
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._connection(), name="relay[connection]")
            if self._clock.monotonic() - started_s >= _STABLE_S:
                self._delays.reset()
            await self._clock.sleep_until(self._clock.monotonic() + self._delays.next_s())

    async def _connection(self) -> None:
        """Return when a connection is lost."""
        try:
            await self._connect()
        except* SinkUnavailable as group:
            self._lost(group)

    async def _connect(self) -> None:
        will = self._presence.will
        async with self._broker.connect(will=will) as session:
            try:
                await self._converse(session)
            except asyncio.CancelledError:
                with suppress(SinkUnavailable, TimeoutError):
                    async with asyncio.timeout(_FAREWELL_S):
                        await session.publish(will)
                raise

    async def _converse(self, session: BrokerSession) -> None:
        self._course = Course()
        self._pace.lost()
        await session.subscribe(self._topics.receipt)
        await self._announce(session, self._presence.in_force)
        await self._presence.begin(session)
        self.counters.connections += 1
        self._course.is_open = True
        if self._notices.recovered("broker"):
            _LOG.info("relay: connected to the broker again")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive(session), name="relay[receipts]")
            tasks.create_task(self._send_live(session), name="relay[live]")
            tasks.create_task(self._send_backlog(session, tasks), name="relay[backlog]")
            tasks.create_task(self._presence.tell(session), name="relay[status]")
            if self._settings.live:
                tasks.create_task(self._people.publish(session), name="relay[people]")

    def _lost(self, group: BaseExceptionGroup[SinkUnavailable]) -> None:
        self._course = Course()
        self.counters.failures += 1
        self._warn("broker", str(first_error(group)), texts=_TEXTS)

    async def _announce(self, session: BrokerSession, catalogue: str) -> None:
        """Publish a catalogue once per connection; only the one in force is retained."""
        if catalogue in self._course.announced:
            return
        self._course.announced.add(catalogue)
        text = self._origin.catalogues.get(catalogue)
        if text is None:
            self.counters.unknown_catalogues += 1
            self._warn("catalogue", f"catalogue {catalogue} of waiting readouts is lost; a collector must have it")
            return
        await session.publish(Message(self._topics.catalogue, text, retain=catalogue == self._presence.in_force))

    async def _send_live(self, session: BrokerSession) -> None:
        while True:
            await self._spool.wait()
            await self._clock.sleep_until(self._clock.monotonic() + self._settings.collect_s)
            async with asyncio.TaskGroup() as tasks:
                for batch, flight in await self._take_new():
                    tasks.create_task(self._send(session, batch, flight), name=f"relay[live {batch.first}]")
            self._wake.set()

    async def _take_new(self) -> list[tuple[Batch, Flight]]:
        """Return what is new, newest first; at the first look only the newest batch counts as new."""
        course = self._course
        floor = -1 if course.mark is None else course.mark
        taken: list[tuple[Batch, Flight]] = []
        async with self._turn:
            for _ in range(1 if course.mark is None else _LIVE_BATCHES):
                if not await self._is_anything_new(floor):
                    break
                batch = await self._spool.next_batch(order="newest", max_lines=_MAX_LINES, max_bytes=LEAST_BYTES)
                new = batch and newer_part(batch, self._origin.run, floor)
                if not new:
                    break
                taken.append((new, self._launch(new, is_backfill=False)))
                if new.first <= floor + 1:
                    break
        course.mark = max([floor, *(batch.last for batch, _ in taken)])
        return taken

    async def _is_anything_new(self, floor: int) -> bool:
        """Look at one line: while only backlog waits, a whole batch would be unpacked twice a second for nothing."""
        newest = await self._spool.next_batch(order="newest", max_lines=1, max_bytes=LEAST_BYTES)
        return newest is not None and newest.run == self._origin.run and newest.last > floor

    async def _send_backlog(self, session: BrokerSession, tasks: asyncio.TaskGroup) -> None:
        while True:
            self._wake.clear()
            taken = await self._take_old()
            if taken is None:
                await self._wake.wait()
            else:
                batch, flight = taken
                tasks.create_task(self._send(session, batch, flight), name=f"relay[backlog {batch.first}]")

    async def _take_old(self) -> tuple[Batch, Flight] | None:
        """Return the oldest batch of backlog, None when there is none or enough is on its way."""
        self._look_for_overdue()
        if self._course.mark is None or not self._pace.allows(self._flights):
            return None
        async with self._turn:
            batch = await self._spool.next_batch(order="oldest", max_lines=_MAX_LINES, max_bytes=self._pace.batch_bytes)
            old = batch and older_part(batch, self._origin.run, self._course.mark)
            return (old, self._launch(old, is_backfill=True)) if old else None

    def _look_for_overdue(self) -> None:
        """Close the window for what got no receipt; perhaps its catalogue did not arrive, so it is published again."""
        now_s = self._clock.monotonic()
        for flight in self._flights.overdue(now_s):
            self.counters.overdue += 1
            self._pace.lost()
            self._course.doubt(flight.catalogue, is_in_force=flight.catalogue == self._presence.in_force, now_s=now_s)

    def _launch(self, batch: Batch, *, is_backfill: bool) -> Flight:
        self._spool.sent(batch)
        size_bytes = sum(map(len, batch.lines))
        now_s = self._clock.monotonic()
        flight = Flight(batch.run, batch.first, batch.last, batch.catalogue, size_bytes, now_s, is_backfill)
        self._flights.launch(flight)
        return flight

    async def _send(self, session: BrokerSession, batch: Batch, flight: Flight) -> None:
        await self._announce(session, batch.catalogue)
        message = await self._packed(encode_batch(self._origin.site, batch))
        await session.publish(message)
        flight.acknowledged_s = self._clock.monotonic()
        self.counters.batches += 1
        self.counters.lines += len(batch.lines)
        if self._settings.delivery == "acknowledgement":
            self._landed(batch.run, batch.first, batch.last)

    async def _packed(self, text: bytes) -> Message:
        """Return the message, compressed where a collector takes it and it pays."""
        if not self._settings.compression or self._clock.monotonic() > self._gzip_until_s:
            return Message(self._topics.readings, text)
        packed = compress(text) if len(text) <= _SMALL_BYTES else await asyncio.to_thread(compress, text)
        if len(packed) > _GAIN * len(text):
            return Message(self._topics.readings, text)
        self.counters.compressed += 1
        return Message(self._topics.readings_gz, packed)

    async def _receive(self, session: BrokerSession) -> None:
        async for message in session.messages():
            if message.topic != self._topics.receipt:
                self.counters.unsolicited += 1
                self._warn("unsolicited", f"a message on {message.topic[:200]!r} was not asked for; it is ignored")
                continue
            try:
                receipt = decode_receipt(message.payload)
            except WireError as exc:
                self.counters.malformed_receipts += 1
                self._warn("receipt", f"a message on {message.topic} is ignored: {exc}")
                continue
            if self._landed(receipt.run, receipt.first, receipt.last) and "gz" in receipt.accepts:
                self._gzip_until_s = self._clock.monotonic() + _GZIP_S

    def _landed(self, run: str, first: int, last: int) -> bool:
        """Free what a receipt names; return whether it was on its way."""
        flight = self._flights.land(run, first, last)
        if flight is None:
            self.counters.idle_receipts += 1
            return False
        self.counters.receipts += 1
        self._course.confirmed.add(flight.catalogue)
        self.counters.released += self._spool.release(run, first, last)
        self._pace.landed(flight, self._clock.monotonic())
        self._wake.set()
        return True

    def _warn(self, subject: str, text: str, *, texts: int = 1) -> None:
        line = self._notices.failed(subject, text, now_s=self._clock.monotonic(), texts=texts)
        if line is not None:
            _LOG.warning("relay: %s", line)
