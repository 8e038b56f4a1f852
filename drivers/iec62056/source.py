"""Asks one meter for its data readout by IEC 62056-21, modes A to C."""

from math import ceil
from typing import Final

from drivers.iec62056 import signon
from drivers.iec62056.checksum import seven_bits
from drivers.iec62056.d0 import D0Stream, refusal_of, telegram_of
from drivers.iec62056.signon import Identification
from drivers.link import Link
from drivers.link_talk import Talk
from drivers.profile_records import ObisProfile
from drivers.records.telegram import Damaged, Telegram
from gateway.core.clock import Clock
from gateway.core.errors import ConfigError, CorruptFrame, DeviceError, NoAnswer, Refused
from gateway.core.site import DeviceSettings

_AFTER_WAKE_UP_S: Final = 1.6
"""From the last zero to the request (IEC 62056-21, annex B: 1.5 s to 1.7 s)."""
_REACTION_S: Final = 0.25
"""From the identification to the acknowledgement (section 6.4.3: 0.2 s to 1.5 s)."""
_BETWEEN_CHARACTERS_S: Final = 1.5
"""The longest silence within a message (section 6.4.3)."""
_LONGEST_S: Final = 240.0
"""Of one data block: 7 KB at 300 baud."""
_LONGEST_IDENTIFICATION: Final = 256


class D0Source:
    """Implements TelegramSource: one readout for each call, without a second try.

    Args:
        settings: The device in the site file.
        profile: Its model.
        link: The optical head's port, opened at the speed of the sign-on.
        clock: For the pauses that the standard demands.

    Raises:
        ConfigError: an address that the standard does not know.
    """

    def __init__(self, settings: DeviceSettings, profile: ObisProfile, link: Link, *, clock: Clock) -> None:
        self._device = settings.id
        self._traits = profile.obis
        self._link = link
        self._clock = clock
        self._address = settings.meter_address or ""
        try:
            self._request = signon.request_of(self._address)
        except ValueError as exc:
            raise ConfigError(f"{settings.id}: {exc}") from exc

    async def fetch(self, codes: frozenset[str]) -> Telegram:  # noqa: ARG002 - a readout is always whole
        """Return the meter's data readout.

        Raises:
            NoAnswer: nothing came in time.
            Refused: the meter answered that it will not.
            CorruptFrame: what came is no readout.
            LinkDown: the port or connection is gone.
        """
        return await self._link.talk(self._dialogue)

    async def _dialogue(self, talk: Talk) -> Telegram:
        initial = self._link.settings.baudrate or signon.INITIAL_BAUDRATE
        try:
            await self._wake_up(talk, initial)
            talk.send(self._request)
            identification = await self._identification(talk, initial)
            await self._acknowledge(talk, identification, initial)
            return await self._readout(talk, identification)
        finally:
            if self._is_serial:
                talk.set_baudrate(initial)

    @property
    def _is_serial(self) -> bool:
        return self._link.settings.serial is not None

    async def _wake_up(self, talk: Talk, baudrate: int) -> None:
        """Send zeros as long as the meter needs, and then be silent as long as the standard says."""
        count = ceil(self._traits.wakeup * baudrate / signon.BITS_OF_CHARACTER)
        if count:
            talk.send(signon.WAKE_UP * count)
        await self._pause(talk, self._traits.wakeup + _AFTER_WAKE_UP_S if count else 0.0)

    async def _identification(self, talk: Talk, baudrate: int) -> Identification:
        heard = bytearray()
        answer = b""
        timeout_s = self._traits.timeout + self._on_line_s(self._request, baudrate)
        while len(heard) <= _LONGEST_IDENTIFICATION and (chunk := await talk.receive(timeout_s=timeout_s)):
            heard += chunk
            # An optical head may hear what it sends.
            own = heard.find(self._request)
            answer = bytes(heard[own + len(self._request) :] if own >= 0 else heard)
            found = signon.identification_in(answer)
            if found is not None:
                return found
            timeout_s = _BETWEEN_CHARACTERS_S if answer else self._traits.timeout
        if not answer.strip(b"\0\r\n"):
            raise NoAnswer(self._silence("sign-on"))
        if answer[-1] == signon.NAK:
            raise Refused(f"{self._device}: the meter refuses the sign-on (NAK)", code=0)
        raise CorruptFrame(f"{self._device}: the answer to the sign-on is no identification", frame=answer)

    async def _acknowledge(self, talk: Talk, identification: Identification, baudrate: int) -> None:
        """Ask for the data readout, and go on at the speed that the meter proposed; a socket keeps its speed."""
        if identification.acknowledge:
            await self._pause(talk, _REACTION_S)
            message = signon.acknowledgement_of(identification.acknowledge if self._is_serial else "0")
            talk.send(message)
            # The port must not be made to wait for its last byte while everything else stands still.
            await self._clock.sleep_until(self._clock.monotonic() + self._on_line_s(message, baudrate))
        if self._is_serial:
            talk.set_baudrate(identification.baudrate)

    async def _readout(self, talk: Talk, identification: Identification) -> Telegram:
        stream = D0Stream()
        stream.feed(identification.line)
        damaged: Damaged | None = None
        has_begun = False
        waiting = b"" if identification.acknowledge else identification.rest
        end_s = self._clock.monotonic() + _LONGEST_S
        while self._clock.monotonic() < end_s:
            limit_s = _BETWEEN_CHARACTERS_S if has_begun else self._traits.timeout
            chunk, waiting = waiting or await talk.receive(timeout_s=limit_s), b""
            has_begun = has_begun or signon.STX in seven_bits(chunk)
            for finding in stream.feed(chunk) if chunk else stream.finish():
                if isinstance(finding, Telegram):
                    return _named(finding, identification)
                # Behind noise of the change of speed the block may still come.
                damaged = finding
            if not chunk:
                break
        raise self._refusal(damaged, identification)

    def _refusal(self, damaged: Damaged | None, identification: Identification) -> DeviceError:
        """Return what it means that no telegram came."""
        if damaged is None or damaged.raw.strip() == identification.line.strip():
            return NoAnswer(self._silence("acknowledgement"))
        refusal = refusal_of(damaged.raw)
        if refusal is None:
            return CorruptFrame(f"{self._device}: {damaged.reason}", frame=damaged.raw)
        digits = "".join(letter for letter in refusal if letter.isdecimal())
        return Refused(f"{self._device}: the meter answers {refusal}", code=int(digits or 0))

    def _on_line_s(self, message: bytes, baudrate: int) -> float:
        """Return how long a message takes on a serial line."""
        return len(message) * signon.BITS_OF_CHARACTER / baudrate if self._is_serial else 0.0

    def _silence(self, after: str) -> str:
        whom = f"address {self._address}" if self._address else "the meter"
        limit = f"within {self._traits.timeout:g} s"
        return f"{self._device}: no answer from {whom} on {self._link.id} to the {after} {limit}"

    async def _pause(self, talk: Talk, seconds: float) -> None:
        """Wait, and forget what arrives meanwhile."""
        end_s = self._clock.monotonic() + seconds
        while await talk.receive(timeout_s=max(0.0, end_s - self._clock.monotonic())):
            if self._clock.monotonic() >= end_s:
                return


def _named(telegram: Telegram, identification: Identification) -> Telegram:
    """Return the telegram with the meter of the identification, where noise stood between the two."""
    if telegram.meter.maker:
        return telegram
    whole = telegram_of(identification.line + telegram.raw)
    return whole if isinstance(whole, Telegram) else telegram
