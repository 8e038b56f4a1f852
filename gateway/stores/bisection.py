"""Stores all lines but those that a store refuses, which it is asked about until each of them stood alone.

Where a batch is refused, its first bad line is found by halving: at most log2(n) + 1 requests each. Then the rest goes
on: as one request after the first bad line, and after more of them in pieces that are short where many are bad.
"""

from collections.abc import Awaitable, Callable, Sequence

from gateway.core.protocols import Refusal

Send = Callable[[Sequence[bytes]], Awaitable[str | None]]
"""Sends lines; returns None when all are stored, and else why not all are."""


async def store_all(send: Send, lines: Sequence[bytes]) -> list[Refusal]:
    """Store the lines and return those that are refused for good.

    Raises:
        SinkUnavailable: as `send` says; what was stored until then is stored.
    """
    refusals: list[Refusal] = []
    piece = len(lines)
    start = 0
    while start < len(lines):
        end = min(start + piece, len(lines))
        reason = await send(lines[start:end])
        if reason is None:
            start, piece = end, piece * 2
            continue
        stop, alone = await _first_refused(send, lines, range(start, end), reason)
        if alone is not None:
            piece = len(lines) if not refusals else max(2 * (stop - 1 - start), 1)
            refusals.append(Refusal(stop - 1, alone))
        start = stop
    return refusals


async def _first_refused(send: Send, lines: Sequence[bytes], refused: range, reason: str) -> tuple[int, str | None]:
    """Return up to where lines are dealt with, all but the last of them stored, and why that last one is refused.

    The reason is None where the last line, sent alone, was taken after all.
    """
    start, stop, asked_to = refused.start, refused.stop, refused
    while stop - start > 1:
        middle = (start + stop) // 2
        answer = await send(lines[start:middle])
        if answer is None:
            start = middle
        else:
            stop, reason, asked_to = middle, answer, range(start, middle)
    if len(asked_to) == 1:
        return stop, reason
    return stop, await send(lines[start:stop])
