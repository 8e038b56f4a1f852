import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.collector.settings import CollectorSettings
from gateway.core.protocols import Message
from gateway.wire.batch import compress, encode_batch
from gateway.wire.topics import Topics
from tests.collector.sending import RUN, SITE, START_MS, batch, catalogue_message, line, message
from tests.collector.workbench import TOPICS, bench, fake_broker
from tests.fakes_store import FakeStore


async def test_a_batch_that_comes_again_is_receipted_again_and_stored_once(tmp_path: Path) -> None:
    """Duplicates in hand wait for the receipt; duplicates of what is stored get it at once."""
    store = FakeStore(gate=asyncio.Event())
    async with bench(tmp_path, {"store": store}) as b:
        sent = batch(0, 5)
        await b.send(message(sent), message(sent), message(sent))
        await b.until(lambda: b.collector.counters.duplicates == 2)
        assert store.gate is not None
        store.gate.set()
        await b.receipted(sent)
        assert len(b.receipts) == 1
        await b.send(message(sent))
        await b.until(lambda: len(b.receipts) == 2)
        assert store.writes == [list(sent.lines)]


async def test_after_a_while_a_batch_is_written_again(tmp_path: Path) -> None:
    """A store that was restored from a backup gets again what gateways replay."""
    store = FakeStore()
    async with bench(tmp_path, {"store": store}) as b:
        sent = batch(0, 5)
        await b.send(message(sent))
        await b.receipted(sent)
        await b.clock.advance(121)
        await b.send(message(sent))
        await b.until(lambda: len(b.receipts) == 2)
        assert store.writes == [list(sent.lines)] * 2


async def test_readouts_that_come_again_in_other_batches_are_known(tmp_path: Path) -> None:
    """A gateway cuts what it sends again as it likes; each cut gets its receipt, and nothing is written twice."""
    store = FakeStore(gate=asyncio.Event())
    async with bench(tmp_path, {"store": store}) as b:
        first, second, both = batch(0, 5), batch(5, 5), batch(0, 10)
        await b.send(message(first), message(second))
        await b.until(lambda: b.collector.counters.batches == 2)
        await b.send(message(both), message(batch(2, 6)))
        await b.until(lambda: b.collector.counters.duplicates == 2)
        assert store.gate is not None
        store.gate.set()
        await b.receipted(first, second, both, batch(2, 6))
        await b.send(message(batch(3, 4)))
        await b.receipted(batch(3, 4))
        assert [text for write in store.writes for text in write] == [*first.lines, *second.lines]


async def test_without_its_catalogue_a_batch_waits_in_its_gateway(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """There is no receipt and one line in the log; when the catalogue is there the batch is taken."""
    caplog.set_level(logging.INFO)
    store = FakeStore()
    async with bench(tmp_path, {"store": store}) as b:
        sent = batch(0, 1, site="new")
        await b.send(message(sent, "new"), message(sent, "new"))
        await b.until(lambda: b.collector.counters.lacking == 2)
        assert store.writes == []
        await b.send(catalogue_message("new"), message(sent, "new"))
        await b.receipted(sent)
    texts = [record.getMessage() for record in caplog.records]
    assert sum("never came" in text for text in texts) == 1
    assert texts[-1] == "collector: new: the catalogue is here"


async def test_a_lacking_catalogue_is_asked_for_again(tmp_path: Path) -> None:
    """A retained catalogue that was lost on its way comes with a new subscription."""
    store, fake = FakeStore(), fake_broker()
    fake.hides = lambda each: each.topic == TOPICS.catalogue
    async with bench(tmp_path, {"store": store}, broker=fake) as b:
        sent = batch(0, 1)
        await b.send(message(sent))
        await b.until(lambda: b.collector.counters.lacking == 1)
        fake.hides = lambda _: False
        await b.clock.advance(31)
        await b.send(message(sent))
        await b.until(lambda: b.collector.counters.catalogues == 1)
        await b.send(message(sent))
        await b.receipted(sent)


async def test_what_is_not_ours_is_counted_and_harmless(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Garbage, bombs, foreign headers and foreign topics cost a counter and one line in the log, and nothing else."""
    store, fake = FakeStore(), fake_broker()
    fake.widens = True
    bomb = compress(bytes(50_000_000))
    bad = [
        Message(TOPICS.readings, b""),
        Message(TOPICS.readings, b"\xff" * 1000),
        Message(TOPICS.readings, encode_batch("other", batch(0, 1))),
        Message(TOPICS.readings, encode_batch(SITE, replace(batch(0, 3), last=9))),
        Message(TOPICS.readings, b"x" * 2_000_000),
        Message(TOPICS.readings_gz, b"not gzip"),
        Message(TOPICS.readings_gz, bomb),
        Message(TOPICS.readings_gz, compress(b"hello")[:-4]),
        Message(TOPICS.catalogue, b"[" * 100_000),
        Message(TOPICS.catalogue, catalogue_message("other").payload),
    ]
    strange = [
        Message("zigbee2mqtt/lamp", b"{}"),
        Message("kvarter/1/House/readings", b""),
        Message("kvarter/2/house/x", b""),
    ]
    async with bench(tmp_path, {"store": store}, broker=fake) as b:
        await b.send(*bad, *strange)
        sent = batch(0, 2)
        await b.send(message(sent))
        await b.receipted(sent)
        assert b.collector.counters.malformed == len(bad)
        assert b.collector.counters.unsolicited >= len(strange)
        assert store.lines == list(sent.lines)
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 3


async def test_only_the_named_sites_are_collected(tmp_path: Path) -> None:
    """Batches of other sites are ignored, without receipt."""
    store = FakeStore()
    settings = CollectorSettings(sites=("hous?", "b-*"))
    async with bench(tmp_path, {"store": store}, settings=settings) as b:
        await b.send(catalogue_message("other"), message(batch(0, 1, site="other"), "other"))
        await b.send(message(batch(0, 1)))
        await b.receipted(batch(0, 1))
        assert b.collector.counters.foreign == 2
        assert [site for site, _ in b.receipts] == [SITE]


async def test_one_bad_site_blocks_no_other(tmp_path: Path) -> None:
    """While one site sends nothing but rubbish, the batches of another are stored at once."""
    store = FakeStore(refuses=lambda text: "never" if b"site=bad" in text and b"_event" not in text else None)
    async with bench(tmp_path, {"store": store}) as b:
        await b.send(catalogue_message("bad"))
        for number in range(50):
            await b.send(Message(Topics("bad").readings, b"rubbish %d" % number))
            await b.send(message(batch(number * 10, 10, site="bad"), "bad"))
            await b.send(message(batch(number, 1)))
        await b.receipted(*(batch(number, 1) for number in range(50)))
        assert {line(number) for number in range(50)} <= set(store.lines)


async def test_stores_learn_what_the_lines_mean_before_they_get_them(tmp_path: Path) -> None:
    """A store is told each catalogue with the time of its first line, and again when backlog has an earlier one."""
    store = FakeStore(failures=1)
    async with bench(tmp_path, {"store": store}) as b:
        for first in (100, 110, 50, 60):
            sent = batch(first, 2)
            await b.send(message(sent))
            await b.receipted(sent)
        assert store.told == [(SITE, START_MS + 100)] * 2 + [(SITE, START_MS + 50)]


async def test_a_store_that_missed_a_catalogue_is_told_again(tmp_path: Path) -> None:
    """What one store had no room for takes its catalogue along when it comes again."""
    alive, dead = FakeStore(), FakeStore(failures=1_000_000)
    settings = CollectorSettings(waiting_bytes=100)
    async with bench(tmp_path, {"alive": alive, "dead": dead}, settings=settings) as b:
        await b.send(message(batch(100, 5)))
        await b.until(lambda: dead.attempts > 0)
        await b.send(message(batch(0, 5)))
        await b.until(lambda: b.collector.counters.abandoned == 1)
        dead.failures = 0
        await b.receipted(batch(100, 5))
        await b.send(message(batch(0, 5)))
        await b.receipted(batch(0, 5))
        assert dead.told[-1] == (SITE, START_MS)


async def test_two_gateways_under_one_id_are_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A cloned SD card is said within a minute of readings, and the readings of both are stored."""
    store = FakeStore()
    async with bench(tmp_path, {"store": store}) as b:
        sent = [
            batch(second, 1, run=run, lines=[line(second * 1000 + offset)])
            for second in range(0, 80, 10)
            for run, offset in ((RUN, 0), ("b" * 16, 1))
        ]
        await b.send(*map(message, sent))
        await b.receipted(*sent)
        assert len(store.lines) == 16
        assert b.collector.counters.twins > 0
    assert caplog.text.count("two gateways seem to send under this id") == 1


async def test_a_collector_whose_clock_is_wrong_refuses_nothing_for_it(tmp_path: Path) -> None:
    """While no time service vouches for its clock, a collector does not judge what lies ahead."""
    store = FakeStore()
    async with bench(tmp_path, {"store": store}) as b:
        b.clock.is_synchronised = False
        b.clock.step_wall(-400 * 86_400_000)
        sent = batch(0, 2)
        await b.send(message(sent))
        await b.receipted(sent)
        assert store.lines == list(sent.lines)
