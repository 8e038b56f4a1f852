"""A meter on an M-Bus is asked: by its primary address, or selected by its secondary one."""

from typing import Final

from drivers.link import Link
from drivers.link_talk import Talk
from drivers.mbus.address import SecondaryAddress, parse_address
from drivers.mbus.answer import Answer, Outcome
from drivers.mbus.conversation import Conversation, answer_time_s
from drivers.mbus.frame import ANY_ADDRESS, LAST_PRIMARY, SELECTED_ADDRESS, Frame, req_ud2, select, snd_nke
from drivers.mbus.records import BadTelegram
from drivers.mbus.telegram import ApplicationError, join, read_telegram
from drivers.profile_records import MbusProfile
from drivers.records.telegram import Meter, Telegram
from gateway.core.clock import Clock
from gateway.core.errors import ConfigError, CorruptFrame, NoAnswer, Refused
from gateway.core.site import DeviceSettings

_FIRST_FCB: Final = True
"""Of the request behind a selection, and behind SND_NKE."""


class MbusSource:
    """Implements TelegramSource.

    Args:
        settings: The device in the site file: `unit_id` is its primary address, `meter_address` its secondary one.
        profile: Its model.
        link: Its bus.
        clock: For the pause between requests.

    Raises:
        ConfigError: an address that cannot be.
    """

    def __init__(self, settings: DeviceSettings, profile: MbusProfile, link: Link, *, clock: Clock) -> None:
        self._name = settings.id
        self._traits = profile.mbus
        self._link = link
        self._clock = clock
        self._secondary = _secondary_of(settings)
        self._address = SELECTED_ADDRESS if self._secondary else _primary_of(settings, profile)
        self._timeout_s = max(self._traits.timeout, answer_time_s(link))
        self._is_fresh = True
        """The meter's link layer must be set back first."""
        self._has_more = False
        """The meter would go on with further records."""
        self._high_first = False
        self._has_answered = False
        self._fcb = _FIRST_FCB
        self._not_before_s = 0.0

    async def fetch(self, codes: frozenset[str]) -> Telegram:  # noqa: ARG002 - a meter says all that it has
        """Return what the meter says now, all telegrams of one readout joined.

        Raises:
            NoAnswer: nothing came in time.
            Refused: the meter answered that it will not.
            CorruptFrame: what came is no telegram of this meter, or several meters answered.
            LinkDown: the port or connection is gone.
        """
        await self._clock.sleep_until(self._not_before_s)
        is_whole = False
        try:
            telegram = await self._link.talk(self._dialogue)
            is_whole = not self._has_more
        finally:
            self._is_fresh = not is_whole
            self._not_before_s = self._clock.monotonic() + self._traits.pause
        return telegram

    async def _dialogue(self, talk: Talk) -> Telegram:
        conversation = Conversation(talk, self._link, timeout_s=self._timeout_s)
        await conversation.settle()
        await self._address_meter(conversation)
        telegrams: list[Telegram] = []
        more_follow = True
        while more_follow and len(telegrams) < self._traits.max_telegrams:
            frame = await self._request(conversation)
            telegram, more_follow = self._read(frame)
            self._check_meter(telegram.meter, frame)
            telegrams.append(telegram)
        self._has_more = more_follow
        return self._joined(telegrams)

    async def _address_meter(self, conversation: Conversation) -> None:
        """Select the meter, or set it back where its frame count bit or its place in the readout is not known."""
        if self._secondary is not None:
            await self._select(conversation, self._secondary)
            self._fcb = _FIRST_FCB
        elif self._is_fresh or self._traits.max_telegrams > 1:
            # Some meters do not acknowledge it: only the request for values decides whether one is there.
            outcome, answer = await conversation.ask(snd_nke(self._address))
            if outcome in (Outcome.GARBLED, Outcome.UNFINISHED):
                raise self._corrupt(answer.why(), answer.raw)
            self._fcb = _FIRST_FCB

    async def _select(self, conversation: Conversation, wanted: SecondaryAddress) -> None:
        selection = wanted.high_first if self._high_first else wanted.selection
        outcome, answer = await conversation.ask(select(selection, high_first=self._high_first))
        if outcome is Outcome.SILENCE:
            # A meter that has never answered may want the high byte first; the next readout tries that.
            if not self._has_answered:
                self._high_first = not self._high_first
            await conversation.quiet()
            raise NoAnswer(f"{self._name}: no answer from {self._place} within {self._timeout_s:.1f} s")
        if outcome is not Outcome.ACK:
            raise self._corrupt(answer.why(), answer.raw)
        self._has_answered = True

    async def _request(self, conversation: Conversation) -> Frame:
        outcome, answer = await conversation.ask(req_ud2(self._address, fcb=self._fcb))
        self._fcb = not self._fcb
        if outcome is Outcome.SILENCE:
            await conversation.quiet()
            raise NoAnswer(f"{self._name}: no answer from {self._place} within {self._timeout_s:.1f} s")
        if answer.frame is None or outcome is not Outcome.FRAME:
            raise self._corrupt(self._why(outcome, answer), answer.raw)
        frame = answer.frame
        if not frame.is_response:
            raise self._corrupt(f"control field {frame.control:02X} is no answer of a meter", answer.raw)
        if self._address <= LAST_PRIMARY and frame.address != self._address:
            raise self._corrupt(f"address {frame.address} answered instead", answer.raw)
        return frame

    def _read(self, frame: Frame) -> tuple[Telegram, bool]:
        try:
            return read_telegram(frame)
        except ApplicationError as exc:
            raise Refused(f"{self._name}: {self._place}: {exc}", code=exc.code) from exc
        except BadTelegram as exc:
            raise self._corrupt(str(exc), frame.raw) from exc

    def _joined(self, telegrams: list[Telegram]) -> Telegram:
        try:
            return join(telegrams)
        except BadTelegram as exc:
            raise self._corrupt(str(exc), telegrams[-1].raw) from exc

    def _check_meter(self, meter: Meter, frame: Frame) -> None:
        """Refuse a telegram of another meter, or of another model than the profile's."""
        if self._secondary is not None and not self._secondary.means(meter):
            raise self._corrupt(f"meter {meter.serial_number} answered instead", frame.raw)
        traits = self._traits
        versions = tuple(map(str, traits.version))
        said = ((meter.maker, (traits.maker,) if traits.maker else (), "maker"),
                (meter.medium, traits.medium, "medium"), (meter.version, versions, "version"))  # fmt: skip
        for word, wanted, what in said:
            if wanted and word and word not in wanted:
                expected = " or ".join(wanted)
                raise self._corrupt(f"{what} is {word}, the profile is for {expected}; check address and profile",
                                    frame.raw)  # fmt: skip

    @staticmethod
    def _why(outcome: Outcome, answer: Answer) -> str:
        return "an acknowledgement instead of values" if outcome is Outcome.ACK else answer.why()

    @property
    def _place(self) -> str:
        number = f"address {self._address}" if self._secondary is None else f"meter {self._secondary}"
        return f"{number} on {self._link.id}"

    def _corrupt(self, reason: str, raw: bytes) -> CorruptFrame:
        return CorruptFrame(f"{self._name}: {self._place}: {reason}", frame=raw)


def _secondary_of(settings: DeviceSettings) -> SecondaryAddress | None:
    if settings.meter_address is None:
        return None
    try:
        return parse_address(settings.meter_address)
    except ValueError as exc:
        raise ConfigError(f"{settings.id}: meter_address: {exc}") from exc


def _primary_of(settings: DeviceSettings, profile: MbusProfile) -> int:
    address = settings.unit_id if settings.unit_id is not None else profile.link_defaults.unit_id
    if address > LAST_PRIMARY and address != ANY_ADDRESS:
        raise ConfigError(
            f"{settings.id}: unit_id {address} is no primary address: use 0 to {LAST_PRIMARY}, {ANY_ADDRESS} for the "
            "only meter of a bus, or meter_address"
        )
    return address
