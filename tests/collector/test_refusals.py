from pathlib import Path

import pytest

from gateway.wire.line import parse_line
from tests.collector.sending import SITE, START_MS, batch, line, message
from tests.collector.workbench import bench
from tests.fakes_store import FakeStore


async def test_a_line_that_the_checks_refuse_becomes_a_gap_and_a_dead_letter(tmp_path: Path) -> None:
    """The rest of its batch is stored, the batch is receipted, and the store says what is missing."""
    store = FakeStore()
    async with bench(tmp_path, {"store": store}) as b:
        bad = line(1).replace(b"elec_power_active", b"elec_nonsense")
        sent = batch(0, 3, lines=[line(0), bad, line(2)])
        await b.send(message(sent))
        await b.receipted(sent)
        gap = parse_line(store.lines[-1])
        assert store.lines[:-1] == [line(0), line(2)]
        assert gap.tags == {"site": SITE, "kind": "gap", "cause": "refused", "device": "meter"}
        assert gap.fields == {"from": START_MS + 1, "to": START_MS + 1, "count": 1}
        assert gap.time_ms == START_MS + 1
        letters = b.letters()
        assert [(each["sequence"], each["by"], each["line"]) for each in letters] == [(1, "collector", bad.decode())]
        assert b.collector.counters.refused == 1


async def test_a_line_that_a_store_refuses_becomes_a_gap_in_all_stores(tmp_path: Path) -> None:
    """Its dead letter names the store, everything else is stored, and the receipt follows the gap."""
    strict, easy = FakeStore(refuses=lambda text: "type conflict" if text == line(1) else None), FakeStore()
    async with bench(tmp_path, {"strict": strict, "easy": easy}) as b:
        sent = batch(0, 3)
        await b.send(message(sent))
        await b.receipted(sent)
        assert strict.lines[:2] == [line(0), line(2)]
        for store in (strict, easy):
            gap = parse_line(store.lines[-1])
            assert (gap.tags["device"], gap.fields["from"], gap.time_ms) == ("meter", START_MS + 1, START_MS + 1)
        assert [(each["sequence"], each["by"], each["reason"]) for each in b.letters()] == [
            (1, "strict", "type conflict")
        ]


@pytest.mark.parametrize("position", [0, 1, 499, 999])
async def test_one_poisonous_line_costs_nothing_else_wherever_it_stands(tmp_path: Path, position: int) -> None:
    """All other lines of a large batch are stored."""
    store = FakeStore(refuses=lambda text: "poison" if text == line(position) else None)
    async with bench(tmp_path, {"store": store}) as b:
        sent = batch(0, 1000)
        await b.send(message(sent))
        await b.receipted(sent)
        assert set(sent.lines) - set(store.lines) == {line(position)}
        assert len(store.lines) == 1000


async def test_a_store_that_refuses_even_the_gap_stops_nothing(tmp_path: Path) -> None:
    """A refused gap is said and not followed by another."""
    store = FakeStore(refuses=lambda _: "read-only")
    async with bench(tmp_path, {"store": store}) as b:
        sent = batch(0, 2)
        await b.send(message(sent))
        await b.receipted(sent)
        assert store.lines == []
        assert [each["sequence"] for each in b.letters()] == [0, 1]


async def test_a_batch_of_nothing_but_garbage_is_receipted_with_its_gaps(tmp_path: Path) -> None:
    """Refused lines without believable place each leave a gap of their own."""
    store = FakeStore()
    async with bench(tmp_path, {"store": store}) as b:
        sent = batch(0, 3, lines=[b"garbage %d" % number for number in range(3)])
        await b.send(message(sent))
        await b.receipted(sent)
        assert len({parse_line(text).time_ms for text in store.lines}) == 3


async def test_a_full_disk_stops_no_receipt(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Dead letters that cannot be written are said; the gap in the store still declares the loss."""
    (tmp_path / "dead-letters").write_text("in the way")
    store = FakeStore()
    async with bench(tmp_path, {"store": store}) as b:
        sent = batch(0, 1, lines=[b"garbage"])
        await b.send(message(sent))
        await b.receipted(sent)
        assert b.collector.counters.disk_failures == 1
    assert "dead letters cannot be written" in caplog.text
