from dataclasses import replace
from random import Random

import pytest

from tests.powercut.cutting import Platter, cuts
from tests.powercut.recorder import FLUSH, Written
from tests.powercut.story import Found, Story, judge

NOTES = (
    '[1000000000, "append", [1, 5000]]\n',
    '[1000000001, "appended", 1]\n',
    '[2000000000, "begin", null]\n',
    '[2100000000, "durable", [1]]\n',
    '[3000000000, "append", [2, 7000]]\n',
    '[3000000001, "appended", 2]\n',
    '[9000000000, "append", [3, 13000]]\n',
    '[9000000001, "appe',
)
CUT_NS = 8_500_000_000
RIGHT = Found({1: 5000}, [(6000, 13000)])


def story() -> Story:
    told = Story()
    told.read(NOTES)
    return told


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (replace(RIGHT, times_ms={}), "1 was durable and is gone"),
        (replace(RIGHT, gaps=[]), "2 is gone, and no gap says so"),
        (replace(RIGHT, times_ms={1: 5001}), "1 has the time 5001, and was given 5000"),
        (replace(RIGHT, times_ms={1: 5000, 3: 13000}), "3 is there, and was appended later or never"),
    ],
)
def test_each_broken_promise_is_named(found: Found, fault: str) -> None:
    """What was durable and is gone, undeclared, altered or invented is found."""
    assert judge(story(), RIGHT, cut_ns=CUT_NS, window_s=6.0).faults == []
    assert fault in judge(story(), found, cut_ns=CUT_NS, window_s=6.0).faults


def test_a_loss_beyond_the_window_is_a_fault() -> None:
    """A readout of 5.5 s may not be gone where 5 s are allowed, unless a flush was in progress."""
    (fault,) = judge(story(), RIGHT, cut_ns=CUT_NS, window_s=5.0).faults
    assert fault.startswith("2 is gone at the age of 5.50 s")
    in_progress = story()
    in_progress.rounds_ns.append((CUT_NS - 600_000_000, CUT_NS + 1))
    assert judge(in_progress, RIGHT, cut_ns=CUT_NS, window_s=5.0).faults == []


def test_a_round_ends_with_its_last_sync() -> None:
    """A round that syncs two files is in progress until both are safe."""
    told = Story()
    told.read([*NOTES[:3], '[2100000000, "durable", [1]]\n', '[2900000000, "durable", []]\n'])
    assert told.rounds_ns == [(2_000_000_000, 2_900_000_000)]


def test_time_in_which_the_machine_let_the_writer_wait_does_not_count() -> None:
    """What is 0.5 s too old is forgiven where the writer could not run for so long, and not where it could."""
    starved = story()
    starved.starved_ns.append((CUT_NS - 700_000_000, CUT_NS - 100_000_000))
    assert judge(starved, RIGHT, cut_ns=CUT_NS, window_s=5.0).faults == []
    before = story()
    before.starved_ns.append((1_000_000_000, 2_900_000_000))
    assert len(judge(before, RIGHT, cut_ns=CUT_NS, window_s=5.0).faults) == 1


def test_only_what_was_not_flushed_is_torn() -> None:
    """A cut keeps everything up to the last flush, and any sectors of what came after it."""
    old, new = b"o" * 1024, b"n" * 1024
    recording = [Written(1, 0, old), Written(2, FLUSH, b""), Written(3, 0, new), Written(4, 1024, new)]
    fates = set()
    for seed in range(40):
        left = Platter(bytes(2048), recording).cut(4, Random(seed))  # noqa: S311 - what to tear
        fates |= {bytes(left[start : start + 1]) for start in range(0, 2048, 512)}
        assert set(left[:1024]) <= {ord("o"), ord("n")}
    assert fates == {b"o", b"n", b"\0"}
    assert bytes(Platter(bytes(2048), recording).cut(2, Random(1))[:1024]) == old  # noqa: S311 - what to tear


def test_cuts_ascend_and_begin_when_the_writer_is_ready() -> None:
    """No cut is made before the first instant, and a platter never goes back."""
    recording = [Written(at_ns, 0, b"x") for at_ns in range(100)]
    found = cuts(recording, Random(1), between_ns=(40, 90), count=50)  # noqa: S311 - where to cut
    assert found == sorted(found)
    assert all(41 <= index <= 91 and 40 <= at_ns <= 90 for index, at_ns in found)
