"""A simulated meter that pushes DLMS lists by itself, plain or encrypted, in HDLC or M-Bus frames."""

import itertools
from dataclasses import dataclass
from typing import Literal

from drivers.profile_records import ObisProfile
from gateway.core.clock import Clock
from gateway.core.quantity import Vocabulary
from gateway.sim.device import ValueSource
from gateway.sim.dlms_cipher import sealed
from gateway.sim.dlms_list import LAYOUTS, aidon, clock, length, notification
from gateway.sim.sml_registers import Registers
from gateway.sim.talker import Mouth, speak_every

_LLC = b"\xe6\xe7\x00"
_ENCRYPTED, _AUTHENTICATED = 0x20, 0x10
_TAG_OCTETS = 12
_SEGMENT = 0x0800
_FORMAT = 0xA000


@dataclass(frozen=True, slots=True)
class Secrecy:
    """How a meter encrypts."""

    key: bytes
    """16 octets."""
    authentication_key: bytes | None = None
    """16 octets; without it there is no tag."""
    title: bytes = b"KAM\x45\x01\x02\x03\x04"


class SimulatedDlmsMeter:
    """Implements Talker.

    Args:
        profile: Its model; the maker's way of writing lists follows from it.
        source: What it measures.
        clock: Time of the values.
        vocabulary: Units of the points.
        serial_number: As the list gives it.
        period_s: Between two pushes.
        secrecy: Keys, where it encrypts.
        framing: HDLC, or long frames of M-Bus.
    """

    def __init__(  # noqa: PLR0913 - one argument for each trait of the meter
        self,
        profile: ObisProfile,
        source: ValueSource,
        *,
        clock: Clock,
        vocabulary: Vocabulary,
        serial_number: str = "5706567000012345",
        period_s: float = 10.0,
        secrecy: Secrecy | None = None,
        framing: Literal["hdlc", "mbus"] = "hdlc",
    ) -> None:
        self._layout = LAYOUTS.get(profile.profile.partition("/")[0], aidon)
        self._registers = Registers(profile, source, vocabulary=vocabulary)
        self._clock = clock
        self._serial_number = serial_number
        self._period_s = period_s
        self._secrecy = secrecy
        self._framing = framing
        self._counter = itertools.count(1)

    def heard(self, chunk: bytes, mouth: Mouth) -> None:
        """Ignore what anybody says."""

    async def speak(self, mouth: Mouth) -> None:
        """Push every period until cancelled."""
        await speak_every(self._period_s, self.telegram, mouth, clock=self._clock)

    def telegram(self) -> bytes:
        """Return the frames of this instant."""
        utc_ms = self._clock.utc_ms()
        header_time, body = self._layout(self._registers.at(utc_ms), clock(utc_ms), self._serial_number)
        number = next(self._counter)
        apdu = notification(header_time, body, invoke_id=number)
        if self._secrecy is not None:
            apdu = ciphered(apdu, self._secrecy, counter=number)
        return hdlc(_LLC + apdu) if self._framing == "hdlc" else long_frames(apdu)


def ciphered(apdu: bytes, secrecy: Secrecy, *, counter: int) -> bytes:
    """Return the APDU inside general-glo-ciphering."""
    has_tag = secrecy.authentication_key is not None
    control = bytes((_ENCRYPTED | (_AUTHENTICATED if has_tag else 0),))
    number = counter.to_bytes(4, "big")
    also = control + (secrecy.authentication_key or b"")
    text, tag = sealed(apdu, key=secrecy.key, nonce=secrecy.title + number, also=also)
    content = control + number + text + (tag[:_TAG_OCTETS] if has_tag else b"")
    return b"\xdb" + length(len(secrecy.title)) + secrecy.title + length(len(content)) + content


def hdlc(content: bytes, *, addresses: bytes = b"\x41\x03", longest: int = 1900) -> bytes:
    """Return the content in HDLC frames, in segments where it is longer than one may be."""
    pieces = [content[index : index + longest] for index in range(0, len(content), longest)]
    frames = bytearray()
    for index, piece in enumerate(pieces):
        more = _SEGMENT if index + 1 < len(pieces) else 0
        size = 2 + len(addresses) + 1 + 2 + len(piece) + 2
        header = (_FORMAT | more | size).to_bytes(2, "big") + addresses + b"\x13"
        body = header + checksum(header) + piece
        frames += b"\x7e" + body + checksum(body) + b"\x7e"
    return bytes(frames)


def long_frames(apdu: bytes, *, longest: int = 240) -> bytes:
    """Return the APDU in long frames of M-Bus, each with its segment number."""
    pieces = [apdu[index : index + longest] for index in range(0, len(apdu), longest)]
    frames = bytearray()
    for index, piece in enumerate(pieces):
        is_last = index + 1 == len(pieces)
        body = bytes((0x53, 0xFF, index & 0x0F | (0x10 if is_last else 0), 0x01, 0x67)) + piece
        frames += bytes((0x68, len(body), len(body), 0x68)) + body + bytes((sum(body) & 0xFF, 0x16))
    return bytes(frames)


def checksum(covered: bytes) -> bytes:
    """Return the two octets of a frame check sequence, low octet first; bit by bit."""
    crc = 0xFFFF
    for octet in covered:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return (crc ^ 0xFFFF).to_bytes(2, "little")
