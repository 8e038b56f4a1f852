"""What carries a PDU: the seam between the transports' frames and those who ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from drivers.modbus.pdu import Request


@dataclass(frozen=True, slots=True)
class Frame:
    """A valid frame that came in."""

    unit: int
    pdu: bytes
    current: bool = True
    """False where its transaction id says that it answers another request."""


class Framing(Protocol):
    """Packs requests and finds frames in what arrives; one request is under way at a time."""

    @property
    def numbered(self) -> bool:
        """Whether answers carry the transaction id of their request."""

    @property
    def noise(self) -> bytes:
        """Bytes since the last request that belong to no valid frame, the newest of them."""

    def request(self, unit: int, request: Request) -> bytes:
        """Return the frame to send; from now on its answer is looked for."""

    def sent(self) -> None:
        """Forget what came before the request was sent."""

    def feed(self, chunk: bytes) -> Sequence[Frame]:
        """Return the frames that the chunk completes; it never raises."""

    def frame_bytes(self, pdu_bytes: int) -> int:
        """Return the length of a frame with a PDU of this length."""
