import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from bench.spool import SHARED_MEMORY
from tests.powercut.cuts import CutTally, cut_again_and_again
from tests.powercut.disks import Life, record, why_not
from tests.powercut.seam import cut_at_the_seam

SEED = 4
CUTS = 30
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
    verdicts = await cut_at_the_seam(Random(SEED), starts=CUTS)  # noqa: S311 - when and what to tear
    assert [fault for verdict in verdicts for fault in verdict.faults] == []
    assert sum(verdict.lost for verdict in verdicts) > 0
    assert sum(verdict.durable for verdict in verdicts) > CUTS


def test_a_real_file_system_after_a_power_cut(folder: Path) -> None:
    """On ext4 over a disk that tears and reorders unflushed writes every start succeeds and nothing durable is lost."""
    if why_not():  # neither root nor loop devices nor FUSE: then more cuts at the seam of files
        verdicts = asyncio.run(cut_at_the_seam(Random(SEED + 1), starts=2 * CUTS))  # noqa: S311 - when, what to tear
        assert [fault for verdict in verdicts for fault in verdict.faults] == []
        return
    tally = cut(folder, "quick", LIVES, cuts=CUTS)
    assert tally.faults == []
    assert (tally.cuts, tally.failed_starts) == (CUTS, 0)
    assert tally.lost > 0
    assert tally.durable > CUTS


def test_a_writer_that_never_syncs_is_found_out(folder: Path) -> None:
    """The judge finds readouts gone that were said to be durable, or nothing it says counts."""
    if why_not():
        return
    assert any("durable and is gone" in fault for fault in cut(folder, "unsynced", (Life(2.5),), cuts=15).faults)
