import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.collector.catalogues import Catalogues
from gateway.collector.dead_letters import DeadLetter, DeadLetters
from gateway.collector.gaps import Gaps
from gateway.collector.intake import Arrival, Intake
from gateway.collector.ledger import Ledger, Standing
from gateway.collector.reception import topic_filters
from gateway.collector.settings import CollectorSettings
from gateway.collector.twins import Twins
from gateway.core.errors import SpoolError, WireError
from gateway.core.quantity import load_vocabulary
from gateway.wire.catalogue import catalogue_id, encode_catalogue
from gateway.wire.line import parse_line
from tests.collector.sending import RUN, SITE, START_MS, catalogue
from tests.fakes import FakeClock


def letter(number: int) -> DeadLetter:
    """Return a letter of about a hundred bytes."""
    return DeadLetter("2026-11-22T00:00:00.000Z", SITE, "a" * 16, number, "collector", "because", "kvarter ...")


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


async def test_dead_letters_say_who_refused_what_and_why(tmp_path: Path) -> None:
    """Each refused line is one JSON object with everything that an investigation needs."""
    letters = DeadLetters(tmp_path / "letters")
    await letters.keep([])
    assert names(tmp_path) == []
    await letters.keep([letter(1), letter(2)])
    lines = (tmp_path / "letters" / "dead-letters.jsonl").read_text().splitlines()
    assert [json.loads(text)["sequence"] for text in lines] == [1, 2]
    assert json.loads(lines[0]) == {
        "time": "2026-11-22T00:00:00.000Z",
        "site": SITE,
        "run": "a" * 16,
        "sequence": 1,
        "by": "collector",
        "reason": "because",
        "line": "kvarter ...",
    }


async def test_dead_letters_never_fill_the_disk(tmp_path: Path) -> None:
    """Full files are kept under numbers up to a limit, newest first, and the oldest letters go."""
    letters = DeadLetters(tmp_path, file_bytes=1000, files=2)
    for number in range(100):
        await letters.keep([letter(number)])
    assert names(tmp_path) == ["dead-letters.jsonl", "dead-letters.jsonl.1", "dead-letters.jsonl.2"]
    texts = [(tmp_path / name).read_text() for name in reversed(names(tmp_path))]
    assert max(map(len, texts)) <= 1200
    kept = [json.loads(text)["sequence"] for text in "".join(texts).splitlines()]
    assert kept == list(range(kept[0], 100))


async def test_a_disk_that_refuses_dead_letters_is_named(tmp_path: Path) -> None:
    """The error says the folder, and is the disk's."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="dead letters cannot be written to"):
        await DeadLetters(tmp_path / "file").keep([letter(1)])


async def test_catalogues_are_found_again_after_a_restart(tmp_path: Path) -> None:
    """Every version is a file named by its content, and a new collector reads it."""
    message = encode_catalogue(catalogue())
    before = Catalogues(tmp_path, load_vocabulary())
    assert await before.find(SITE, catalogue_id(message)) is None
    assert await before.keep(SITE, message)
    assert not await before.keep(SITE, message)
    after = Catalogues(tmp_path, load_vocabulary(), remembered=1)
    found = await after.find(SITE, catalogue_id(message))
    assert found is not None
    assert set(found.devices) == {"meter", "pump"}
    assert await after.find(SITE, catalogue_id(message)) is found
    assert (tmp_path / SITE / f"{catalogue_id(message)}.json").read_bytes() == message


async def test_a_damaged_catalogue_counts_as_none_until_it_comes_again(tmp_path: Path) -> None:
    """A flipped bit in a kept file is noticed by its name, and the next message repairs it."""
    message = encode_catalogue(catalogue())
    await Catalogues(tmp_path, load_vocabulary()).keep(SITE, message)
    path = tmp_path / SITE / f"{catalogue_id(message)}.json"
    path.write_bytes(message.replace(b"meter", b"metre", 1))
    again = Catalogues(tmp_path, load_vocabulary())
    assert await again.find(SITE, catalogue_id(message)) is None
    await again.keep(SITE, message)
    assert path.read_bytes() == message


async def test_what_is_no_catalogue_of_the_site_is_refused(tmp_path: Path) -> None:
    """Garbage and another site's catalogue are not kept."""
    catalogues = Catalogues(tmp_path, load_vocabulary())
    with pytest.raises(WireError, match="not a catalogue"):
        await catalogues.keep(SITE, b"{}")
    with pytest.raises(WireError, match="a catalogue of site other"):
        await catalogues.keep(SITE, encode_catalogue(catalogue("other")))
    assert names(tmp_path) == []


async def test_a_catalogue_serves_even_if_the_disk_refuses_it(tmp_path: Path) -> None:
    """The disk's refusal is said once, and batches are still checked."""
    (tmp_path / "file").write_text("")
    catalogues = Catalogues(tmp_path / "file", load_vocabulary())
    message = encode_catalogue(catalogue())
    with pytest.raises(SpoolError, match="catalogue cannot be written"):
        await catalogues.keep(SITE, message)
    assert await catalogues.find(SITE, catalogue_id(message)) is not None


async def test_the_intake_holds_no_more_than_its_capacity() -> None:
    """What does not fit is refused, and taking a message makes room."""
    intake = Intake(100)
    assert intake.put(Arrival(SITE, "readings", bytes(60)))
    assert not intake.put(Arrival(SITE, "readings", bytes(41)))
    assert intake.put(Arrival(SITE, "readings", bytes(40)))
    assert len((await intake.get()).payload) == 60
    assert intake.put(Arrival(SITE, "readings", bytes(60)))


def test_the_ledger_knows_what_is_under_way_and_what_is_stored() -> None:
    """What comes again waits for the write in hand, and is answered at once when it is stored."""
    ledger = Ledger(remembered_s=60)
    assert ledger.arrive(SITE, RUN, (0, 9), now_s=0) is Standing.NEW
    assert ledger.arrive(SITE, RUN, (0, 9), now_s=0) is Standing.UNDER_WAY
    assert ledger.arrive(SITE, RUN, (3, 5), now_s=0) is Standing.UNDER_WAY
    assert ledger.arrive(SITE, RUN, (5, 10), now_s=0) is Standing.NEW
    assert ledger.arrive("other", RUN, (0, 9), now_s=0) is Standing.NEW
    assert ledger.store(SITE, RUN, (0, 9), now_s=1) == [(0, 9), (3, 5)]
    assert ledger.arrive(SITE, RUN, (0, 9), now_s=1) is Standing.STORED
    assert ledger.arrive(SITE, RUN, (8, 10), now_s=1) is Standing.UNDER_WAY
    assert ledger.store(SITE, RUN, (5, 10), now_s=2) == [(5, 10), (8, 10)]


def test_what_is_abandoned_is_new_again() -> None:
    """A batch that some store did not take is not known, and nothing that relied on it is answered."""
    ledger = Ledger(remembered_s=60)
    ledger.arrive(SITE, RUN, (0, 4), now_s=0)
    ledger.arrive(SITE, RUN, (5, 9), now_s=0)
    assert ledger.arrive(SITE, RUN, (0, 9), now_s=0) is Standing.UNDER_WAY
    ledger.abandon(SITE, RUN, (0, 4), now_s=1)
    assert ledger.store(SITE, RUN, (5, 9), now_s=1) == [(5, 9)]
    assert ledger.arrive(SITE, RUN, (0, 4), now_s=1) is Standing.NEW


def test_what_is_stored_is_known_for_a_while_only() -> None:
    """After one to two periods a store may have been restored from a backup, and everything is new."""
    ledger = Ledger(remembered_s=60)
    ledger.store(SITE, RUN, (0, 9), now_s=59)
    assert ledger.arrive(SITE, RUN, (0, 9), now_s=119) is Standing.STORED
    assert ledger.arrive(SITE, RUN, (0, 9), now_s=120) is Standing.NEW


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.booleans()), max_size=30))
def test_every_readout_is_written_before_it_is_receipted(arrivals: list[tuple[int, int, bool]]) -> None:
    """Whatever comes in which cuts, a receipt names only what was stored, and what is not stored stays new."""
    ledger = Ledger(remembered_s=60)
    stored: set[int] = set()
    for first, more, succeeds in arrivals:
        span = (first, first + more)
        standing = ledger.arrive(SITE, RUN, span, now_s=0)
        assert (standing is Standing.STORED) == (set(range(first, first + more + 1)) <= stored)
        if standing is not Standing.NEW:
            continue
        if succeeds:
            stored |= set(range(first, first + more + 1))
            for low, high in ledger.store(SITE, RUN, span, now_s=0):
                assert set(range(low, high + 1)) <= stored
        else:
            ledger.abandon(SITE, RUN, span, now_s=0)


def test_runs_that_follow_one_another_are_one_gateway() -> None:
    """Restarts, and the backlog of earlier runs beside new lines, are no twins."""
    twins = Twins()
    for start, run in enumerate(("a", "b", "c")):
        low = START_MS + start * 1_000_000
        assert twins.note(SITE, run, first_ms=low, last_ms=low + 900_000) is None
    assert twins.note(SITE, "a", first_ms=START_MS, last_ms=START_MS + 500_000) is None


def test_runs_that_overlap_are_two_gateways() -> None:
    """Two cards with one site id are noticed within a minute of readings from both."""
    twins = Twins()
    for second in range(0, 59, 5):
        for run in ("a", "b"):
            at = START_MS + second * 1000
            assert twins.note(SITE, run, first_ms=at, last_ms=at + 4000) is None
    twins.note(SITE, "a", first_ms=START_MS + 60_000, last_ms=START_MS + 64_000)
    assert twins.note(SITE, "b", first_ms=START_MS + 60_000, last_ms=START_MS + 64_000) == "a"
    assert twins.note("other", "a", first_ms=START_MS, last_ms=START_MS) is None


@given(
    st.lists(st.tuples(st.sampled_from([None, "meter"]), st.sampled_from([None, START_MS]), st.booleans()), max_size=9)
)
def test_gaps_without_a_known_place_never_share_a_time(refused: list[tuple[str | None, int | None, bool]]) -> None:
    """A gap of a known readout has its time; every other gap has a time of its own, also when the clock steps back."""
    clock = FakeClock()
    gaps = Gaps(load_vocabulary(), clock)
    own: list[int] = []
    for device, time_ms, step in refused:
        if step:
            clock.step_wall(-1000)
        line = parse_line(gaps.line(SITE, "why", device=device, time_ms=time_ms))
        assert (line.tags["kind"], line.tags["cause"], line.fields["count"]) == ("gap", "refused", 1)
        if device is not None and time_ms is not None:
            assert line.time_ms == line.fields["from"] == line.fields["to"] == time_ms
        else:
            own.append(line.time_ms)
    assert len(set(own)) == len(own)


def test_subscriptions_share_batches_but_not_catalogues() -> None:
    """Members of a group share readings only; whole names are subscribed to one by one."""
    assert topic_filters(CollectorSettings(sites=("a-*", "b"), group="g")) == [
        "kvarter/1/+/catalogue",
        "$share/g/kvarter/1/+/readings",
        "$share/g/kvarter/1/+/readings/gz",
    ]
    assert topic_filters(CollectorSettings(sites=("a", "b"), accepts=())) == [
        "kvarter/1/a/catalogue",
        "kvarter/1/b/catalogue",
        "kvarter/1/a/readings",
        "kvarter/1/b/readings",
    ]
