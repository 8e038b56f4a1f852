"""Meters that describe themselves: what their streams find, and the values that a device makes of it."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from zlib import crc32

from drivers.catalog import Catalog
from drivers.meters import STREAMS
from drivers.profile import ModbusProfile, Profile, SunspecProfile
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
_CUTS = (0, 0, 0, 1, 1, 2, 3, 7)
_MOST_SINGLE = 200
"""An input up to so long may come byte by byte."""


@cache
def _catalog() -> tuple[Profile, ...]:
    return tuple(file.profile for file in Catalog(VOCABULARY))


@cache
def _decoder(protocol: str) -> RecordDecoder:
    """Return the decoder of a bundled profile that speaks the protocol, one with few points."""
    profiles = [
        each
        for each in _catalog()
        if not isinstance(each, ModbusProfile | SunspecProfile) and each.protocol == protocol
    ]
    profile = min(profiles, key=lambda each: abs(len(each.points) - _POINTS))
    settings = DeviceSettings(id="meter", profile=profile.profile, link="link")
    return RecordDecoder(profile, settings, VOCABULARY, zone="Europe/Copenhagen")


def chunks(arriving: bytes) -> Iterator[bytes]:
    """Yield the bytes as a line may hand them over: in one to eight chunks cut anywhere, or one by one.

    The cuts come from the bytes themselves, so that an input means the same wherever it is decoded.
    """
    choice = crc32(arriving)
    if choice & 0x3F == 0 and len(arriving) <= _MOST_SINGLE:
        yield from (arriving[at : at + 1] for at in range(len(arriving)))
        return
    start = 0
    for number in range(_CUTS[choice >> 5 & 7]):
        end = start + (choice >> 3 * number & 0x7F) * (len(arriving) - start) // 0xFF
        yield arriving[start:end]
        start = end
    yield arriving[start:]


def heard(stream: TelegramStream, arriving: bytes) -> list[Telegram | Damaged]:
    """Return what a stream finds in bytes that come in chunks."""
    found: list[Telegram | Damaged] = []
    for chunk in chunks(arriving):
        found += stream.feed(chunk)
    return [*found, *stream.finish()]


def hear(protocol: str, stream: TelegramStream, arriving: bytes) -> list[Telegram | Damaged]:
    """Feed the bytes in chunks; whatever is a telegram becomes a readout, and that a line that a store takes."""
    found = heard(stream, arriving)
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


def runner(protocol: str, judge: Callable[[Sequence[Telegram]], None] | None = None) -> Callable[[bytes], None]:
    """Return what decodes bytes of a protocol; however they are cut, the same telegrams are found.

    Args:
        protocol: Whose stream hears them.
        judge: Does more with the telegrams.
    """

    def run(arriving: bytes) -> None:
        found = hear(protocol, STREAMS[protocol](None), arriving)
        if judge is not None:
            judge(_telegrams(found))
        if crc32(arriving) & 0xF00 == 0:
            stream = STREAMS[protocol](None)
            whole = [*stream.feed(arriving), *stream.finish()]
            assert _telegrams(whole) == _telegrams(found), "chunks change what is found"

    return run


def _telegrams(found: list[Telegram | Damaged]) -> list[Telegram]:
    return [each for each in found if isinstance(each, Telegram)]


def files(package: str, *names: str) -> tuple[str, ...]:
    """Return the files of a protocol whose branches count."""
    return (*(f"drivers/{package}/{name}.py" for name in names), *(f"drivers/records/{name}.py" for name in _RECORDS))
