import asyncio
from random import Random
from typing import Literal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from gateway.core.protocols import Batch
from gateway.wire.line import parse_line
from tests.spool.stage import Stage, line, long_line

ORDERS = st.sampled_from(("newest", "oldest"))
FAULTS = st.sampled_from(("write", "sync", "allocate"))


class SpoolMachine(RuleBasedStateMachine):
    """Appends, batches, receipts, kills, power cuts and disk faults in any order, against a list of what was appended.

    Every line appended must come out again with the time it was given first, or lie in a gap that comes out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.appended: dict[int, int] = {}
        """Number of a line → UTC when it was appended."""
        self.delivered: dict[int, bytes] = {}
        self.identities: dict[tuple[str, int], bytes] = {}
        self.gaps: list[tuple[int, int]] = []
        self.flying: list[Batch] = []
        self.unreleased: set[int] = set()
        self.untimed: set[int] = set()
        self.is_timed = True

    @initialize(has_tier=st.booleans())
    def start(self, has_tier: bool) -> None:  # noqa: FBT001 - hypothesis passes it by name
        self.stage = Stage(has_tier=has_tier, segments=6)
        self.runner.run(self.stage.open())

    @rule(count=st.integers(1, 40), seconds=st.sampled_from((0.0, 0.05, 1.0)), is_long=st.booleans())
    def append(self, count: int, seconds: float, is_long: bool) -> None:  # noqa: FBT001 - hypothesis passes it by name
        for _ in range(count):
            number = len(self.appended)
            self.appended[number] = self.stage.clock.utc_ms()
            self.unreleased.add(number)
            if not self.is_timed:
                self.untimed.add(number)
            self.stage.append(long_line(number) if is_long else line(number), timed=self.is_timed)
            if seconds:
                self.runner.run(self.stage.clock.advance(seconds))

    @rule(seconds=st.sampled_from((0.5, 4.7, 31.0, 301.0)))
    def pass_time(self, seconds: float) -> None:
        self.runner.run(self.stage.clock.advance(seconds))

    @rule(order=ORDERS, max_lines=st.sampled_from((1, 7, 1000)))
    def send(self, order: Literal["newest", "oldest"], max_lines: int) -> None:
        batch = self.runner.run(self.stage.batch(order, max_lines=max_lines))
        if batch is not None:
            self.check(batch)
            self.stage.spool.sent(batch)
            self.flying.append(batch)

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def receipt(self, data: st.DataObject) -> None:
        batch = data.draw(st.sampled_from(self.flying))
        self.stage.spool.release(batch.run, batch.first, batch.last)
        self.store(batch)

    @rule(ago_ms=st.sampled_from((1000, 100_000)))
    def resend(self, ago_ms: int) -> None:
        self.runner.run(self.stage.spool.resend(self.stage.clock.utc_ms() - ago_ms))

    @rule(catalogue=st.sampled_from(("aaaaaaaa", "bbbbbbbb")))
    def rotate(self, catalogue: str) -> None:
        self.stage.spool.rotate(catalogue)

    @rule()
    def lose_the_clock(self) -> None:
        self.is_timed = False

    @rule(uncertain=st.booleans())
    def find_the_clock(self, uncertain: bool) -> None:  # noqa: FBT001 - hypothesis passes it by name
        clock = self.stage.clock
        self.stage.spool.anchor(clock.utc_ms() - round(clock.monotonic() * 1000), uncertain=uncertain)
        self.is_timed = True

    @rule()
    def kill(self) -> None:
        self.runner.run(self.stage.kill())
        self.reopen()

    @rule()
    def stop(self) -> None:
        self.runner.run(self.stage.stop())
        self.reopen()

    @rule(seed=st.integers(0, 1000))
    def cut_power(self, seed: int) -> None:
        self.runner.run(self.stage.cut_power(Random(seed)))  # noqa: S311 - a simulation
        self.stage.flash.refusals.clear()
        self.reopen()

    @precondition(lambda self: self.stage.memory is not None)
    @rule(fault=FAULTS)
    def break_disk(self, fault: str) -> None:
        self.stage.flash.refusals[fault] = "Input/output error"

    @rule()
    def mend_disk(self) -> None:
        self.stage.flash.refusals.clear()

    def reopen(self) -> None:
        self.runner.run(self.stage.open())

    def check(self, batch: Batch) -> None:
        assert batch.last - batch.first + 1 == len(batch.lines)
        for sequence, text in enumerate(batch.lines, batch.first):
            parse_line(text)
            assert self.identities.setdefault((batch.run, sequence), text) == text

    def store(self, batch: Batch) -> None:
        for text in batch.lines:
            parsed = parse_line(text)
            if parsed.measurement == "kvarter":
                number = int(parsed.fields["elec_power_active"])
                assert number in self.appended
                assert self.delivered.setdefault(number, text) == text
                self.unreleased.discard(number)
            else:
                self.gaps.append((int(parsed.fields["from"]), int(parsed.fields["to"])))

    def teardown(self) -> None:
        try:
            if hasattr(self, "stage"):
                self.runner.run(self.settle())
                for number in self.unreleased:
                    time_ms = self.appended[number]
                    # A time that was estimated may be a little after the true one.
                    slack_ms = 1000 if number in self.untimed else 0
                    gaps = [(start - slack_ms, end + slack_ms) for start, end in self.gaps]
                    assert any(start <= time_ms <= end for start, end in gaps), f"line {number} is lost undeclared"
        finally:
            self.runner.close()

    async def settle(self) -> None:
        stage = self.stage
        stage.flash.refusals.clear()
        clock = stage.clock
        stage.spool.anchor(clock.utc_ms() - round(clock.monotonic() * 1000), uncertain=False)
        await clock.advance(130)
        while batch := await stage.batch():
            self.check(batch)
            stage.spool.sent(batch)
            stage.spool.release(batch.run, batch.first, batch.last)
            self.store(batch)
        assert stage.spool.backlog().waiting == 0
        await stage.stop()


SpoolMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestSpool = SpoolMachine.TestCase
