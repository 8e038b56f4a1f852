"""Meters that describe themselves: what their streams find, and the values that a device makes of it."""

from collections.abc import Callable
from functools import cache

from drivers.catalog import Catalog
from drivers.meters import STREAMS
from drivers.profile import ModbusProfile, SunspecProfile
from drivers.records.decode import Arrival, RecordDecoder
from drivers.records.telegram import Damaged, Telegram, TelegramStream
from gateway.core.quantity import load_vocabulary
from gateway.core.site import DeviceSettings
from gateway.wire.line import LineEncoder, parse_line, stamp

VOCABULARY = load_vocabulary()
_ARRIVAL = Arrival(1000.0, 1_795_320_000_000)
_ENCODER = LineEncoder("s", VOCABULARY)
_RECORDS = ("obis", "cosem", "crc")
_POINTS = 6


@cache
def _decoder(protocol: str) -> RecordDecoder:
    """Return the decoder of a bundled profile that speaks the protocol, one with few points."""
    found = [file.profile for file in Catalog(VOCABULARY)]
    profiles = [
        each for each in found if not isinstance(each, ModbusProfile | SunspecProfile) and each.protocol == protocol
    ]
    profile = min(profiles, key=lambda each: abs(len(each.points) - _POINTS))
    settings = DeviceSettings(id="meter", profile=profile.profile, link="link")
    return RecordDecoder(profile, settings, VOCABULARY, zone="Europe/Copenhagen")


def hear(protocol: str, stream: TelegramStream, arriving: bytes) -> list[Telegram | Damaged]:
    """Feed the bytes in two chunks; whatever is a telegram becomes a readout, and that a line that a store takes."""
    middle = len(arriving) // 3
    found = [*stream.feed(arriving[:middle]), *stream.feed(arriving[middle:]), *stream.finish()]
    if len(arriving) & 7:
        # The values behind the telegram cost more than its own decoding, and have fewer ways to go wrong.
        return found
    decoder = _decoder(protocol)
    for each in found:
        if isinstance(each, Telegram):
            decoder.concerns(each)
            readout = decoder.readout(each, decoder.points, arrival=_ARRIVAL, keep_raw=True)
            parse_line(stamp(_ENCODER.readout(readout), _ARRIVAL.utc_ms))
    return found


def runner(protocol: str) -> Callable[[bytes], None]:
    def run(arriving: bytes) -> None:
        hear(protocol, STREAMS[protocol](None), arriving)

    return run


def files(package: str, *names: str) -> tuple[str, ...]:
    return (*(f"drivers/{package}/{name}.py" for name in names), *(f"drivers/records/{name}.py" for name in _RECORDS))
