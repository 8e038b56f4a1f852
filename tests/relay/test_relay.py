import logging

import pytest

from gateway.relay.settings import RelaySettings
from gateway.wire.batch import decompress
from tests.relay.workbench import EARLIER_RUN, RUN, TOPICS, background, bench


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
