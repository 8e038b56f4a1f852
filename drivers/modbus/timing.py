"""What a request costs on a bus: pure arithmetic, for the planner and for the predicted load."""

from dataclasses import dataclass

from drivers.link_line import Line, line_of
from drivers.modbus.framing import Framing
from drivers.modbus.pdu import ReadRequest
from drivers.modbus.transports import framing_of
from gateway.core.site import LinkSettings

_DEVICE_S = 0.02
"""Until a device on a serial bus begins to answer."""
_SOCKET_S = 0.005
_SOCKET_BYTE_S = 1e-6
_UNKNOWN_LINE = Line(10 / 9600, 35 / 9600, 0.0)
"""The serial bus behind a converter, as most of them are."""


@dataclass(frozen=True, slots=True)
class BusTiming:
    """How long things take on one bus."""

    framing: Framing
    byte_s: float
    overhead_s: float
    """Silences and turnaround of one request."""

    @property
    def numbered(self) -> bool:
        """Whether answers carry the transaction id of their request."""
        return self.framing.numbered

    def duration_s(self, request: ReadRequest) -> float:
        """Return how long the bus is taken by a request and its answer."""
        octets = self.framing.frame_bytes(len(request.pdu)) + self.framing.frame_bytes(request.reply_bytes)
        return self.overhead_s + octets * self.byte_s


def bus_timing(settings: LinkSettings, *, pause_s: float = 0.0) -> BusTiming:
    """Return the times of a link.

    Args:
        settings: The link.
        pause_s: Silence that the device itself needs between two requests.

    Raises:
        ConfigError: a serial link whose baud rate or parity is not known.
    """
    framing = framing_of(settings)
    if framing.numbered:
        return BusTiming(framing, _SOCKET_BYTE_S, max(_SOCKET_S, pause_s))
    line = line_of(settings) if settings.serial is not None else _UNKNOWN_LINE
    return BusTiming(framing, line.character_s, 2 * line.silence_s + max(_DEVICE_S, pause_s))
