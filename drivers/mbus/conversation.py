"""Requests and answers on an M-Bus, one at a time, in the time that the standard gives."""

import math
from typing import Final

from drivers.link import Link
from drivers.link_talk import Talk
from drivers.mbus.answer import Answer, Outcome

_ANSWER_BITS: Final = 330
_ANSWER_S: Final = 0.05
"""A meter begins to answer within 330 bit times and 50 ms.

Source: EN 13757-2, section 5.5 (link layer timing).
"""
_SLOWEST_USUAL: Final = 2400
"""Baud rate behind a converter on the network, which does not say its own."""
_ADAPTER_S: Final = 0.05
_CONVERTER_S: Final = 0.25
"""The longest pause inside an answer: adapters and converters hold bytes back."""
_LONGEST_ANSWER_S: Final = 15.0
"""261 bytes at 300 baud need 10 s; who sends longer babbles."""


def answer_time_s(link: Link) -> float:
    """Return how long a meter on the link may take to begin its answer, the adapter's delay included."""
    baudrate = link.settings.baudrate or _SLOWEST_USUAL
    adapter_s = _ADAPTER_S if link.settings.serial is not None else _CONVERTER_S
    return _ANSWER_BITS / baudrate + _ANSWER_S + adapter_s


class Conversation:
    """Asks on a link that is nobody else's meanwhile.

    Args:
        talk: The open port.
        link: Whose times count.
        timeout_s: Until the first byte of an answer, beside the request's own time on the line.
    """

    def __init__(self, talk: Talk, link: Link, *, timeout_s: float) -> None:
        self._talk = talk
        self._timeout_s = timeout_s
        self._character_s = link.line.character_s
        self._gap_s = _CONVERTER_S + 22 * self._character_s

    async def settle(self) -> None:
        """Discard what arrives until the bus is silent.

        Raises:
            LinkDown: the port or connection is gone.
        """
        await self._talk.drain(silence_s=max(0.001, math.ceil(11 * self._character_s * 1000) / 1000))

    async def ask(self, request: bytes) -> tuple[Outcome, Answer]:
        """Return what came back, whole or garbled, once it is clear or the time is over.

        Raises:
            LinkDown: the port or connection is gone.
        """
        answer = Answer(request)
        self._talk.send(request)
        outcome = Outcome.SILENCE
        wait_s = self._timeout_s + len(request) * self._character_s
        left_s = _LONGEST_ANSWER_S
        while left_s > 0 and (chunk := await self._talk.receive(timeout_s=wait_s)):
            outcome = answer.feed(chunk)
            if outcome in (Outcome.ACK, Outcome.FRAME):
                break
            if outcome is not Outcome.SILENCE:
                wait_s = self._gap_s
            left_s -= max(self._gap_s / 10, len(chunk) * self._character_s)
        if outcome in (Outcome.GARBLED, Outcome.UNFINISHED):
            await self._talk.drain(silence_s=self._gap_s)
        return outcome, answer

    async def quiet(self) -> None:
        """Wait until a late answer to a request that was given up cannot come any more.

        Raises:
            LinkDown: the port or connection is gone.
        """
        await self._talk.drain(silence_s=self._gap_s)
