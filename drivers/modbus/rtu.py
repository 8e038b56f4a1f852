"""Modbus RTU frames, told apart by their length and CRC: an adapter's buffer makes pauses between bytes meaningless.

Source: Modbus over Serial Line V1.02, section 2.5.1.
"""

from collections.abc import Iterator, Sequence

from drivers.modbus.checksum import crc16
from drivers.modbus.framing import Frame
from drivers.modbus.pdu import IdentificationRequest, Request, identification_bytes

_MAX_FRAME = 256
_EXCEPTION = 0x80
_EXCEPTION_FRAME = 5
_SHORT_FRAME = 8
_OVERHEAD = 3
"""Unit and CRC."""
_READS = frozenset({1, 2, 3, 4})
_ECHOES = frozenset({5, 6})
_BLOCK_WRITES = frozenset({15, 16})
"""Functions of another client, known so that its frames are passed over whole."""


class RtuFraming:
    """Frames of one bus.

    A frame is looked for where the last one ended. The awaited answer alone is also looked for behind bytes that may
    become something else, because noise can look like the beginning of a long frame.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._noise = b""
        self._echo = b""
        self._head = b""
        self._refused = b""
        self._size: int | None = 0

    @property
    def numbered(self) -> bool:
        """Never: only unit, function and byte count tell answers apart."""
        return False

    @property
    def noise(self) -> bytes:
        """Bytes since the last request that belong to no valid frame, the newest of them."""
        return (self._noise + self._buffer)[-_MAX_FRAME:]

    def request(self, unit: int, request: Request) -> bytes:
        """Return the frame to send; from now on its answer is looked for."""
        body = bytes((unit,)) + request.pdu
        self._echo = body + crc16(body).to_bytes(2, "little")
        self._head = bytes((unit,)) + request.head
        self._refused = bytes((unit, request.function | _EXCEPTION))
        self._size = None if isinstance(request, IdentificationRequest) else self.frame_bytes(request.reply_bytes)
        return self._echo

    def sent(self) -> None:
        """Forget what came before the request was sent."""
        self._buffer = self._noise = b""

    def frame_bytes(self, pdu_bytes: int) -> int:
        """Return the length of a frame with a PDU of this length."""
        return _OVERHEAD + pdu_bytes

    def feed(self, chunk: bytes) -> Sequence[Frame]:
        """Return the frames that the chunk completes."""
        buffer = self._buffer + chunk
        frames: list[Frame] = []
        start = 0
        while start < len(buffer):
            size = self._frame_at(buffer, start)
            if size > 0:
                frames += self._taken(buffer[start : start + size])
                start += size
                continue
            found = start + 1 if size < 0 else self._awaited(buffer, start + 1)
            if found < 0:
                break
            self._noise = (self._noise + buffer[start:found])[-_MAX_FRAME:]
            start = found
        self._buffer = buffer[start:][-_MAX_FRAME:]
        return frames

    def _taken(self, octets: bytes) -> tuple[Frame, ...]:
        """Return the frame, or nothing where it is our own request that the adapter heard."""
        if octets == self._echo:
            self._echo = b""
            return ()
        return (Frame(octets[0], octets[1:-2]),)

    def _frame_at(self, buffer: bytes, start: int) -> int:
        """Return the length of the frame that begins here, 0 while that is open, -1 where none does."""
        rest = buffer[start : start + _MAX_FRAME]
        if self._echo and (rest.startswith(self._echo) or self._echo.startswith(rest)):
            return len(self._echo) if len(rest) >= len(self._echo) else 0
        if len(rest) < _OVERHEAD:
            return 0
        unfinished = False
        for size in self._sizes(rest):
            if size > len(rest):
                unfinished = True
            elif _is_whole(rest[:size]):
                return size
        return 0 if unfinished else -1

    def _sizes(self, rest: bytes) -> Iterator[int]:
        """Yield the lengths that a frame with this beginning may have, all of them above 0."""
        if self._size and rest.startswith(self._head):
            yield self._size
        else:
            yield from _sizes(rest)

    def _awaited(self, buffer: bytes, start: int) -> int:
        """Return where the awaited answer, or its refusal, stands whole; -1 where it does not."""
        for head, size in ((self._head, self._size), (self._refused, _EXCEPTION_FRAME)):
            found = buffer.find(head, start) if head else -1
            while found >= 0:
                end = found + (size or next(_sizes(buffer[found:]), _MAX_FRAME))
                if end <= len(buffer) and _is_whole(buffer[found:end]):
                    return found
                found = buffer.find(head, found + 1)
        return -1


def _is_whole(octets: bytes) -> bool:
    # The CRC over a frame with its own CRC is 0.
    return crc16(octets) == 0


def _sizes(rest: bytes) -> Iterator[int]:
    """Yield the lengths that a frame with this beginning may have; more than there is where it is too short to tell."""
    function, third = rest[1], rest[2]
    if function in _READS:
        if third and (function < 3 or third % 2 == 0):  # noqa: PLR2004 - registers come in pairs of bytes
            yield _OVERHEAD + 2 + third
        yield _SHORT_FRAME
    elif function in _ECHOES:
        yield _SHORT_FRAME
    elif function in _BLOCK_WRITES:
        yield _SHORT_FRAME
        yield 9 + rest[6] if len(rest) > 6 else _MAX_FRAME + 1  # noqa: PLR2004 - place of the byte count
    elif function & _EXCEPTION:
        yield _EXCEPTION_FRAME
    elif function == IdentificationRequest().function:
        size = identification_bytes(rest[1:])
        yield _MAX_FRAME + 1 if size is None else _OVERHEAD + size
        yield _SHORT_FRAME - 1
