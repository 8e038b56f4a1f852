"""A simulated electricity meter with a P1 port: a DSMR 5 telegram at each interval, with its sub-meters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from drivers.profile_records import ObisProfile, RecordProfile
from gateway.core.clock import Clock
from gateway.core.quantity import Vocabulary
from gateway.sim.device import ValueSource
from gateway.sim.encode import Value
from gateway.sim.p1_lines import lines_of
from gateway.sim.talker import Mouth, speak_every

_IDENTIFICATION: Final = "/KVR5SIMULATED-P1"
_SUB_METER_MS: Final = 300_000
"""A sub-meter is read every five minutes."""


@dataclass(frozen=True, slots=True)
class SubMeter:
    """A meter behind the P1 port, in one of its channels."""

    profile: ObisProfile
    source: ValueSource
    serial_number: str = "G0000000000000001"


@dataclass(frozen=True, slots=True)
class P1Port:
    """What is said, and how often."""

    interval_s: float = 1.0
    zone: str = "UTC"
    """IANA name of the zone that the meter's clock shows."""
    sub_meters: tuple[SubMeter, ...] = ()


class SimulatedP1Meter:
    """Implements Talker.

    Args:
        profile: Of the electricity meter, or of a sub-meter, which is then alone in channel 1.
        source: What it measures.
        clock: Of its telegrams.
        vocabulary: Units.
        serial_number: What it says it is.
        port: What else it says.
    """

    def __init__(
        self,
        profile: RecordProfile,
        source: ValueSource,
        *,
        clock: Clock,
        vocabulary: Vocabulary,
        serial_number: str = "E0000000000000001",
        port: P1Port | None = None,
    ) -> None:
        if not isinstance(profile, ObisProfile):
            raise TypeError(f"{profile.profile} is no profile of a P1 port")
        self._clock = clock
        self._vocabulary = vocabulary
        self._serial_number = serial_number
        self._port = port or P1Port()
        own = SubMeter(profile, source)
        self._main = None if profile.obis.device_type else own
        self._sub_meters = (*([own] if self._main is None else []), *self._port.sub_meters)

    def heard(self, chunk: bytes, mouth: Mouth) -> None:
        """Do nothing: a P1 port only sends."""

    async def speak(self, mouth: Mouth) -> None:
        """Send a telegram at each interval until cancelled."""
        await speak_every(self._port.interval_s, self.telegram, mouth, clock=self._clock)

    def telegram(self) -> bytes:
        """Return the telegram of this instant."""
        now_ms = self._clock.utc_ms()
        lines = [
            "1-3:0.2.8(50)",
            f"0-0:1.0.0({self._stamp(now_ms)})",
            f"0-0:96.1.1({self._serial_number.encode('ascii').hex().upper()})",
        ]
        if self._main is not None:
            said = self._values(self._main, now_ms)
            pairs = lines_of(self._main.profile, said, vocabulary=self._vocabulary)
            lines += [f"{code}({content})" for code, content in pairs]
        for channel, meter in enumerate(self._sub_meters, start=1):
            lines += self._sub_meter(meter, channel, now_ms)
        body = "\r\n".join([_IDENTIFICATION, "", *lines, "!"]).encode("ascii")
        return body + b"%04X\r\n" % _crc(body)

    def _sub_meter(self, meter: SubMeter, channel: int, now_ms: int) -> Sequence[str]:
        read_ms = now_ms // _SUB_METER_MS * _SUB_METER_MS
        pairs = lines_of(
            meter.profile, self._values(meter, read_ms), vocabulary=self._vocabulary, channel=channel
        )  # fmt: skip
        stamp = self._stamp(read_ms)
        return [
            f"0-{channel}:24.1.0({meter.profile.obis.device_type[0]:03d})",
            f"0-{channel}:96.1.0({meter.serial_number.encode('ascii').hex().upper()})",
            *(f"{code}({stamp})({content})" for code, content in pairs),
        ]

    @staticmethod
    def _values(meter: SubMeter, time_ms: int) -> Mapping[str, Value]:
        names = [point.point for point in meter.profile.points if point.obis]
        return meter.source.values(names, utc_ms=time_ms)

    def _stamp(self, time_ms: int) -> str:
        local = datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(ZoneInfo(self._port.zone))
        return f"{local:%y%m%d%H%M%S}{'S' if local.dst() else 'W'}"


def _crc(octets: bytes) -> int:
    """Return the CRC16 of a telegram, bit by bit."""
    register = 0
    for octet in octets:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register
