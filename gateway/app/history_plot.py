"""A line in a terminal, drawn with dots of braille; bars with blocks. Pure."""

from collections.abc import Sequence
from math import ceil, floor, log10

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bit of each dot of a braille cell, by column and row."""
_BLOCKS = " ▁▂▃▄▅▆▇█"
_EIGHTHS = 8
_MARGIN = 10

Span = tuple[float, float] | None
"""Least and greatest of one column, None where nothing is known."""


def line_plot(spans: Sequence[Span], *, height: int) -> list[str]:
    """Return the lines of a drawing; each span is one column of dots, two to a character. A gap stays empty."""
    known = [span for span in spans if span is not None]
    if not known:
        return []
    bottom, top = _range(min(low for low, _ in known), max(high for _, high in known))
    dots = height * 4
    cells = [[0] * ceil(len(spans) / 2) for _ in range(height)]
    before: tuple[int, int] | None = None
    for place, span in enumerate(spans):
        if span is None:
            before = None
            continue
        low, high = (min(floor((value - bottom) / (top - bottom) * dots), dots - 1) for value in span)
        reach = (low, high) if before is None else _joined((low, high), before)
        before = (low, high)
        for dot in range(reach[0], reach[1] + 1):
            row = dots - 1 - dot
            cells[row // 4][place // 2] |= _DOTS[place % 2][row % 4]
    drawn = ["".join(chr(0x2800 + cell) if cell else " " for cell in row) for row in cells]
    return _with_axis(drawn, bottom, top)


def bar_plot(amounts: Sequence[float | None], *, height: int) -> list[str]:
    """Return the lines of a drawing; each amount is one character wide. What is not known stays empty."""
    known = [amount for amount in amounts if amount is not None]
    if not known:
        return []
    _, top = _range(0.0, max(known))
    drawn = []
    for row in range(height - 1, -1, -1):
        eighths = [0.0 if amount is None else amount / top * height * _EIGHTHS - row * _EIGHTHS for amount in amounts]
        drawn.append("".join(_BLOCKS[min(max(round(each), 0), _EIGHTHS)] for each in eighths))
    return _with_axis(drawn, 0.0, top)


def time_axis(width: int, left: str, right: str) -> str:
    """Return the line below a drawing."""
    return " " * (_MARGIN + 2) + left + right.rjust(max(width - len(left), len(right) + 1))


def width_of(columns: int) -> int:
    """Return how many characters a drawing has in a terminal of so many columns."""
    return max(columns - _MARGIN - 3, 20)


def _joined(span: tuple[int, int], before: tuple[int, int]) -> tuple[int, int]:
    """Return a span that touches the one before."""
    low, high = span
    if low > before[1]:
        low = before[1] + 1
    if high < before[0]:
        high = before[0] - 1
    return low, high


def _range(low: float, high: float) -> tuple[float, float]:
    if high <= low:
        half = abs(low) * 0.1 or 1.0
        return low - (half if low else 0.0), high + half
    step = 10.0 ** floor(log10((high - low) / 4))
    return floor(low / step) * step, ceil(high / step) * step


def _with_axis(drawn: Sequence[str], bottom: float, top: float) -> list[str]:
    lines = []
    for number, row in enumerate(drawn):
        share = 1 - number / max(len(drawn) - 1, 1)
        is_marked = number in (0, len(drawn) // 2, len(drawn) - 1)
        mark = f"{bottom + share * (top - bottom):.4g}" if is_marked else ""
        lines.append(f"{mark:>{_MARGIN}} {'┤' if is_marked else '│'}{row.rstrip()}")
    return lines
