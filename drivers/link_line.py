"""How long a character and a silence last on a link: pure arithmetic from its settings."""

from dataclasses import dataclass

from gateway.core.errors import ConfigError
from gateway.core.site import LinkSettings

_FAST_BAUDRATE = 19200
_FAST_SILENCE_S = 0.00175
_SILENT_CHARACTERS = 3.5
_ADAPTER_DELAY_S = 0.03
"""A USB adapter may hold bytes back for 16 ms, so that only a longer pause in what arrives is a silence on the bus."""
_CONVERTER_DELAY_S = 0.05


@dataclass(frozen=True, slots=True)
class Line:
    """Times of one link, in seconds."""

    character_s: float
    """One character with start, parity and stop bits; 0 on a socket."""
    silence_s: float
    """Silence before a request; 0 where the framing needs none."""
    drain_s: float
    """Silence that ends the wait for late bytes after a time-out; 0 where replies carry a transaction id."""


def line_of(settings: LinkSettings) -> Line:
    """Return the times of the link.

    Raises:
        ConfigError: a serial link whose baud rate or parity is not known.

    Source: Modbus over serial line V1.02, section 2.5.1.1 (3.5 characters, 1.75 ms above 19200 baud).
    """
    framing = settings.modbus_framing
    if settings.serial is None:
        return Line(0.0, 0.0, 0.0 if framing == "tcp" else _CONVERTER_DELAY_S)
    if settings.baudrate is None or settings.parity is None:
        missing = "baudrate" if settings.baudrate is None else "parity"
        raise ConfigError(f"{settings.id}: {missing} is not known; write it at the link")
    bits = 1 + settings.data_bits + (settings.parity != "none") + (settings.stop_bits or 1)
    character_s = bits / settings.baudrate
    silence_s = _FAST_SILENCE_S if settings.baudrate > _FAST_BAUDRATE else _SILENT_CHARACTERS * character_s
    # An ASCII frame has marks at both ends: the line needs no silence between frames.
    return Line(character_s, 0.0 if framing == "ascii" else silence_s, max(silence_s, _ADAPTER_DELAY_S))
