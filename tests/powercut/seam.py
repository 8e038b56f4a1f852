"""Power cuts where no disk can be recorded: at the seam of files, on files in memory that tear and reorder."""

from random import Random

from gateway.wire.line import parse_line
from tests.fakes_files import MemoryFiles
from tests.powercut.story import Found, Gap, Story, Verdict, gap_of, judge
from tests.spool.stage import Stage, line, numbers

EVERY_S = 0.5
WINDOW_S = 5.0


class LyingFiles(MemoryFiles):
    """A disk that says that everything is safe, and keeps what chance keeps."""

    def sync(self, name: str) -> None:
        """Do nothing, and say that it is done."""
        self.syncs += bool(name)


async def cut_at_the_seam(random: Random, *, starts: int, flash: MemoryFiles | None = None) -> list[Verdict]:
    """Cut the power of one gateway again and again; return the verdict on each cut.

    Args:
        random: When and what to tear.
        starts: How often.
        flash: What the spool writes to; files that keep what was synced where left out.
    """
    stage, story, verdicts = Stage(), Story(), []
    stage.flash = flash or stage.flash
    await stage.open()
    for number in range(starts):
        for count in range(random.randrange(5, 60)):
            _append(stage, story, number * 1000 + count)
            if random.random() < 0.1:
                await _release(stage, story)
            await stage.clock.advance(EVERY_S)
        _note_durable(stage, story)
        cut_ns = _now_ns(stage)
        await stage.cut_power(random)
        await stage.open()
        found = await _found(stage)
        verdicts.append(judge(story, found, cut_ns=cut_ns, window_s=WINDOW_S))
        # Each is judged once; what has its receipt may still come again, and must be the same then.
        story.appended_ns.clear()
    await stage.kill()
    return verdicts


def _append(stage: Stage, story: Story, number: int) -> None:
    at_ns = _now_ns(stage)
    story.begun_ns[number] = story.appended_ns[number] = at_ns
    story.times_ms[number] = stage.clock.utc_ms()
    stage.append(line(number))


async def _release(stage: Stage, story: Story) -> None:
    batch = await stage.batch("newest", max_lines=4)
    if batch is not None:
        stage.spool.sent(batch)
        story.released_ns |= dict.fromkeys(numbers(batch.lines), _now_ns(stage) - 1)
        stage.spool.release(batch.run, batch.first, batch.last)


def _note_durable(stage: Stage, story: Story) -> None:
    """Note what the declared window makes durable."""
    limit_ns = _now_ns(stage) - round(WINDOW_S * 1e9)
    story.durable_ns |= {number: at_ns for number, at_ns in story.appended_ns.items() if at_ns < limit_ns}


async def _found(stage: Stage) -> Found:
    gaps: list[Gap] = []
    found: dict[int, int] = {}
    for text in await stage.drain():
        gaps += gap_of(text)
        for number in numbers([text]):
            found[number] = parse_line(text).time_ms or 0
    return Found(found, gaps)


def _now_ns(stage: Stage) -> int:
    return stage.clock.utc_ms() * 1_000_000
