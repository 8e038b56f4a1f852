"""What comes back after a request: an acknowledgement, one frame, or bytes that are neither. Pure."""

from enum import Enum, auto
from typing import Final

from drivers.mbus.frame import ACK, Found, Frame, long_frame, look, why_broken

_LINE_NOISE: Final = frozenset((0x00, 0xFF))
"""What a converter may add when it turns the line round."""


class Outcome(Enum):
    """What the bytes so far are."""

    SILENCE = auto()
    ACK = auto()
    FRAME = auto()
    UNFINISHED = auto()
    """A frame has begun."""
    GARBLED = auto()
    """No frame and no acknowledgement: noise, or several meters at once."""


class Answer:
    """Collects the bytes behind one request.

    Args:
        request: What was sent; a converter may send it back.
    """

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._held = bytearray()
        self.frame: Frame | None = None
        """The one that was found."""

    @property
    def raw(self) -> bytes:
        """All bytes, the echo of the request excepted."""
        held = bytes(self._held)
        return held.removeprefix(self._request)

    def feed(self, chunk: bytes) -> Outcome:
        """Take further bytes; return what all of them are."""
        self._held += chunk
        held = self.raw
        start = 0
        while start < len(held) and held[start] in _LINE_NOISE:
            start += 1
        if start == len(held) or self._request.startswith(held):
            return Outcome.SILENCE
        found, size = look(held, start)
        rest = held[start + size :].strip(bytes(_LINE_NOISE))
        if found is Found.INCOMPLETE:
            return Outcome.UNFINISHED
        if found is Found.ACK:
            # Several meters may acknowledge a selection at once, a bit apart.
            return Outcome.ACK if not rest.strip(bytes([ACK])) else Outcome.GARBLED
        if found is Found.LONG and not rest:
            self.frame = long_frame(held[start : start + size])
            return Outcome.FRAME
        return Outcome.GARBLED

    def why(self) -> str:
        """Return what is wrong with bytes that are garbled or unfinished."""
        held = self.raw.lstrip(bytes(_LINE_NOISE))
        if not held:
            return f"{len(self.raw)} bytes of noise"
        found, size = look(held)
        if found is Found.BROKEN:
            return why_broken(held[:size])
        if found is Found.INCOMPLETE:
            return f"the answer ends after {len(held)} of {size} bytes"
        if found in (Found.LONG, Found.ACK):
            return f"{len(held) - size} bytes follow the answer: several meters answered"
        return f"{len(held)} bytes that are no frame: noise, or several meters answered at once"
