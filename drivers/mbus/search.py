"""Which meters are on an M-Bus: by primary address, or by halving the space of secondary addresses."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from drivers.link import Link
from drivers.link_talk import Talk
from drivers.mbus.address import SecondaryAddress
from drivers.mbus.answer import Outcome
from drivers.mbus.conversation import Conversation, answer_time_s
from drivers.mbus.frame import LAST_PRIMARY, SELECTED_ADDRESS, req_ud2, select, snd_nke
from drivers.mbus.records import BadTelegram
from drivers.mbus.telegram import read_telegram
from drivers.records.telegram import Meter, Telegram
from gateway.core.clock import Clock

Progress = Callable[[float, str], None]
"""Told the share that is done, 0 to 1, and what is asked now."""
_DIGITS: Final = 8
_BASE: Final = 10


@dataclass(frozen=True, slots=True)
class MeterFound:
    """Somebody answered."""

    address: str
    """Primary address, or the 8 digits of the secondary one, with F where more is not known."""
    meter: Meter | None
    """None where no telegram could be read."""
    telegram: Telegram | None = None
    raw: bytes = b""
    """What came."""
    is_collision: bool = False
    """Several meters answered at once: they have the same address."""
    reason: str = ""
    """Why there is no telegram."""


async def search_primary(link: Link, *, clock: Clock, progress: Progress) -> AsyncIterator[MeterFound]:
    """Yield who answers at the addresses 0 to 250; may be left at any time.

    Args:
        link: The bus; others may use it between two addresses.
        clock: For the time it takes.
        progress: Told before each address.

    Raises:
        LinkDown: the port or connection is gone.
    """
    searcher = _Searcher(link, clock)
    for address in range(LAST_PRIMARY + 1):
        progress(address / (LAST_PRIMARY + 1), f"address {address}{searcher.remaining(address, LAST_PRIMARY + 1)}")
        found = await searcher.primary(address)
        if found is not None:
            yield found
    progress(1.0, "done")


async def search_secondary(link: Link, *, clock: Clock, progress: Progress) -> AsyncIterator[MeterFound]:
    """Yield the meters by secondary address, digit by digit where several answer; may be left at any time.

    Args:
        link: The bus; others may use it between two selections.
        clock: For the time it takes.
        progress: Told before each selection.

    Raises:
        LinkDown: the port or connection is gone.

    Source: EN 13757-3:2018, section on secondary addressing (wildcard search).
    """
    searcher = _Searcher(link, clock)
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        progress(_share(prefix), f"meter {prefix.ljust(_DIGITS, 'F')}")
        found = await searcher.secondary(prefix)
        if found is None:
            continue
        if found.is_collision and len(prefix) < _DIGITS:
            waiting += [f"{prefix}{digit}" for digit in reversed(range(_BASE))]
        else:
            yield found
    progress(1.0, "done")


def _share(prefix: str) -> float:
    """Return how much of the space lies before the addresses that begin so."""
    return int(prefix) / _BASE ** len(prefix) if prefix else 0.0


class _Searcher:
    """Asks for one address at a time."""

    def __init__(self, link: Link, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._started_s = clock.monotonic()
        self._timeout_s = answer_time_s(link)

    def remaining(self, done: int, of: int) -> str:
        """Return how long the rest will take, as text, empty at the beginning."""
        if not done:
            return ""
        left_s = (self._clock.monotonic() - self._started_s) / done * (of - done)
        return f", about {left_s:.0f} s left"

    async def primary(self, address: int) -> MeterFound | None:
        async def dialogue(talk: Talk) -> MeterFound | None:
            conversation = Conversation(talk, self._link, timeout_s=self._timeout_s)
            await conversation.settle()
            outcome, answer = await conversation.ask(snd_nke(address))
            if outcome is Outcome.SILENCE:
                return None
            if outcome is not Outcome.ACK:
                return MeterFound(str(address), None, raw=answer.raw, is_collision=True, reason=answer.why())
            return await self._values(conversation, address, str(address))

        return await self._link.talk(dialogue)

    async def secondary(self, prefix: str) -> MeterFound | None:
        wanted = SecondaryAddress(prefix.ljust(_DIGITS, "F"))

        async def dialogue(talk: Talk) -> MeterFound | None:
            conversation = Conversation(talk, self._link, timeout_s=self._timeout_s)
            await conversation.settle()
            outcome, answer = await conversation.ask(select(wanted.selection))
            if outcome is Outcome.SILENCE:
                return None
            if outcome is not Outcome.ACK:
                return MeterFound(wanted.digits, None, raw=answer.raw, is_collision=True, reason=answer.why())
            found = await self._values(conversation, SELECTED_ADDRESS, wanted.digits)
            await conversation.ask(snd_nke(SELECTED_ADDRESS))
            return found

        return await self._link.talk(dialogue)

    async def _values(self, conversation: Conversation, address: int, name: str) -> MeterFound:
        """Ask who acknowledged for its telegram."""
        outcome, answer = await conversation.ask(req_ud2(address, fcb=True))
        if answer.frame is None or outcome is not Outcome.FRAME:
            is_silent = outcome is Outcome.SILENCE
            reason = "it acknowledges, and gives no values" if is_silent else answer.why()
            return MeterFound(name, None, raw=answer.raw, is_collision=not is_silent, reason=reason)
        try:
            telegram, _ = read_telegram(answer.frame)
        except BadTelegram as exc:
            return MeterFound(name, None, raw=answer.frame.raw, reason=str(exc))
        if address == SELECTED_ADDRESS:
            name = telegram.meter.serial_number or name
        return MeterFound(name, telegram.meter, telegram, answer.frame.raw)
