import subprocess
import sys
from pathlib import Path
from random import Random

from gateway.spool.disk import DiskFiles
from gateway.spool.opening import open_spool
from tests.spool.appender import RealClock, setup
from tests.spool.stage import numbers

KILLS = 20


async def test_a_real_process_killed_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """After 20 kills in the middle of appends, flushes and receipts, every line that was taken is still there."""
    random = Random(7)  # noqa: S311 - when to kill
    taken: set[int] = set()
    released: set[int] = set()
    for kill in range(KILLS):
        _append_and_kill(tmp_path, kill, lines=random.randrange(5, 400), taken=taken, released=released)
    flash, memory = DiskFiles(tmp_path / "flash"), DiskFiles(tmp_path / "memory")
    spool, events = await open_spool(flash, memory, setup=setup(f"{KILLS:016x}"), clock=RealClock())
    found: list[int] = []
    while batch := await spool.next_batch(order="oldest", max_lines=1000, max_bytes=1_000_000):
        spool.sent(batch)
        found += numbers(batch.lines)
    assert events == []
    assert taken - released <= set(found)
    assert len(found) == len(set(found))
    assert len(taken) > 20 * KILLS
    await spool.close()
    flash.close()
    memory.close()


def _append_and_kill(folder: Path, run: int, *, lines: int, taken: set[int], released: set[int]) -> None:
    """Let a process append, kill it after so many lines of output, and note what it said before it died."""
    start = str(run * 1_000_000)
    command = [sys.executable, "-m", "tests.spool.appender", str(folder / "flash"), str(folder / "memory")]
    with subprocess.Popen([*command, f"{run:016x}", start], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "declared 0\n"
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        said += process.stdout.readlines()
    for text in said:
        words = text.split()
        if text.endswith("\n") and words[0] == "released":
            released.update(map(int, words[1:]))
        elif text.endswith("\n"):
            taken.add(int(words[0]))
