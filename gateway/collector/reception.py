"""The collector's side of the broker: what comes in, and the receipts that go out."""

import asyncio
import re
from collections import deque
from fnmatch import translate

from gateway.collector.intake import Arrival, Intake
from gateway.collector.journal import OUR_WORDS, Journal
from gateway.collector.presence import Presence
from gateway.collector.settings import CollectorSettings
from gateway.collector.statuses import Statuses
from gateway.core.clock import Clock
from gateway.core.delays import Delays
from gateway.core.errors import SinkUnavailable
from gateway.core.notices import first_error
from gateway.core.protocols import BrokerClient, BrokerSession, Message
from gateway.wire.batch import MAX_BATCH_BYTES
from gateway.wire.catalogue import MAX_CATALOGUE_BYTES
from gateway.wire.receipt import Receipt, encode_receipt
from gateway.wire.topics import Topics, every_site, parse_topic

READINGS, PACKED, CATALOGUE, STATUS = "readings", "readings/gz", "catalogue", "status"

_LIMITS = {READINGS: MAX_BATCH_BYTES, PACKED: MAX_BATCH_BYTES, CATALOGUE: MAX_CATALOGUE_BYTES}
_RECEIPTS_AT_ONCE = 32
_MOST_RECEIPTS = 10_000
_MOST_SITES = 10_000
_STABLE_S = 30.0
_ASK_AGAIN_S = 30.0


def topic_filters(settings: CollectorSettings, *, statuses: bool = False) -> list[str]:
    """Return what to subscribe to: catalogues before the batches that need them, and shared batches only."""
    leaves = [(CATALOGUE, None), *([(STATUS, None)] if statuses else []), (READINGS, settings.group)]
    if "gz" in settings.accepts:
        leaves.append((PACKED, settings.group))
    if any(set(pattern) & set("*?") for pattern in settings.sites):
        return [every_site(leaf, group=group) for leaf, group in leaves]
    return [every_site(leaf, group=group).replace("+", site) for leaf, group in leaves for site in settings.sites]


class Reception:
    """Holds a connection to the broker for ever; receipts outlive a lost one."""

    def __init__(
        self,
        broker: BrokerClient,
        intake: Intake,
        *,
        settings: CollectorSettings,
        clock: Clock,
        delays: Delays,
        journal: Journal,
    ) -> None:
        self.statuses: Statuses | None = None
        """Take what gateways say of themselves; None where nobody wants to know."""
        self._broker = broker
        self._intake = intake
        self._settings = settings
        self._clock = clock
        self._delays = delays
        self._journal = journal
        self._presence = Presence(settings.origin, clock=clock, journal=journal) if settings.origin else None
        self._patterns = re.compile("|".join(map(translate, settings.sites)))
        self._receipts: deque[Message] = deque(maxlen=_MOST_RECEIPTS)
        self._changed = asyncio.Event()
        self._answered = asyncio.Event()
        self._answered.set()
        self._wishes: deque[str] = deque(maxlen=_MOST_SITES)
        self._asked_s: dict[str, float] = {}
        self._is_open = True
        self.connected = False

    def close(self) -> None:
        """Take nothing more; receipts still go out."""
        self._is_open = False

    def answer(self, site: str, receipt: Receipt) -> None:
        """Send a receipt as soon as there is a connection."""
        self._receipts.append(Message(Topics(site).receipt, encode_receipt(receipt)))
        self._changed.set()
        if self.connected:
            self._answered.clear()

    async def answered(self) -> None:
        """Return when every receipt is sent, or there is no connection to send it over."""
        await self._answered.wait()

    def wish(self, site: str) -> None:
        """Ask the broker for a site's retained catalogue again, at most twice a minute."""
        now_s = self._clock.monotonic()
        if len(self._asked_s) > _MOST_SITES:
            self._asked_s.clear()
        if now_s - self._asked_s.get(site, -_ASK_AGAIN_S) >= _ASK_AGAIN_S:
            self._asked_s[site] = now_s
            self._wishes.append(site)
            self._changed.set()

    async def run(self) -> None:
        """Connect, and connect again, for ever."""
        while True:
            started_s = self._clock.monotonic()
            # A task group that fails while it is cancelled swallows the cancellation; the one around it does not.
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._connection(), name="collect[connection]")
            if self._clock.monotonic() - started_s >= _STABLE_S:
                self._delays.reset()
            await self._clock.sleep_until(self._clock.monotonic() + self._delays.next_s())

    async def _connection(self) -> None:
        """Return when a connection is lost."""
        try:
            await self._connect()
        except* SinkUnavailable as group:
            self._journal.counters.failures += 1
            self._journal.warn("broker", str(first_error(group)), texts=OUR_WORDS)
        finally:
            self.connected = False
            self._answered.set()

    async def _connect(self) -> None:
        will = self._presence.will if self._presence else None
        async with self._broker.connect(will=will) as session:
            for topic in topic_filters(self._settings, statuses=self.statuses is not None):
                await session.subscribe(topic)
            self._journal.counters.connections += 1
            self.connected = True
            if self._receipts:
                self._answered.clear()
            self._journal.recovered("broker", "connected to the broker again")
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive(session), name="collect[receive]")
                tasks.create_task(self._send(session), name="collect[receipts]")
                if self._presence:
                    tasks.create_task(self._presence.tell(session), name="collect[status]")

    async def _receive(self, session: BrokerSession) -> None:
        async for message in session.messages():
            if self._is_open:
                self._take(message)

    def _take(self, message: Message) -> None:
        site, leaf = parse_topic(message.topic) or ("", "")
        if leaf == STATUS and self.statuses is not None:
            if self._patterns.fullmatch(site):
                self.statuses.take(site, message.payload)
            return
        if leaf not in _LIMITS:
            self._journal.counters.unsolicited += 1
            self._journal.warn("topic", f"a message on {message.topic[:200]!r} was not asked for; it is ignored")
            return
        if self._patterns.fullmatch(site) is None:
            self._journal.counters.foreign += 1
            return
        if len(message.payload) > _LIMITS[leaf]:
            self._journal.counters.malformed += 1
            self._journal.warn(f"size {site}", f"{site}: a message of {len(message.payload)} bytes is too large")
            return
        if not self._intake.put(Arrival(site, leaf, message.payload)):
            self._journal.counters.dropped += 1
            self._journal.warn("room", f"{site}: batches come faster than they are stored; they will come again")
        elif self._intake.is_calm:
            self._journal.recovered("room", "batches fit into memory again")

    async def _send(self, session: BrokerSession) -> None:
        while True:
            while not (self._receipts or self._wishes):
                self._changed.clear()
                await self._changed.wait()
            while self._wishes:
                await session.subscribe(Topics(self._wishes.popleft()).catalogue)
            chunk = [self._receipts.popleft() for _ in range(min(len(self._receipts), _RECEIPTS_AT_ONCE))]
            try:
                async with asyncio.TaskGroup() as tasks:
                    for message in chunk:
                        tasks.create_task(session.publish(message), name="collect[receipt]")
            except BaseException:
                self._receipts.extendleft(reversed(chunk))
                raise
            self._journal.counters.receipts += len(chunk)
            if not self._receipts:
                self._answered.set()
