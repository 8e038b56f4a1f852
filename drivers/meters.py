"""Meters that describe their records themselves: profile and settings → driver, listener, stream."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from drivers.link import Link
from drivers.profile_records import RecordProfile
from drivers.records.decode import RecordDecoder
from drivers.records.driver import RecordDriver, TelegramSource
from drivers.records.listener import RecordListener
from drivers.records.telegram import TelegramStream
from gateway.core.clock import Clock
from gateway.core.quantity import Vocabulary
from gateway.core.site import DeviceSettings

MakeStream = Callable[[bytes | None], TelegramStream]
"""Given the key, where telegrams are encrypted."""
STREAMS: Mapping[str, MakeStream] = {}
SOURCES: Mapping[str, Callable[..., TelegramSource]] = {}


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
    source = SOURCES[profile.protocol](settings, profile, link, clock=metering.clock)
    return RecordDriver(decoder, source, clock=metering.clock)


def create_listener(
    link: Link,
    devices: Sequence[tuple[DeviceSettings, RecordProfile]],
    *,
    metering: Metering,
    key: bytes | None = None,
) -> RecordListener:
    """Return what hears all the meters that send on one port; they speak one protocol.

    Args:
        link: The port.
        devices: At least one.
        metering: What meters are read with.
        key: What opens their telegrams, where these are encrypted.
    """
    make = STREAMS[devices[0][1].protocol]
    decoders = [
        RecordDecoder(profile, settings, metering.vocabulary, zone=metering.zone) for settings, profile in devices
    ]
    return RecordListener(link, lambda: make(key), decoders, clock=metering.clock)
