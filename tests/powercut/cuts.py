"""Cut the power again and again, and start on what is left.

python -m tests.powercut.cuts [--cuts 1000] [--seed 1] [--results FILE]
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from rich.progress import Progress

from bench.spool import SHARED_MEMORY
from tests.powercut.cutting import Platter, cuts
from tests.powercut.disks import Life, Recording, record, recover, why_not
from tests.powercut.story import Verdict, judge
from tests.powercut.writer import pace

CONTROL = "unsynced"
CONTROL_CUTS = 50
"""Of a writer that never syncs: a judge that finds nothing wrong there would find nothing anywhere."""
LIVES = {
    "real": (Life(17.0, is_killed=True), Life(23.0), Life(11.0, is_killed=True, loses_memory=True), Life(13.0)),
    "quick": (Life(5.0, is_killed=True), Life(4.0), Life(3.0, is_killed=True, loses_memory=True), Life(6.0)),
    CONTROL: (Life(6.0),),
}


@dataclass(slots=True)
class CutTally:
    """What so many power cuts took."""

    seed: int
    pace: str
    cuts: int = 0
    durable: int = 0
    """Readouts that were durable and had no receipt, summed over the cuts: all are there."""
    lost: int = 0
    """Readouts that were younger than the window, summed over the cuts: all lie in a gap."""
    oldest_lost_s: float = 0.0
    failed_starts: int = 0
    repaired: int = 0
    """Cuts that tore the superblock of ext4, so that the check that runs at boot had to take a copy of it."""
    faults: list[str] = field(default_factory=list)
    slowest_start_s: float = 0.0

    def add(self, verdict: Verdict, *, cut: int) -> None:
        """Take in what one cut did."""
        self.durable += verdict.durable
        self.lost += verdict.lost
        self.oldest_lost_s = max(self.oldest_lost_s, verdict.oldest_lost_s)
        self.faults += [f"cut {cut}: {fault}" for fault in verdict.faults[:3]]


def cut_again_and_again(
    folder: Path,
    recording: Recording,
    *,
    seed: int,
    count: int,
    progress: Callable[[CutTally], None],
    window_s: float | None = None,
) -> CutTally:
    """Return what so many cuts of one recording took; the window is that of its pace unless given."""
    random, tally = Random(seed), CutTally(seed, recording.pace)  # noqa: S311 - where the power goes
    platter = Platter(recording.content, recording.written)
    window_s = window_s or pace(recording.pace, "0" * 16, "").window_s
    between_ns = recording.first_ns, recording.last_ns
    for index, at_ns in cuts(recording.written, random, between_ns=between_ns, count=count):
        left = platter.cut(index, random)
        started_s = time.monotonic()
        try:
            found = recover(folder, left, name=recording.pace)
        except (OSError, RuntimeError) as exc:
            tally.failed_starts += 1
            tally.faults.append(f"cut {tally.cuts}: {exc}")
        else:
            tally.repaired += found.is_repaired
            tally.add(judge(recording.story, found, cut_ns=at_ns, window_s=window_s), cut=tally.cuts)
        tally.slowest_start_s = max(tally.slowest_start_s, time.monotonic() - started_s)
        tally.cuts += 1
        progress(tally)
    return tally


def control(seed: int) -> CutTally:
    """Return what cuts take of a writer that never syncs."""
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        recording = record(Path(folder), LIVES[CONTROL], name=CONTROL, seed=seed)
        return cut_again_and_again(Path(folder), recording, seed=seed, count=CONTROL_CUTS, progress=lambda _: None)


def soak(count: int, *, seed: int, each: int) -> list[CutTally]:
    """Cut the power so often, in recordings with `each` cuts, and show how far it is."""
    tallies: list[CutTally] = []
    with Progress() as progress:
        task = progress.add_task(f"seed {seed}", total=count)
        while (done := sum(tally.cuts for tally in tallies)) < count:
            name = ("quick", "real")[len(tallies) % 2]
            progress.update(task, description=f"seed {seed}, {name}")

            def show(tally: CutTally, done: int = done) -> None:
                progress.update(task, completed=done + tally.cuts)

            with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
                recording = record(Path(folder), LIVES[name], name=name, seed=seed)
                wanted = min(each, count - done)
                tally = cut_again_and_again(Path(folder), recording, seed=seed, count=wanted, progress=show)
            tallies.append(tally)
            progress.console.print(json.dumps(asdict(tally)))
            seed += 1
    return tallies


def figures(tallies: Sequence[CutTally], checked: CutTally) -> dict[str, dict[str, dict[str, float]]]:
    """Return the sums of all recordings, as the page of the benchmarks takes them."""
    return {
        "powercuts": {
            "kvarter": {
                "cuts": sum(tally.cuts for tally in tallies),
                "durable": sum(tally.durable for tally in tallies),
                "lost": sum(tally.lost for tally in tallies),
                "faults": sum(len(tally.faults) for tally in tallies),
                "failed_starts": sum(tally.failed_starts for tally in tallies),
                "oldest_lost_s": max((tally.oldest_lost_s for tally in tallies if tally.pace == "real"), default=0.0),
                "repaired": sum(tally.repaired for tally in tallies),
                "control_faults": len(checked.faults),
            }
        }
    }


def main() -> None:
    """Cut, print each recording with its seed, and keep the figures; exit code 1 when a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.powercut.cuts", description="Cut the power.")
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=125, help="cuts of one recording")
    parser.add_argument("--results", type=Path, help="where to keep the figures")
    options = parser.parse_args()
    reason = why_not()
    if reason:
        sys.exit(f"power cannot be cut here: {reason}")
    logging.getLogger("gateway.spool").setLevel(logging.ERROR)  # each cut declares a gap, as it should
    tallies = soak(options.cuts, seed=options.seed, each=options.each)
    checked = control(options.seed)
    sys.stdout.write(f"control, a writer that never syncs: {len(checked.faults)} faults in {checked.cuts} cuts\n")
    if options.results:
        options.results.write_text(json.dumps(figures(tallies, checked), indent=2) + "\n", encoding="utf-8")
    broken = [tally.seed for tally in tallies if tally.faults]
    sys.stdout.write(f"{sum(tally.cuts for tally in tallies)} cuts; seeds with a broken promise: {broken or 'none'}\n")
    sys.exit(bool(broken) or not checked.faults)


if __name__ == "__main__":
    main()
