"""Lines of our own: a readout that no store takes leaves a gap that says so."""

from gateway.core.clock import Clock
from gateway.core.quantity import Vocabulary
from gateway.core.readout import Event
from gateway.wire.line import LineEncoder, stamp

_REASON_CHARACTERS = 200


class Gaps:
    """Makes the gap lines of all sites.

    A gap has the time of the line it stands for, so that the same line refused twice leaves one gap. Where that is not
    known it gets a time of ours, which no other gap has.
    """

    def __init__(self, vocabulary: Vocabulary, clock: Clock) -> None:
        self._vocabulary = vocabulary
        self._clock = clock
        self._last_ms = 0

    def line(self, site: str, reason: str, *, device: str | None, time_ms: int | None) -> bytes:
        """Return the line of a gap of one readout.

        Args:
            site: Whose line was refused.
            reason: Why.
            device: Whose readout it was, where that is known.
            time_ms: When it was acquired, UTC, where that is known.
        """
        is_known = device is not None and time_ms is not None
        own_ms = time_ms if is_known and time_ms is not None else self._unique_ms()
        instant_ms = own_ms if time_ms is None else time_ms
        event = Event("gap", "refused", instant_ms, instant_ms, 1, device, reason[:_REASON_CHARACTERS], "collector")
        return stamp(LineEncoder(site, self._vocabulary).event(event), own_ms)

    def _unique_ms(self) -> int:
        self._last_ms = max(self._clock.utc_ms(), self._last_ms + 1)
        return self._last_ms
