"""A meter that is asked for its telegram: what it says becomes a readout."""

from collections.abc import Sequence
from typing import Protocol

from drivers.records.decode import Arrival, RecordDecoder
from drivers.records.telegram import Telegram
from gateway.core.clock import Clock
from gateway.core.readout import Readout


class TelegramSource(Protocol):
    """Asks one meter; knows its address and its link."""

    async def fetch(self, codes: frozenset[str]) -> Telegram:
        """Return what the meter says now, all telegrams of one readout joined.

        Args:
            codes: Quantities that are wanted, for protocols that ask for each; others ignore them.

        Raises:
            NoAnswer: nothing came in time.
            Refused: the meter answered that it will not.
            CorruptFrame: what came is no telegram of this meter.
            LinkDown: the port or connection is gone.
        """


_FRESH_S = 10.0


class RecordDriver:
    """Implements Driver for a meter that is asked; the telegram by which it was identified is its first readout.

    Args:
        decoder: Knows its profile.
        source: Asks it.
        clock: For the instant of each readout.
    """

    def __init__(self, decoder: RecordDecoder, source: TelegramSource, *, clock: Clock) -> None:
        self._decoder = decoder
        self._source = source
        self._clock = clock
        self._unread: tuple[Telegram, Arrival] | None = None

    async def read(self, points: Sequence[str], *, keep_raw: bool = False) -> Readout:
        """Return the values of the named points, None where the meter gave none (status PARTIAL).

        Raises:
            DeviceError: no value at all could be had from this device.
            LinkDown: the port or connection is gone.
        """
        telegram, arrival = self._take() or await self._fetch()
        return self._decoder.readout(telegram, points, arrival=arrival, keep_raw=keep_raw)

    async def identify(self) -> dict[str, str]:
        """Return what the meter says about itself: serial_number, firmware, model, as far as its telegram does.

        Raises:
            DeviceError: it does not answer.
            LinkDown: the port or connection is gone.
        """
        self._unread = await self._fetch()
        return identity_of(self._unread[0])

    async def _fetch(self) -> tuple[Telegram, Arrival]:
        telegram = await self._source.fetch(self._decoder.codes)
        return telegram, Arrival(self._clock.monotonic(), self._clock.utc_ms())

    def _take(self) -> tuple[Telegram, Arrival] | None:
        """Return the telegram that nobody has read yet: a readout costs a meter's battery."""
        unread, self._unread = self._unread, None
        if unread is None or self._clock.monotonic() - unread[1].monotonic_s > _FRESH_S:
            return None
        return unread


def identity_of(telegram: Telegram) -> dict[str, str]:
    """Return what a telegram says about its meter: serial_number, firmware, model."""
    meter = telegram.meter
    said = {
        "serial_number": meter.serial_number,
        "firmware": meter.version,
        "model": " ".join(filter(None, (meter.maker, meter.model))),
    }
    return {name: text for name, text in said.items() if text}
