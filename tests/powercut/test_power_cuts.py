import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from bench.spool import SHARED_MEMORY
from tests.powercut.cuts import CutTally, cut_again_and_again
from tests.powercut.disks import Life, record, why_not
from tests.powercut.seam import LyingFiles, cut_at_the_seam

SEED = 4
CUTS = 30
GONE = "durable and is gone"
EXT4 = "ext4"
GROUND = f"files in memory, as {why_not()}" if why_not() else EXT4
"""Where power is cut here: without root, loop devices or FUSE at the seam of files, as the names of the tests say."""
LIVES = (Life(2.0, is_killed=True), Life(1.5), Life(1.0, is_killed=True, loses_memory=True), Life(2.0))


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as path:
        yield Path(path)


def cut(folder: Path, name: str, lives: tuple[Life, ...], *, cuts: int) -> CutTally:
    """Record writers, and cut the power so often; 5 s may be lost."""
    recording = record(folder, lives, name=name, seed=SEED)
    return cut_again_and_again(folder, recording, seed=SEED, count=cuts, progress=lambda _: None, window_s=5.0)


async def test_cut_power_takes_nothing_durable_and_a_gap_says_what_it_took() -> None:
    """At the seam of files, torn and reordered: nothing durable is lost, and the rest lies in a gap."""
    await nothing_durable_is_lost(seed=SEED, starts=CUTS)


async def test_a_disk_that_never_syncs_is_found_out() -> None:
    """At the seam of files too, the judge finds readouts gone that were said to be durable."""
    await lies_are_found_out(seed=SEED)


@pytest.mark.parametrize("ground", [GROUND])
def test_a_real_file_system_after_a_power_cut(folder: Path, ground: str) -> None:
    """On ext4 over a disk that tears and reorders unflushed writes every start succeeds and nothing durable is lost."""
    if ground != EXT4:
        asyncio.run(nothing_durable_is_lost(seed=SEED + 1, starts=2 * CUTS))
        return
    tally = cut(folder, "quick", LIVES, cuts=CUTS)
    assert tally.faults == []
    assert (tally.cuts, tally.failed_starts) == (CUTS, 0)
    assert tally.lost > 0
    assert tally.durable > CUTS


@pytest.mark.parametrize("ground", [GROUND])
def test_a_writer_that_never_syncs_is_found_out(folder: Path, ground: str) -> None:
    """The judge finds readouts gone that were said to be durable, or nothing it says counts."""
    if ground != EXT4:
        asyncio.run(lies_are_found_out(seed=SEED + 1))
        return
    assert any(GONE in fault for fault in cut(folder, "unsynced", (Life(2.5),), cuts=15).faults)


async def nothing_durable_is_lost(*, seed: int, starts: int) -> None:
    """Cut the power of files in memory so often, and judge."""
    verdicts = await cut_at_the_seam(Random(seed), starts=starts)  # noqa: S311 - when and what to tear
    assert [fault for verdict in verdicts for fault in verdict.faults] == []
    assert sum(verdict.lost for verdict in verdicts) > 0
    assert sum(verdict.durable for verdict in verdicts) > starts


async def lies_are_found_out(*, seed: int) -> None:
    """Cut the power of files in memory that are never safe, and see that the judge notices."""
    random = Random(seed)  # noqa: S311 - when and what to tear
    verdicts = await cut_at_the_seam(random, starts=CUTS, flash=LyingFiles())
    assert any(GONE in fault for verdict in verdicts for fault in verdict.faults)
