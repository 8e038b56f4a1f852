"""A profile's own tests, run: its registers through the driver, its telegrams through the decoder."""

import asyncio
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from pydantic import ValidationError

from drivers.factory import LearntHoles, Metering, create_driver, open_link
from drivers.meters import STREAMS
from drivers.modbus.pdu import BIT_TABLES, FUNCTIONS, payload_bytes
from drivers.profile import ModbusProfile, Profile, ProfileTest, RegisterProfile, SunspecProfile, Table
from drivers.profile_records import RecordProfile, TelegramTest
from drivers.records.decode import Arrival, RecordDecoder
from drivers.records.telegram import Damaged, Telegram
from gateway.core.clock import Clock
from gateway.core.errors import ConfigError, DeviceError
from gateway.core.protocols import Stream
from gateway.core.quantity import Vocabulary
from gateway.core.readout import Readout, Value
from gateway.core.site import DeviceSettings, LinkSettings
from gateway.document.tree import Place

_FUNCTION_TABLES: Mapping[int, Table] = {function: table for table, function in FUNCTIONS.items()}
_HEADER = struct.Struct(">HHHBBHH")
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _REFUSED = 1, 2, 0x80
_TEXT_PROTOCOLS = ("p1", "d0")
_LINK = LinkSettings(id="link", tcp="192.0.2.1:502")
"""Never opened: an address for documentation."""

Read = Callable[[tuple[str, ...]], Awaitable[Readout]]
Problem = tuple[Place, str]
"""Where in the profile, and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of the tests of a profile."""

    problems: tuple[Problem, ...]
    values: int
    """Expected values that were compared."""


async def try_profile(profile: Profile, *, clock: Clock, vocabulary: Vocabulary) -> Trial:
    """Return where the values that we make of each test differ from those that its author expects."""
    names = {point.point for point in profile.points}
    if isinstance(profile, ModbusProfile):
        names |= {point.point for variant in profile.variants for point in variant.points}
    metering, problems, compared = Metering(clock, vocabulary), list[Problem](), 0
    for index, (test, read) in enumerate(_cases(profile, metering)):
        place: Place = ("tests", index)
        unknown = [name for name in test.expect if name not in names]
        problems += [((*place, "expect", name), "is no point of this profile") for name in unknown]
        wanted = tuple(name for name in test.expect if name in names)
        try:
            readout = await read(wanted)
        except (ConfigError, DeviceError) as exc:
            problems.append((place, str(exc).removeprefix("device: ")))
            continue
        compared += len(wanted)
        got = dict(zip(readout.points, readout.values, strict=True))
        # A meter may say of its own value that it is not to be trusted, and a test of its clock has no time of its own.
        suspect = readout.suspect if isinstance(test, ProfileTest) else ()
        problems += _differences((*place, "expect"), got, test.expect, suspect=suspect)
    return Trial(tuple(problems), compared)


def _cases(profile: Profile, metering: Metering) -> list[tuple[ProfileTest | TelegramTest, Read]]:
    """Return each test with what reads the points of a device that is as the test says."""
    if isinstance(profile, ModbusProfile | SunspecProfile):
        return [(test, partial(_read_registers, profile, test, metering)) for test in profile.tests]
    return [(test, partial(_decode_telegram, profile, test, metering)) for test in profile.tests]


def _differences(
    place: Place, got: Mapping[str, Value], expected: Mapping[str, float | None], *, suspect: Collection[str]
) -> Iterator[Problem]:
    for name, value in got.items():
        if value != expected[name]:
            yield (*place, name), f"is {_said(value)}, where {_said(expected[name])} is expected"
        elif name in suspect:
            yield (*place, name), f"{_said(value)} lies outside of the plausible range"


def _said(value: Value | float) -> str:
    return "no value" if value is None else repr(value)


async def _decode_telegram(
    profile: RecordProfile, test: TelegramTest, metering: Metering, points: tuple[str, ...]
) -> Readout:
    """Return what the telegram of a test says.

    Raises:
        ConfigError: it is no telegram, or not one of such a device.
    """
    decoder = RecordDecoder(profile, _device(profile, test), metering.vocabulary)
    telegram = _telegram(profile, test)
    if not decoder.concerns(telegram):
        raise ConfigError("the telegram does not concern a device of this profile")
    return decoder.readout(telegram, points, arrival=Arrival(0.0, 0))


def _telegram(profile: RecordProfile, test: TelegramTest) -> Telegram:
    """Return the last telegram of a test.

    Raises:
        ConfigError: there is none; the message says why.
    """
    stream = STREAMS[profile.protocol](_octets(test.key, "key") if test.key else None)
    if profile.protocol in _TEXT_PROTOCOLS:
        octets = test.telegram.replace("\r", "").replace("\n", "\r\n").encode("latin-1", "replace")
    else:
        octets = _octets(test.telegram, "telegram")
    findings = [*stream.feed(octets), *stream.finish()]
    telegrams = [each for each in findings if isinstance(each, Telegram)]
    if not telegrams:
        reasons = "; ".join(each.reason for each in findings if isinstance(each, Damaged))
        raise ConfigError(f"no {profile.protocol} telegram: {reasons or 'the bytes end before one is whole'}")
    return telegrams[-1]


def _octets(digits: str, what: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError as exc:
        raise ConfigError(f"the {what} is not hexadecimal: {exc}") from exc


async def _read_registers(
    profile: RegisterProfile, test: ProfileTest, metering: Metering, points: tuple[str, ...]
) -> Readout:
    """Return what is read from a device that has the registers of a test and no others.

    Raises:
        ConfigError: the model has no such instance.
        DeviceError: nothing can be read.
    """
    table = profile.modbus.table if isinstance(profile, ModbusProfile) else Table.HOLDING
    held: dict[tuple[Table, int], int] = {
        (place, first + index): word
        for place, runs in ((table, test.registers), *test.tables.items())
        for first, words in runs.items()
        for index, word in enumerate(words)
        if place is not None
    }

    async def open_stream(_: LinkSettings) -> Stream:
        return RegisterStream(held)

    link = open_link(_LINK, clock=metering.clock, open_stream=open_stream)
    try:
        driver = create_driver(
            _device(profile, test), _unhurried(profile), link, metering=metering, holes=LearntHoles()
        )
        return await driver.read(points)
    finally:
        await link.close()


def _device(profile: Profile, test: ProfileTest | TelegramTest) -> DeviceSettings:
    """Return the settings of the device that a test is about.

    Raises:
        ConfigError: its settings or its instance cannot be.
    """
    instance = test.instance if isinstance(test, ProfileTest) else None
    settings = {"id": "device", "profile": profile.profile, "link": _LINK.id, "instance": instance}
    try:
        return DeviceSettings.model_validate({**settings, **test.settings})
    except ValidationError as exc:
        raise ConfigError("; ".join(f"{each['loc'][0]}: {each['msg']}" for each in exc.errors())) from exc


def _unhurried(profile: RegisterProfile) -> RegisterProfile:
    """Return the profile without its pauses, which a device in memory does not need."""
    none = {"pause": 0.0, "pause_after_connect": 0.0}
    if isinstance(profile, ModbusProfile):
        return profile.model_copy(update={"modbus": profile.modbus.model_copy(update=none)})
    return profile.model_copy(update={"sunspec": profile.sunspec.model_copy(update=none)})


class RegisterStream:
    """Implements Stream: a device in memory that answers reads of the registers it holds, and refuses all else.

    Args:
        held: Table and address → content.
    """

    def __init__(self, held: Mapping[tuple[Table, int], int]) -> None:
        self._held = held
        self._answers: deque[bytes] = deque()

    def write(self, data: bytes) -> None:
        """Answer a request in a Modbus TCP frame."""
        number, protocol, _, unit, function, first, count = _HEADER.unpack_from(data.ljust(_HEADER.size, b"\0"))
        pdu = self._answer(function, first, count)
        self._answers.append(struct.pack(">HHHB", number, protocol, len(pdu) + 1, unit) + pdu)

    async def receive(self, *, deadline_s: float) -> bytes:
        """Return the next answer, b"" at the deadline where there is none."""
        if self._answers:
            return self._answers.popleft()
        await asyncio.sleep(max(0.0, deadline_s - asyncio.get_running_loop().time()))
        return b""

    def set_baudrate(self, baudrate: int) -> None:
        """It has no wire."""

    def close(self) -> None:
        """Forget what was not taken."""
        self._answers.clear()

    def _answer(self, function: int, first: int, count: int) -> bytes:
        table = _FUNCTION_TABLES.get(function)
        if table is None:
            return bytes((function | _REFUSED, _ILLEGAL_FUNCTION))
        words = [self._held.get((table, address), -1) for address in range(first, first + count)]
        if -1 in words:
            return bytes((function | _REFUSED, _ILLEGAL_ADDRESS))
        octets = payload_bytes(table, count)
        if table in BIT_TABLES:
            packed = sum(1 << index for index, bit in enumerate(words) if bit)
            return bytes((function, octets)) + packed.to_bytes(octets, "little")
        return struct.pack(f">BB{count}H", function, octets, *words)
