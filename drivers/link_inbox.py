"""What arrived and was not asked for yet, and the one reader who waits for it until a deadline."""

import asyncio
from collections import deque

from gateway.core.errors import LinkDown

_TOLERANCE_S = 0.0005
HIGH_WATER_BYTES = 8192
"""A stream stops reading when this much was not asked for."""


class Inbox:
    """Chunks in the order in which they came.

    One timer serves all deadlines: it is set again only when it rings or when an earlier deadline comes, since most
    answers arrive long before their deadline.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._chunks: deque[bytes] = deque()
        self._waiter: asyncio.Future[bytes] | None = None
        self._deadline_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._failure: str | None = None

    @property
    def size_bytes(self) -> int:
        """Bytes that nobody asked for yet."""
        return sum(map(len, self._chunks))

    @property
    def failure(self) -> str | None:
        """Why nothing will arrive any more, None while the stream is open."""
        return self._failure

    def put(self, chunk: bytes) -> None:
        """Keep the chunk, or hand it to the waiting reader."""
        waiter = self._waiter
        if waiter is None or waiter.done():
            self._chunks.append(chunk)
        else:
            waiter.set_result(chunk)

    def fail(self, reason: str) -> None:
        """Let every later `get` raise LinkDown with this reason, once the chunks are taken."""
        if self._failure is None:
            self._failure = reason
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(LinkDown(self._failure))

    async def get(self, *, deadline_s: float) -> bytes:
        """Return the oldest chunk, b"" when the deadline on the loop's clock passed first.

        Raises:
            LinkDown: the stream has failed.
        """
        if self._chunks:
            return self._chunks.popleft()
        if self._failure is not None:
            raise LinkDown(self._failure)
        if deadline_s <= self._loop.time():
            return b""
        self._waiter = self._loop.create_future()
        self._deadline_s = deadline_s
        if self._timer is None or self._timer.when() > deadline_s:
            self._ring_at(deadline_s)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def _ring_at(self, deadline_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._deadline_s > self._loop.time() + _TOLERANCE_S:
            self._ring_at(self._deadline_s)
        else:
            self._waiter.set_result(b"")
