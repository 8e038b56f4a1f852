import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from random import Random

import pytest

from gateway.core.protocols import Entry, Message
from gateway.core.readout import Readout, Status
from gateway.relay.relay import Relay
from gateway.relay.settings import Origin, RelaySettings
from gateway.wire.batch import decompress
from gateway.wire.receipt import Receipt, encode_receipt
from gateway.wire.topics import Topics
from tests.fakes import FakeClock
from tests.fakes_broker import FakeBroker, FakeCollector
from tests.fakes_spool import FakeSpool

RUN = "a" * 16
EARLIER_RUN = "b" * 16
TOPICS = Topics("house")
ORIGIN = Origin("house", RUN, "1.0", "cafe0001", {"cafe0001": b"catalogue in force", "cafe0000": b"older catalogue"})


@dataclass
class Bench:
    """A relay between a fake spool and a fake broker, with a fake collector behind it."""

    clock: FakeClock
    broker: FakeBroker
    spool: FakeSpool
    collector: FakeCollector
    relay: Relay
    appended: int = 0

    def append(self, count: int = 1, *, size: int = 100) -> None:
        """Put lines of a given size into the spool, each different."""
        for _ in range(count):
            body = b"kvarter,site=house,device=d status=%di" % self.appended
            self.appended += 1
            time_ms = self.clock.utc_ms() + self.appended
            self.spool.append(Entry(body.ljust(size - 21, b"0"), round(self.clock.monotonic() * 1000), time_ms))

    async def pass_time(self, seconds: float) -> None:
        """Let time pass in small steps, so that whole conversations fit between them."""
        for _ in range(round(seconds * 10)):
            await self.clock.advance(0.1)

    def arrival_s(self, sequence: int) -> float:
        """Return when a line of this run came first."""
        batches = zip(self.collector.arrived_s, self.collector.batches, strict=True)
        return next(at for at, batch in batches if batch.run == RUN and batch.first <= sequence <= batch.last)

    def sequences(self) -> list[tuple[str, int, int]]:
        """Return run, first and last of each batch that the collector got."""
        return [(batch.run, batch.first, batch.last) for batch in self.collector.batches]


@asynccontextmanager
async def bench(
    settings: RelaySettings | None = None, *, origin: Origin = ORIGIN, collecting: bool = True
) -> AsyncIterator[Bench]:
    """Run everything for the length of the block; the relay is started by `running`."""
    clock = FakeClock()
    broker = FakeBroker(clock)
    spool = FakeSpool(clock, run=RUN, catalogue=origin.catalogue)
    collector = FakeCollector(broker.local, clock, TOPICS)
    relay = Relay(broker, spool, origin=origin, clock=clock, random=Random(1), settings=settings)  # noqa: S311
    made = Bench(clock, broker, spool, collector, relay)
    async with background(*([collector.run()] if collecting else [])):
        await made.pass_time(0.1)
        yield made


@asynccontextmanager
async def background(*coroutines: object) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run coroutines for the length of the block."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]  # type: ignore[call-overload]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def test_a_new_line_arrives_and_its_receipt_frees_the_spool() -> None:
    """A line is sent within the collecting time and released when the receipt comes, not when the broker answers."""
    async with bench() as b, background(b.relay.run()):
        b.collector.delay_s = 5
        b.append()
        await b.pass_time(1)
        assert b.sequences() == [(RUN, 0, 0)]
        assert b.spool.backlog().waiting == 1
        await b.pass_time(5)
        assert b.spool.backlog().waiting == 0
        assert (b.relay.counters.receipts, b.relay.counters.released) == (1, 1)


async def test_lines_that_come_together_travel_together() -> None:
    """Fifty devices read each second make a few messages, not fifty."""
    async with bench() as b, background(b.relay.run()):
        await b.pass_time(1)
        for _ in range(10):
            b.append(50)
            await b.pass_time(1)
        await b.pass_time(1)
        assert len(b.collector.lines) == 500
        assert len(b.collector.batches) <= 20


async def test_birth_catalogue_and_farewell_are_retained() -> None:
    """The catalogue stands before the birth; both are retained, and stopping says offline."""
    async with bench() as b:
        async with background(b.relay.run()):
            await b.pass_time(1)
            assert b.relay.connected
            kept = {m.topic: m for m in b.broker.published if m.retain}
            assert list(kept) == [TOPICS.catalogue, TOPICS.status]
            assert kept[TOPICS.catalogue].payload == b"catalogue in force"
            birth = json.loads(kept[TOPICS.status].payload)
            assert (birth["state"], birth["run"], birth["catalogue"]) == ("online", RUN, "cafe0001")
        assert json.loads(b.broker.published[-1].payload)["state"] == "offline"


async def test_a_vanished_gateway_leaves_its_will() -> None:
    """When the connection is cut, the broker says offline for us."""
    async with bench() as b, background(b.relay.run()):
        await b.pass_time(1)
        b.broker.refusal = "down"
        b.broker.cut()
        await b.pass_time(1)
        states = [json.loads(m.payload)["state"] for m in b.collector.messages if m.topic == TOPICS.status]
        assert states == ["online", "offline"]
        assert not b.relay.connected


async def test_after_an_outage_the_newest_comes_first_and_then_the_oldest() -> None:
    """What is newest is seen at once; the rest follows from the oldest on, each line once."""
    async with bench() as b:
        b.append(4000, size=500)
        async with background(b.relay.run()):
            await b.pass_time(20)
        assert b.sequences()[0][2] == 3999
        backlog = [first for _, first, _ in b.sequences()[1:]]
        assert backlog[0] == 0
        assert backlog == sorted(backlog)
        assert sum(len(batch.lines) for batch in b.collector.batches) == len(b.collector.lines) == 4000
        assert b.spool.backlog().waiting == 0


async def test_earlier_runs_are_backlog_and_keep_their_run() -> None:
    """Lines of a run before the restart travel under their own run, after what is new."""
    async with bench() as b:
        b.spool.run = EARLIER_RUN
        b.append(10)
        b.spool.run = RUN
        b.append(5)
        async with background(b.relay.run()):
            await b.pass_time(3)
        assert b.sequences() == [(RUN, 0, 4), (EARLIER_RUN, 0, 9)]
        assert b.spool.backlog().waiting == 0


async def test_new_lines_are_never_late_while_the_backlog_drains_over_a_slow_link() -> None:
    """Over 100 kB/s with 3 MB waiting, every new line arrives within 2 s, and the backlog gets most of the link."""
    async with bench() as b:
        b.broker.bytes_per_s = 100_000
        b.append(1500, size=2000)
        async with background(b.relay.run()):
            await b.pass_time(3)
            appended_s: list[float] = []
            for _ in range(20):
                appended_s.append(b.clock.monotonic())
                b.append(size=2000)
                await b.pass_time(1)
            await b.pass_time(2)
        delays = [b.arrival_s(1500 + index) - at for index, at in enumerate(appended_s)]
        assert max(delays) <= 2.0
        assert len(b.collector.lines) * 2000 >= 0.6 * 25 * 100_000


async def test_without_receipts_everything_is_kept_and_little_is_sent_twice() -> None:
    """Without a collector new lines are sent once, and one small batch of backlog per resend time asks for one."""
    async with bench() as b, background(b.relay.run()):
        b.collector.answers = False
        b.append(1000, size=2000)
        await b.pass_time(300)
        assert b.spool.backlog().waiting == 1000
        sent = sum(len(m.payload) for m in b.broker.published)
        assert sent <= 65_536 * (2 + 300 / 30 * 2)
        b.collector.answers = True
        await b.pass_time(60)
        assert b.spool.backlog().waiting == 0


async def test_a_range_without_receipt_is_sent_again_after_the_resend_time() -> None:
    """A batch that nobody confirmed within 30 s is sent again until somebody does."""
    async with bench() as b, background(b.relay.run()):
        b.broker.forgets = lambda message: message.topic == TOPICS.readings
        b.append(3)
        await b.pass_time(25)
        assert b.collector.batches == []
        b.broker.forgets = lambda _: False
        await b.pass_time(10)
        assert b.sequences() == [(RUN, 0, 2)]
        assert b.relay.counters.overdue == 1
        assert b.spool.backlog().waiting == 0


@pytest.mark.parametrize("answers", [True, False])
async def test_acknowledgement_frees_only_where_the_site_file_says_so(answers: bool) -> None:  # noqa: FBT001
    """With delivery by acknowledgement the broker's word frees the spool, whoever listens."""
    async with bench(RelaySettings(delivery="acknowledgement")) as b, background(b.relay.run()):
        b.collector.answers = answers
        b.append(10)
        await b.pass_time(2)
        assert b.spool.backlog().waiting == 0


async def test_a_broker_that_never_acknowledges_holds_a_bounded_amount() -> None:
    """Unacknowledged batches are bounded, and after the connection is given up all of them come again."""
    async with bench(collecting=False) as b, background(b.relay.run()):
        await b.pass_time(1)
        b.broker.silent = True
        b.append(2000, size=5000)
        await b.pass_time(25)
        assert b.broker.waiting <= 12
        b.broker.silent = False
        b.broker.cut()
        async with background(b.collector.run()):
            await b.pass_time(120)
        assert b.spool.backlog().waiting == 0
        assert len(b.collector.lines) == 2000


async def test_duplicates_and_disorder_change_nothing() -> None:
    """A broker that delivers thrice and out of order still frees every line exactly once."""
    async with bench() as b, background(b.relay.run()):
        await b.pass_time(1)
        b.broker.copies = 3
        b.broker.swaps = True
        for _ in range(30):
            b.append(20)
            await b.pass_time(1)
        b.broker.swaps = False
        await b.pass_time(70)
        assert b.spool.backlog().waiting == 0
        assert len(b.collector.lines) == b.relay.counters.released == 600


async def test_reconnecting_waits_longer_each_time_and_says_it_once(caplog: pytest.LogCaptureFixture) -> None:
    """Attempts back off to half a minute with jitter; one line says the failure and one the recovery."""
    caplog.set_level(logging.INFO)
    async with bench() as b:
        b.broker.refusal = "broker mqtt://x: nothing listens there"
        b.append(5)
        async with background(b.relay.run()):
            await b.pass_time(10)
            assert 3 <= b.broker.attempts <= 8
            await b.pass_time(290)
            assert b.broker.attempts <= 28
            b.broker.refusal = None
            await b.pass_time(31)
            assert b.spool.backlog().waiting == 0
    texts = [record.getMessage() for record in caplog.records if record.name.startswith("gateway.relay")]
    assert texts == ["relay: broker mqtt://x: nothing listens there", "relay: connected to the broker again"]


async def test_messages_that_are_not_receipts_are_counted_and_harmless(caplog: pytest.LogCaptureFixture) -> None:
    """Malformed, invented and foreign receipts and unsolicited topics free nothing and stop nothing."""
    invented = [
        Receipt(RUN, 0, 2**59),
        Receipt(RUN, 1, 1),
        Receipt("f" * 16, 0, 2),
    ]
    async with bench() as b, background(b.relay.run()):
        b.collector.answers = False
        b.append(3)
        await b.pass_time(1)
        async with b.broker.local.connect() as stranger:
            for payload in (b"", b"\xff" * 5000, b"{}", b'{"run":"x","first":0,"last":1}'):
                await stranger.publish(Message(TOPICS.receipt, payload))
            for receipt in invented:
                await stranger.publish(Message(TOPICS.receipt, encode_receipt(receipt)))
        await b.pass_time(1)
        counters = b.relay.counters
        assert (counters.malformed_receipts, counters.idle_receipts, counters.released) == (4, 3, 0)
        assert b.spool.backlog().waiting == 3
        b.collector.answers = True
        await b.pass_time(31)
        assert b.spool.backlog().waiting == 0
    assert sum("is ignored" in record.getMessage() for record in caplog.records) == 1


async def test_a_topic_that_was_not_asked_for_is_ignored() -> None:
    """A broker that delivers other topics to us is counted."""
    async with bench() as b:
        b.broker.widens = True
        async with background(b.relay.run()):
            b.append()
            await b.pass_time(2)
            assert b.relay.counters.unsolicited >= 1
            assert b.spool.backlog().waiting == 0


async def test_batches_are_compressed_only_for_who_takes_it() -> None:
    """The first batch goes plain; after a receipt that accepts gz they are packed, until 60 s pass without one."""
    async with bench() as b, background(b.relay.run()):
        b.collector.accepts = ("gz",)
        for _ in range(3):
            b.append(50)
            await b.pass_time(2)
        b.collector.accepts = ()
        await b.pass_time(61)
        b.append(50)
        await b.pass_time(2)
        sent = [m.topic for m in b.broker.published if m.topic in (TOPICS.readings, TOPICS.readings_gz)]
        packed = [m.payload for m in b.broker.published if m.topic == TOPICS.readings_gz]
        assert sent == [TOPICS.readings, TOPICS.readings_gz, TOPICS.readings_gz, TOPICS.readings]
        assert all(len(payload) < 0.9 * len(decompress(payload)) for payload in packed)
        assert b.spool.backlog().waiting == 0


async def test_an_older_catalogue_passes_unretained_before_the_batch_that_needs_it() -> None:
    """Once per connection, and again when such a batch is sent again."""
    async with bench() as b:
        b.spool.run, b.spool.catalogue = EARLIER_RUN, "cafe0000"
        b.append(3)
        b.spool.run, b.spool.catalogue = RUN, "cafe0001"
        b.append(3)
        b.collector.answers = False
        async with background(b.relay.run()):
            await b.pass_time(40)
        relevant = (TOPICS.catalogue, TOPICS.readings)
        came = [m for m in b.collector.messages if m.topic in relevant]
        passed = [m.payload[:9] if m.topic == TOPICS.catalogue else b"batch" for m in came]
        retained = [m for m in b.broker.published if m.payload == b"older catalogue" and m.retain]
        assert retained == []
        assert passed[:4] == [b"catalogue", b"batch", b"older cat", b"batch"]
        assert passed.count(b"older cat") == 2


async def test_a_catalogue_adopted_later_is_retained_before_its_first_batch() -> None:
    """When the catalogue in force changes, the new one is published before a batch names it."""
    async with bench() as b, background(b.relay.run()):
        b.append()
        await b.pass_time(2)
        b.relay.adopt("cafe0000")
        b.spool.catalogue = "cafe0000"
        b.append()
        await b.pass_time(2)
        last = [m for m in b.broker.published if m.topic in (TOPICS.catalogue, TOPICS.readings)][-2:]
        assert last[0] == Message(TOPICS.catalogue, b"older catalogue", retain=True)
        assert b"catalogue=cafe0000" in last[1].payload


async def test_a_lost_catalogue_is_said_and_the_batch_still_goes(caplog: pytest.LogCaptureFixture) -> None:
    """A collector may still have the catalogue that we lost, so its batches are sent."""
    async with bench() as b, background(b.relay.run()):
        b.spool.catalogue = "dead0000"
        b.append()
        await b.pass_time(2)
        assert b.spool.backlog().waiting == 0
        assert b.relay.counters.unknown_catalogues == 1
    assert "catalogue dead0000 of waiting readouts is lost" in caplog.text


async def test_people_see_the_newest_values_of_each_device_once_a_second() -> None:
    """However often a device is read, its retained JSON comes at most once a second and is the newest."""
    async with bench() as b, background(b.relay.run()):
        await b.pass_time(1)
        for number in range(50):
            for device in ("meter", "pump"):
                readout = Readout(device, b.clock.monotonic(), ("elec_power_active",), (float(number),), Status.OK)
                b.relay.show(readout, b.clock.utc_ms())
            await b.pass_time(0.1)
        await b.pass_time(2)
        shown = [m for m in b.broker.published if m.topic == TOPICS.live("meter")]
        assert 5 <= len(shown) <= 6
        assert json.loads(shown[-1].payload)["values"] == {"elec_power_active": 49.0}
        assert all(m.retain for m in shown)
        assert b.relay.counters.live == 2 * len(shown)


async def test_a_broker_that_refuses_live_values_still_gets_batches(caplog: pytest.LogCaptureFixture) -> None:
    """Missing rights for the live topics are said once and cost nothing else."""
    async with bench() as b, background(b.relay.run()):
        b.broker.denies = lambda message: "/live/" in message.topic
        for _ in range(5):
            b.append()
            b.relay.show(Readout("meter", b.clock.monotonic(), (), (), Status.OK), None)
            await b.pass_time(2)
        assert b.broker.attempts == 1
        assert b.spool.backlog().waiting == 0
        assert b.relay.counters.live_failures == 5
    assert caplog.text.count("denied") == 1


async def test_live_values_are_not_even_remembered_where_nobody_sees_them() -> None:
    """Within one process there are no live messages."""
    async with bench(RelaySettings(live=False)) as b, background(b.relay.run()):
        b.relay.show(Readout("meter", b.clock.monotonic(), (), (), Status.OK), None)
        await b.pass_time(3)
        assert not any("/live/" in m.topic for m in b.broker.published)


async def test_the_status_tells_what_went_wrong() -> None:
    """Counters of the whole gateway and of the relay stand in the retained status, at most once a minute."""
    troubles = {"poll_failures": 0}
    origin = replace(ORIGIN, counters=lambda: troubles)
    async with bench(origin=origin) as b, background(b.relay.run()):
        await b.pass_time(1)
        troubles["poll_failures"] = 3
        await b.pass_time(130)
        births = [json.loads(m.payload) for m in b.broker.published if m.topic == TOPICS.status]
        assert len(births) == 2
        assert births[1]["counters"]["poll_failures"] == 3
        assert births[1]["counters"]["relay_malformed_receipts"] == 0
