"""A simulated meter of IEC 62056-21: answers the sign-on of modes B and C, or sends by itself as in mode D."""

import re
from datetime import UTC, datetime
from functools import reduce
from operator import xor
from typing import Final

from drivers.profile_records import ObisProfile, RecordProfile
from gateway.core.clock import Clock
from gateway.core.quantity import Vocabulary
from gateway.sim.device import ValueSource
from gateway.sim.p1_lines import lines_of
from gateway.sim.talker import Mouth, speak_every

_REQUEST: Final = re.compile(rb"/\?([0-9A-Za-z ]*)!\r\n")
_OPTION: Final = re.compile(rb"\x060([0-9A-Z])0\r\n")
_INITIAL_BAUDRATE: Final = 300
_MODE_B: Final = "ABCDEF"
"""Baud rate characters of meters that wait for no acknowledgement."""
_ZEROS_PER_S: Final = _INITIAL_BAUDRATE / 10
_ENOUGH: Final = 0.9
"""Share of the wake-up after which a meter is awake."""
_LONGEST: Final = 128
_MOST_ZEROS: Final = 1024


class SimulatedD0Meter:
    """Implements Talker.

    Args:
        profile: Its model, which also says its mode and whether it sleeps.
        source: What it measures.
        clock: Of its telegrams.
        vocabulary: Units.
        serial_number: What it says it is.
        address: To which it answers, besides to the empty one.
    """

    def __init__(
        self,
        profile: RecordProfile,
        source: ValueSource,
        *,
        clock: Clock,
        vocabulary: Vocabulary,
        serial_number: str = "10000001",
        address: str = "",
    ) -> None:
        if not isinstance(profile, ObisProfile):
            raise TypeError(f"{profile.profile} is no profile of IEC 62056-21")
        self._profile = profile
        self._source = source
        self._clock = clock
        self._vocabulary = vocabulary
        self._serial_number = serial_number
        self._address = address
        self._heard = bytearray()
        self._zeros = 0
        self._is_signed_on = False
        self.baudrates: list[int] = []
        """Speeds to which it went, each followed by the way back."""

    def heard(self, chunk: bytes, mouth: Mouth) -> None:
        """Answer a sign-on with the identification, and its acknowledgement with the data."""
        if self._profile.obis.mode == "D":
            return
        self._zeros = min(self._zeros + chunk.count(0), _MOST_ZEROS)
        self._heard += chunk.replace(b"\0", b"")
        if request := _REQUEST.search(self._heard):
            address = request[1].decode("ascii")
            self._heard = bytearray()
            self._sign_on(address, mouth)
        elif option := _OPTION.search(self._heard):
            character = option[1].decode("ascii")
            self._heard = bytearray()
            self._read_out(character, mouth)
        del self._heard[:-_LONGEST]

    async def speak(self, mouth: Mouth) -> None:
        """Send a telegram at each interval of the profile until cancelled, in mode D only."""
        if self._profile.obis.mode == "D":
            await speak_every(self._profile.interval, self.telegram, mouth, clock=self._clock)

    def telegram(self) -> bytes:
        """Return what it sends by itself."""
        return f"{self.identification}\r\n\r\n".encode("ascii") + self._data()

    def block(self) -> bytes:
        """Return the data block of a readout: STX, data, ETX, block check."""
        checked = self._data() + b"\x03"
        return b"\x02" + checked + bytes([reduce(xor, checked)])

    @property
    def identification(self) -> str:
        """Its identification line: that of the profile's pattern."""
        pattern = self._profile.obis.identification or "/KVR5*"
        plain = pattern.replace("*", "").replace("?", "0")
        return plain if plain.startswith("/") else f"/KVR5{plain}"

    def _sign_on(self, address: str, mouth: Mouth) -> None:
        sleeps = self._zeros < self._profile.obis.wakeup * _ZEROS_PER_S * _ENOUGH
        self._zeros = 0
        if sleeps or address not in ("", self._address):
            return
        mouth.write(f"{self.identification}\r\n".encode("ascii"))
        character = self.identification[4]
        self._is_signed_on = character.isdecimal()
        if character in _MODE_B:
            self._send_block(_INITIAL_BAUDRATE << 1 + _MODE_B.index(character), mouth)

    def _read_out(self, character: str, mouth: Mouth) -> None:
        if not self._is_signed_on:
            return
        self._is_signed_on = False
        if character not in {"0", self.identification[4]}:
            mouth.write(b"\x15")
            return
        self._send_block(_INITIAL_BAUDRATE << int(character), mouth)

    def _send_block(self, baudrate: int, mouth: Mouth) -> None:
        self.baudrates += [baudrate, _INITIAL_BAUDRATE]
        mouth.write(self.block())

    def _data(self) -> bytes:
        now_ms = self._clock.utc_ms()
        names = [point.point for point in self._profile.points if point.obis]
        pairs = lines_of(self._profile, self._source.values(names, utc_ms=now_ms), vocabulary=self._vocabulary)
        moment = datetime.fromtimestamp(now_ms / 1000, UTC)
        is_heat = self._profile.kind == "heat_meter"
        head = [f"9.21({self._serial_number})" if is_heat else f"0.0.0({self._serial_number})"]
        clock = [f"0.9.1({moment:%H%M%S})", f"0.9.2({moment:%y%m%d})"]
        if is_heat:
            clock = [f"9.36({moment:%Y-%m-%d}&{moment:%H:%M:%S})"]
        if not any(point.clock for point in self._profile.points):
            clock = []
        lines = [*head, *(f"{code}({content})" for code, content in pairs), *clock, "!", ""]
        return "\r\n".join(lines).encode("ascii")
