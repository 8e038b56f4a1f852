"""A line as small as a word: the last hour of one point. Pure."""

from collections.abc import Sequence
from itertools import pairwise

from gateway.web.html import Markup, tag

WIDTH = 120
HEIGHT = 28
_MARGIN = 2.0
_LONGEST_MS = 3_600_000
_SHORTEST_MS = 600_000
"""What is shown while less is known."""
_BREAK_MS = 90_000
"""Readings further apart are not joined."""


def spark(samples: Sequence[tuple[int, float]], *, now_ms: int) -> Markup:
    """Return the drawing; nothing is drawn over a gap, and a flat line stands in the middle."""
    kept = [(time_ms, value) for time_ms, value in samples if now_ms - _LONGEST_MS <= time_ms <= now_ms]
    path = _path(kept, now_ms)
    line = tag("path", d=path) if path else None
    return tag("svg", line, viewBox=f"0 0 {WIDTH} {HEIGHT}", class_="spark", aria_hidden="true")


def _path(samples: Sequence[tuple[int, float]], now_ms: int) -> str:
    if not samples:
        return ""
    low, high = min(value for _, value in samples), max(value for _, value in samples)
    usual_ms = _usual(samples)
    span_ms = max(now_ms - samples[0][0], _SHORTEST_MS)
    parts = []
    before_ms: int | None = None
    for time_ms, value in samples:
        x = WIDTH - _MARGIN - (now_ms - time_ms) / span_ms * (WIDTH - 2 * _MARGIN)
        share = (value - low) / (high - low) if high > low else 0.5
        y = HEIGHT - _MARGIN - share * (HEIGHT - 2 * _MARGIN)
        joined = before_ms is not None and time_ms - before_ms <= max(_BREAK_MS, 2.5 * usual_ms)
        parts.append(f"{'L' if joined else 'M'}{x:.1f} {y:.1f}" + ("" if joined else "h.1"))
        before_ms = time_ms
    return "".join(parts)


def _usual(samples: Sequence[tuple[int, float]]) -> float:
    steps = sorted(after - before for (before, _), (after, _) in pairwise(samples))
    return float(steps[len(steps) // 2]) if steps else 0.0
