"""A Kamstrup meter behind an optical head: asked for its registers, which are all that can be asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from drivers.kmp.frame import Command, Frame, register_request, serial_number_request, type_request
from drivers.kmp.registers import CLOCK, DATE, REGISTERS, Register
from drivers.kmp.stream import MAKER, FrameStream, serial_number_of, telegram_of, type_of
from drivers.kmp.value import parse_values
from drivers.link import Link, Turn
from drivers.profile_records import KmpProfile
from drivers.records.telegram import Damaged, Meter, Telegram
from gateway.core.clock import Clock
from gateway.core.errors import ConfigError, CorruptFrame, DeviceError, LinkDown, NoAnswer, Refused
from gateway.core.site import DeviceSettings

_QUIET_S = 0.05
"""Silence before a request, in which a late answer to the one before it is thrown away."""
_HEAD_BYTES = 8
_IDENTITY_BYTES = 6
_REGISTER_BYTES = 12
"""Of an answer, for each register, with an escape or two."""


@dataclass(frozen=True, slots=True)
class _Question:
    """A request, and which answers are its own."""

    request: bytes
    address: int
    command: Command
    registers: frozenset[int] = frozenset()

    @property
    def reply_bytes(self) -> int:
        """Bytes of the answer that is hoped for."""
        return _HEAD_BYTES + (_REGISTER_BYTES * len(self.registers) or _IDENTITY_BYTES)

    def is_answered_by(self, frame: Frame) -> bool:
        """Return whether the frame is this meter's answer to this request, and not an echo or one to an earlier one."""
        if not frame.is_answer or (frame.address, frame.command) != (self.address, self.command):
            return False
        if self.command is not Command.GET_REGISTER:
            return True
        values = parse_values(frame.content)
        return isinstance(values, str) or {value.register for value in values} <= self.registers


class _Ear:
    """Implements Receiver for one question."""

    def __init__(self, question: _Question) -> None:
        self._question = question
        self._frames = FrameStream()
        self.damaged: Damaged | None = None
        """What came instead of an answer."""

    def feed(self, chunk: bytes) -> tuple[Frame, Telegram] | None:
        for frame, raw in self._frames.feed(chunk):
            if isinstance(frame, Damaged):
                self.damaged = frame
            elif self._question.is_answered_by(frame):
                telegram = telegram_of(frame, raw)
                if isinstance(telegram, Telegram):
                    return frame, telegram
                self.damaged = telegram
        return None

    def sent(self) -> None:
        """What came before was no answer."""
        self._frames, self.damaged = FrameStream(), None

    def stray(self, chunk: bytes) -> None:
        """Nothing that comes unasked is an answer."""


class KmpSource:
    """Implements TelegramSource for a Kamstrup meter.

    Args:
        settings: The device in the site file.
        profile: Its model.
        link: Where it is.
        clock: For the silence before a request.

    Raises:
        ConfigError: the profile names a quantity for which no register is known.
    """

    def __init__(self, settings: DeviceSettings, profile: KmpProfile, link: Link, *, clock: Clock) -> None:
        self._settings = settings
        self._traits = profile.kmp
        self._link = link
        self._clock = clock
        self._wanted = _registers_of(profile)
        self._meter = Meter()
        self._generation = -1

    async def fetch(self, codes: frozenset[str]) -> Telegram:
        """Return the registers of the profile whose quantities are named; none of them gives who it is alone.

        Raises:
            NoAnswer: nothing came in time.
            Refused: it has none of the registers.
            CorruptFrame: what came is no answer.
            LinkDown: the port or connection is gone.
        """
        await self._link.open()
        try:
            return await self._fetch(codes)
        except (DeviceError, LinkDown):
            # Whoever answers next may be another one: a head is moved from meter to meter.
            self._generation = -1
            raise

    async def _fetch(self, codes: frozenset[str]) -> Telegram:
        if self._generation != self._link.generation:
            self._meter = await self._identify()
            self._generation = self._link.generation
        if not codes:
            return Telegram("kmp", self._meter, ())
        asked = [register for register, code in self._wanted if code in codes or register in (DATE, CLOCK)]
        telegrams = [await self._read(block) for block in _blocks(asked, self._traits.max_registers)]
        records = tuple(record for telegram in telegrams for record in telegram.records)
        if not records:
            raise Refused(f"{self._settings.id}: the meter has none of the registers of its profile", code=0)
        time = next((telegram.time for telegram in telegrams if telegram.time is not None), None)
        return Telegram("kmp", self._meter, records, time=time, raw=b"".join(each.raw for each in telegrams))

    async def _identify(self) -> Meter:
        address = self._traits.address
        request = serial_number_request(address)
        frame, _ = await self._ask(_Question(request, address, Command.GET_SERIAL_NUMBER))
        meter = Meter(MAKER, serial_number_of(frame), address=str(address))
        try:
            frame, _ = await self._ask(_Question(type_request(address), address, Command.GET_TYPE))
        except NoAnswer:
            return meter
        model, version = type_of(frame)
        return replace(meter, model=model, version=version)

    async def _read(self, registers: Sequence[int]) -> Telegram:
        address = self._traits.address
        request = register_request(address, registers)
        _, telegram = await self._ask(_Question(request, address, Command.GET_REGISTER, frozenset(registers)))
        return telegram

    async def _ask(self, question: _Question) -> tuple[Frame, Telegram]:
        ear, timeout_s = _Ear(question), self._traits.timeout
        turn = Turn(
            question.request,
            reply_bytes=len(question.request) + question.reply_bytes,
            timeout_s=timeout_s,
            not_before_s=self._clock.monotonic() + _QUIET_S,
        )
        answer = await self._link.exchange(turn, ear)
        if answer is not None:
            return answer
        where = f"from the meter at address {question.address} on {self._link.id}"
        if ear.damaged is not None:
            problem = f"{self._settings.id}: what came {where} is no answer: {ear.damaged.reason}"
            raise CorruptFrame(problem, frame=ear.damaged.raw)
        raise NoAnswer(f"{self._settings.id}: no answer {where} within {timeout_s:.1f} s")


def _registers_of(profile: KmpProfile) -> tuple[tuple[int, str], ...]:
    """Return the registers behind the points and their quantities, date and time side by side first.

    Raises:
        ConfigError: a point has none.
    """
    found: dict[int, str] = {}
    if any(point.clock is not None for point in profile.points):
        found |= {DATE: "", CLOCK: ""}
    for point in profile.points:
        if point.quantity is None:
            continue
        wanted = Register(point.quantity, point.function, point.tariff, point.subunit, point.qualifiers)
        fitting = [number for number, register in REGISTERS.items() if register == wanted and not point.storage]
        if not fitting:
            raise ConfigError(f"{profile.profile}: {point.point}: no register of the meter is {point.quantity!r}")
        found |= dict.fromkeys(fitting, point.quantity)
    return tuple(found.items())


def _blocks(registers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for first in range(0, len(registers), size):
        yield registers[first : first + size]
