"""Modbus ASCII frames: a colon, hexadecimal digits, carriage return and line feed.

Source: Modbus over Serial Line V1.02, section 2.5.2.
"""

from collections.abc import Sequence

from drivers.modbus.checksum import lrc8
from drivers.modbus.framing import Frame
from drivers.modbus.pdu import Request

_MAX_FRAME = 513
_START = b":"
_END = b"\r\n"
_MIN_OCTETS = 4
"""Unit, function, one byte, LRC."""


class AsciiFraming:
    """Frames of one bus."""

    def __init__(self) -> None:
        self._buffer = b""
        self._noise = b""
        self._echo = b""

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
        self._echo = body + bytes((lrc8(body),))
        return _START + self._echo.hex().upper().encode() + _END

    def sent(self) -> None:
        """Forget what came before the request was sent."""
        self._buffer = self._noise = b""

    def frame_bytes(self, pdu_bytes: int) -> int:
        """Return the length of a frame with a PDU of this length."""
        return len(_START) + 2 * (pdu_bytes + 2) + len(_END)

    def feed(self, chunk: bytes) -> Sequence[Frame]:
        """Return the frames that the chunk completes."""
        *lines, self._buffer = (self._buffer + chunk).split(_END)
        frames: list[Frame] = []
        for line in lines:
            before, colon, text = line.rpartition(_START)
            octets = _octets(text) if colon else b""
            self._noise = (self._noise + (before if octets else line))[-_MAX_FRAME:]
            if octets and octets == self._echo:
                self._echo = b""
            elif octets:
                frames.append(Frame(octets[0], octets[1:-1]))
        self._noise = (self._noise + self._buffer[:-_MAX_FRAME])[-_MAX_FRAME:]
        self._buffer = self._buffer[-_MAX_FRAME:]
        return frames


def _octets(text: bytes) -> bytes:
    """Return what the digits stand for, nothing where they are not digits or their LRC is wrong."""
    try:
        octets = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return b""
    # fromhex passes over spaces, which no frame has.
    whole = len(octets) >= _MIN_OCTETS and len(text) == 2 * len(octets) and lrc8(octets) == 0
    return octets if whole else b""
