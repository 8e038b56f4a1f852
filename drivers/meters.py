"""Meters that describe their records themselves: profile and settings → driver, listener, stream."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from drivers.dlms.stream import DlmsStream
from drivers.iec62056.d0 import D0Stream
from drivers.iec62056.p1 import P1Stream
from drivers.iec62056.source import D0Source
from drivers.kmp.source import KmpSource
from drivers.kmp.stream import KmpStream
from drivers.link import Link
from drivers.mbus.source import MbusSource
from drivers.mbus.stream import MbusStream
from drivers.profile_records import KmpProfile, MbusProfile, RecordProfile
from drivers.records.decode import RecordDecoder
from drivers.records.driver import RecordDriver, TelegramSource
from drivers.records.listener import RecordListener
from drivers.records.telegram import TelegramStream
from drivers.sml.stream import SmlStream
from gateway.core.clock import Clock
from gateway.core.quantity import Vocabulary
from gateway.core.site import DeviceSettings

MakeStream = Callable[[bytes | None], TelegramStream]
"""Given the key, where telegrams are encrypted."""
STREAMS: Mapping[str, MakeStream] = {
    "mbus": lambda _: MbusStream(),
    "p1": lambda _: P1Stream(),
    "d0": lambda _: D0Stream(),
    "sml": lambda _: SmlStream(),
    "dlms": DlmsStream,
    "kmp": lambda _: KmpStream(),
}
"""Protocol → what finds its telegrams in bytes."""


@dataclass(frozen=True, slots=True)
class Metering:
    """What every meter of a building is read with."""

    clock: Clock
    vocabulary: Vocabulary
    zone: str = "UTC"
    """IANA name, for meter clocks that show local time."""


def create_record_driver(
    settings: DeviceSettings, profile: RecordProfile, link: Link, *, metering: Metering
) -> RecordDriver:
    """Return the driver of a meter that is asked."""
    decoder = RecordDecoder(profile, settings, metering.vocabulary, zone=metering.zone)
    return RecordDriver(decoder, _source(settings, profile, link, metering.clock), clock=metering.clock)


def _source(settings: DeviceSettings, profile: RecordProfile, link: Link, clock: Clock) -> TelegramSource:
    if isinstance(profile, MbusProfile):
        return MbusSource(settings, profile, link, clock=clock)
    if isinstance(profile, KmpProfile):
        return KmpSource(settings, profile, link, clock=clock)
    return D0Source(settings, profile, link, clock=clock)


def create_listener(
    link: Link,
    devices: Sequence[tuple[DeviceSettings, RecordProfile]],
    *,
    metering: Metering,
    key: bytes | None = None,
    keep_raw: bool = False,
) -> RecordListener:
    """Return what hears all the meters that send on one port; they speak one protocol.

    Args:
        link: The port.
        devices: At least one.
        metering: What meters are read with.
        key: What opens their telegrams, where these are encrypted.
        keep_raw: Readouts hold the records behind their values.
    """
    make = STREAMS[devices[0][1].protocol]
    decoders = [
        RecordDecoder(profile, settings, metering.vocabulary, zone=metering.zone) for settings, profile in devices
    ]
    return RecordListener(link, lambda: make(key), decoders, clock=metering.clock, keep_raw=keep_raw)
