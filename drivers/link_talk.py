"""A dialogue of several turns on a link that is nobody else's meanwhile."""

import asyncio
from collections.abc import Callable

from gateway.core.protocols import Stream

_DRAIN_LIMIT_S = 1.0


class Talk:
    """The open port during a dialogue; made by `Link.talk`.

    Args:
        stream: The port.
        write: Sends, and notes what was sent.
        took: Notes what arrived.
    """

    def __init__(self, stream: Stream, *, write: Callable[[bytes], None], took: Callable[[bytes], None]) -> None:
        self._stream = stream
        self._took = took
        self.send = write
        """Send the bytes at once; raises LinkDown where the port or connection is gone."""

    async def receive(self, *, timeout_s: float) -> bytes:
        """Return the next bytes that arrive, b"" when none came in time.

        Raises:
            LinkDown: the port or connection is gone.
        """
        chunk = await self._stream.receive(deadline_s=asyncio.get_running_loop().time() + timeout_s)
        if chunk:
            self._took(chunk)
        return chunk

    async def drain(self, *, silence_s: float) -> bytes:
        """Return what arrives until nothing did for so long; at most a second of it.

        Raises:
            LinkDown: the port or connection is gone.
        """
        taken = bytearray()
        end_s = asyncio.get_running_loop().time() + _DRAIN_LIMIT_S
        while asyncio.get_running_loop().time() < end_s and (chunk := await self.receive(timeout_s=silence_s)):
            taken += chunk
        return bytes(taken)

    def set_baudrate(self, baudrate: int) -> None:
        """Change the speed of a serial port, once what was sent has left; nothing on a socket.

        Raises:
            LinkDown: the port refuses it.
        """
        self._stream.set_baudrate(baudrate)
