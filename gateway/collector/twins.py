"""Two gateways under one site id, as a cloned SD card makes them: pure."""

from collections import OrderedDict

_OVERLAP_MS = 60_000
_RUNS = 8


class Twins:
    """Remembers the span of time that each run of a site covers; runs of one gateway follow one another.

    Args:
        remembered: Sites; the one that was quiet longest is forgotten first.
    """

    def __init__(self, *, remembered: int = 10_000) -> None:
        self._remembered = remembered
        self._spans: OrderedDict[str, OrderedDict[str, tuple[int, int]]] = OrderedDict()

    def note(self, site: str, run: str, *, first_ms: int, last_ms: int) -> str | None:
        """Take notice of a batch; return the other run that covers a minute or more of the same time, if there is one.

        Args:
            site: Its id.
            run: Of the batch.
            first_ms: UTC of its first line.
            last_ms: UTC of its last line.
        """
        spans = self._spans.setdefault(site, OrderedDict())
        self._spans.move_to_end(site)
        if len(self._spans) > self._remembered:
            self._spans.popitem(last=False)
        low, high = spans.get(run, (first_ms, last_ms))
        low, high = min(low, first_ms), max(high, last_ms)
        spans[run] = (low, high)
        spans.move_to_end(run)
        if len(spans) > _RUNS:
            spans.popitem(last=False)
        for other, (other_low, other_high) in spans.items():
            if other != run and min(high, other_high) - max(low, other_low) >= _OVERLAP_MS:
                return other
        return None
