"""Simulated M-Bus meters, alone or several on one line."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

from drivers.profile_records import MbusProfile
from gateway.core.clock import Clock
from gateway.core.errors import ConfigError
from gateway.core.quantity import Vocabulary
from gateway.sim.device import ValueSource
from gateway.sim.mbus_records import information, record
from gateway.sim.talker import Mouth

ACK: Final = b"\xe5"
_SELECTED, _ANY, _ALL = 253, 254, 255
_MEDIA: Final = {
    "electricity": 0x02, "gas": 0x03, "heat": 0x04, "warm_water": 0x06, "water": 0x07, "cooling": 0x0A,
    "heat_cooling": 0x0D, "hot_water": 0x15, "cold_water": 0x16,
}  # fmt: skip
_MEDIUM_OF_KIND: Final = {"electricity_meter": "electricity", "water_meter": "water", "gas_meter": "gas"}
_MOST_BYTES: Final = 234
"""Of records in one telegram."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a meter hears it."""

    control: int
    address: int
    content: bytes = b""
    """Control information and what follows."""


class SimulatedMbusMeter:
    """One meter of a profile, a Talker of its own or a member of an `MbusLine`.

    Args:
        profile: Its model.
        source: What it measures.
        clock: Time of the values and of the meter's clock, which shows UTC.
        vocabulary: Units of the values.
        serial_number: 8 digits.
        address: Primary address.

    Raises:
        ConfigError: the simulator cannot say a point of the profile, or the number is none.
    """

    status = 0
    """Of its header."""
    is_busy = False
    """It refuses to give values."""

    def __init__(
        self,
        profile: MbusProfile,
        source: ValueSource,
        *,
        clock: Clock,
        vocabulary: Vocabulary,
        serial_number: str = "12345678",
        address: int = 1,
    ) -> None:
        if len(serial_number) != 8 or not serial_number.isdecimal():  # noqa: PLR2004 - digits of an identification
            raise ConfigError(f"{profile.profile}: serial number {serial_number!r} is not 8 digits")
        try:
            for point in profile.points:
                if point.quantity is not None:
                    information(point)
        except ValueError as exc:
            raise ConfigError(f"{profile.profile}: {exc}") from exc
        self._profile = profile
        self._source = source
        self._clock = clock
        self._vocabulary = vocabulary
        self._address = address
        self._identity = self._identify(serial_number)
        self._is_selected = False
        self._fcb: bool | None = None
        self._telegram = 0
        self._access = 0
        self._line = MbusLine([self])

    def heard(self, chunk: bytes, mouth: Mouth) -> None:
        """Take bytes that arrived on the line, and answer."""
        self._line.heard(chunk, mouth)

    async def speak(self, mouth: Mouth) -> None:
        """Say nothing unasked."""

    def answer(self, asked: Asked) -> bytes:
        """Return what it answers to a request on its line, nothing where it is not meant."""
        if asked.address == _SELECTED and asked.content[:1] in (b"\x52", b"\x56"):
            return self._select(asked.content)
        if asked.address not in ((_SELECTED,) if self._is_selected else ()) + (self._address, _ANY, _ALL):
            return b""
        said = self._obey(asked)
        return b"" if asked.address == _ALL else said

    def telegrams(self) -> list[bytes]:
        """Return the records that it says now, in the portions of its telegrams."""
        now_ms = self._clock.utc_ms()
        names = [point.point for point in self._profile.points if point.clock is None]
        known = self._source.values(names, utc_ms=now_ms)
        said = [record(p, known.get(p.point, 0), self._vocabulary, utc_ms=now_ms) for p in self._profile.points]
        said = list(dict.fromkeys(each for each in said if each))
        share = -(-sum(map(len, said)) // self._profile.mbus.max_telegrams)
        portions = [b""]
        for each in said:
            if len(portions[-1]) >= share or len(portions[-1]) + len(each) > _MOST_BYTES:
                portions.append(b"")
            portions[-1] += each
        return portions

    def _obey(self, asked: Asked) -> bytes:
        if asked.control == 0x40:  # noqa: PLR2004 - SND_NKE
            if asked.address == _SELECTED:
                self._is_selected = False
            self._fcb, self._telegram = None, 0
            return ACK
        if asked.control & ~0x20 == 0x5B:  # noqa: PLR2004 - REQ_UD2
            return self._respond(fcb=bool(asked.control & 0x20))
        # There is never an alarm.
        return ACK if asked.control & ~0x20 == 0x5A else b""  # noqa: PLR2004 - REQ_UD1

    def _respond(self, *, fcb: bool) -> bytes:
        if self.is_busy:
            return self._frame(b"\x70\x08")
        if self._fcb is not None and fcb != self._fcb:
            self._telegram += 1
        self._fcb = fcb
        portions = self.telegrams()
        index = self._telegram % len(portions)
        self._access = self._access + 1 & 0xFF
        end = b"\x1f" if index + 1 < len(portions) else b""
        header = self._identity + bytes([self._access, self.status, 0, 0])
        return self._frame(b"\x72" + header + portions[index] + end)

    def _select(self, content: bytes) -> bytes:
        octets = content[1:9]
        if content[0] == 0x56:  # noqa: PLR2004 - high byte first
            octets = octets[3::-1] + octets[5:3:-1] + octets[6:]
        self._is_selected = len(octets) == 8 and all(  # noqa: PLR2004 - a secondary address
            _fits(wanted, own, by_digit=index < 4)  # noqa: PLR2004 - the digits of the identification
            for index, (wanted, own) in enumerate(zip(octets, self._identity, strict=True))
        )
        self._fcb, self._telegram = None, 0
        return ACK if self._is_selected else b""

    def _identify(self, serial_number: str) -> bytes:
        traits = self._profile.mbus
        letters = traits.maker or "KVA"
        first, second, third = (ord(letter) - 64 for letter in letters)
        medium = traits.medium[0] if traits.medium else _MEDIUM_OF_KIND.get(self._profile.kind, "heat")
        code = first << 10 | second << 5 | third
        version = traits.version[0] if traits.version else 1
        return bytes.fromhex(serial_number)[::-1] + code.to_bytes(2, "little") + bytes([version, _MEDIA[medium]])

    def _frame(self, content: bytes) -> bytes:
        inner = bytes([0x08, self._address]) + content
        return bytes([0x68, len(inner), len(inner), 0x68]) + inner + bytes([sum(inner) % 256, 0x16])


class MbusLine:
    """Several meters on one line: who answer at once disturb each other.

    Args:
        meters: On it; two of them may have the same address.
    """

    def __init__(self, meters: Sequence[SimulatedMbusMeter]) -> None:
        self._meters = meters
        self._held = b""
        self.requests: list[bytes] = []

    def heard(self, chunk: bytes, mouth: Mouth) -> None:
        """Take bytes that arrived on the line, and answer."""
        self._held += chunk
        while self._held:
            size = _size_of(self._held)
            if len(self._held) < size:
                return
            frame, self._held = self._held[:size], self._held[size:]
            asked = _asked(frame)
            if asked is None:
                continue
            self.requests.append(frame)
            answers = [said for said in (meter.answer(asked) for meter in self._meters) if said]
            if answers:
                mouth.write(_collided(answers))

    async def speak(self, mouth: Mouth) -> None:
        """Say nothing unasked."""


def _size_of(octets: bytes) -> int:
    if octets[0] == 0x10:  # noqa: PLR2004 - a short frame
        return 5
    if octets[0] == 0x68:  # noqa: PLR2004 - a long frame
        return octets[1] + 6 if len(octets) > 1 else 2
    return 1


def _asked(frame: bytes) -> Asked | None:
    if len(frame) == 5 and frame[3] == sum(frame[1:3]) % 256:  # noqa: PLR2004 - a short frame
        return Asked(frame[1], frame[2])
    if len(frame) >= 9 and frame[1] == frame[2] and frame[-2] == sum(frame[4:-2]) % 256:  # noqa: PLR2004
        return Asked(frame[4], frame[5], frame[6:-2])
    return None


def _collided(answers: Sequence[bytes]) -> bytes:
    """Return what several meters that speak at once sound like: a space of one of them hides the others' marks.

    Acknowledgements fall on one another; longer answers begin one character apart.
    """
    if len(answers) == 1 or set(answers) == {ACK}:
        return answers[0]
    longest = max(map(len, answers)) + len(answers)
    padded = [(b"\xff" * late + said).ljust(longest, b"\xff") for late, said in enumerate(answers)]
    return bytes(reduce(int.__and__, column) for column in zip(*padded, strict=True))


def _fits(wanted: int, own: int, *, by_digit: bool) -> bool:
    if not by_digit:
        return wanted in (0xFF, own)
    return all(wanted >> shift & 0xF in (0xF, own >> shift & 0xF) for shift in (0, 4))
