"""Modbus TCP frames: transaction id, protocol id, length, unit; also one frame per UDP datagram.

Source: Modbus Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3.
"""

import struct
from collections.abc import Sequence

from drivers.modbus.framing import Frame
from drivers.modbus.pdu import MAX_PDU_BYTES, Request

_HEADER = struct.Struct(">HHHB")
_MAX_LENGTH = MAX_PDU_BYTES + 1
_MAX_FRAME = 6 + _MAX_LENGTH
_MIN_LENGTH = 2
_HEAD_BYTES = 8
"""Header and function code: enough to know where a frame ends."""
_EXCEPTION = 0x80


class TcpFraming:
    """Frames of one connection.

    Args:
        datagrams: Each chunk is a datagram, which holds whole frames or nothing of use.
    """

    def __init__(self, *, datagrams: bool = False) -> None:
        self._datagrams = datagrams
        self._transaction = 0
        self._buffer = b""
        self._noise = b""

    @property
    def numbered(self) -> bool:
        """Always: the transaction id comes back."""
        return True

    @property
    def noise(self) -> bytes:
        """Bytes since the last request that belong to no valid frame, the newest of them."""
        return (self._noise + self._buffer)[-_MAX_FRAME:]

    def request(self, unit: int, request: Request) -> bytes:
        """Return the frame to send, with a transaction id that the 65535 before it did not have."""
        self._transaction = (self._transaction + 1) & 0xFFFF
        pdu = request.pdu
        return _HEADER.pack(self._transaction, 0, len(pdu) + 1, unit) + pdu

    def sent(self) -> None:
        """Forget what came before, but not the beginning of an older answer, whose end may still come."""
        self._noise = b""

    def frame_bytes(self, pdu_bytes: int) -> int:
        """Return the length of a frame with a PDU of this length."""
        return _HEADER.size + pdu_bytes

    def feed(self, chunk: bytes) -> Sequence[Frame]:
        """Return the frames that the chunk completes."""
        buffer = self._buffer + chunk if self._buffer else chunk
        frames: list[Frame] = []
        start = 0
        while start < len(buffer):
            end = _frame_end(buffer, start)
            found = start + 1 if end < 0 else self._awaited(buffer, start, end)
            if found >= 0:
                self._noise = (self._noise + buffer[start:found])[-_MAX_FRAME:]
                start = found
            elif end > len(buffer):
                break
            else:
                transaction, _, _, unit = _HEADER.unpack_from(buffer, start)
                frames.append(Frame(unit, buffer[start + 7 : end], transaction == self._transaction))
                start = end
        self._buffer = b"" if self._datagrams else buffer[start:]
        if self._datagrams:
            self._noise = (self._noise + buffer[start:])[-_MAX_FRAME:]
        return frames

    def _awaited(self, buffer: bytes, start: int, end: int) -> int:
        """Return where the awaited frame begins within another one, which was cut short then; -1 if it does not."""
        head = struct.pack(">HH", self._transaction, 0)
        if buffer.startswith(head, start):
            return -1
        # It begins before the end of the other, and may reach beyond.
        limit = end + len(head) - 1
        found = buffer.find(head, start + 1, limit)
        while found >= 0 and (len(buffer) - found < _HEAD_BYTES or _frame_end(buffer, found) < 0):
            found = buffer.find(head, found + 1, limit)
        return found


def _frame_end(buffer: bytes, start: int) -> int:
    """Return where the frame at `start` ends, beyond the buffer where it is not whole, -1 where none begins."""
    head = buffer[start : start + _HEAD_BYTES]
    if any(head[2:4]) or (len(head) > 4 and head[4]):  # noqa: PLR2004 - protocol id, high byte of the length
        return -1
    if len(head) < _HEAD_BYTES:
        return len(buffer) + 1
    length = head[5]
    if not _MIN_LENGTH <= length <= _MAX_LENGTH:
        return -1
    # Some devices forget the exception code when they count.
    if length == _MIN_LENGTH and head[7] & _EXCEPTION:
        length += 1
    return start + 6 + length
