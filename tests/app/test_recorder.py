"""Readouts and events on their way into the spools."""

from gateway.app.recorder import Recorder
from gateway.core.protocols import Entry
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Event
from gateway.poller.stamp import Stamper
from gateway.wire.line import LineEncoder
from tests.fakes import FakeClock
from tests.fakes_spool import FakeSpool


class Kept(FakeSpool):
    """A spool that shows what it was given."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.entries: list[Entry] = []

    def append(self, entry: Entry) -> None:
        self.entries.append(entry)
        super().append(entry)


def test_events_of_one_instant_stay_apart() -> None:
    """Gaps that are found in the same millisecond have instants of their own, even before the clock is known."""
    clock = FakeClock()
    clock.is_synchronised = False
    spool, encoder = Kept(clock), LineEncoder("soenderborg-12", load_vocabulary())
    recorder = Recorder(encoder, Stamper(clock, floor_ms=0), clock=clock, spools=[spool], live=[])
    for start_ms in (1000, 2000, 3000):
        recorder.event(Event("gap", "damage", start_ms, start_ms + 500, 3))
    assert len({entry.monotonic_ms for entry in spool.entries}) == 3
