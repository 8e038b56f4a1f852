"""Meters that send by themselves: what arrives on their port becomes readouts, one per device."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from drivers.link import Link
from drivers.records.decode import Arrival, RecordDecoder
from drivers.records.telegram import Damaged, MeterTime, Telegram, TelegramStream
from gateway.core.clock import Clock
from gateway.core.errors import CorruptFrame
from gateway.core.readout import Readout


class RecordListener:
    """Implements Listener for the devices behind one port.

    Args:
        link: The port.
        stream: Makes what finds telegrams in its bytes; made anew after the port was opened.
        decoders: One per device.
        clock: For the instant of each readout.
        keep_raw: Readouts hold the records behind their values.
    """

    def __init__(
        self,
        link: Link,
        stream: Callable[[], TelegramStream],
        decoders: Sequence[RecordDecoder],
        *,
        clock: Clock,
        keep_raw: bool = False,
    ) -> None:
        self._link = link
        self._make = stream
        self._stream = stream()
        self._decoders = decoders
        self._clock = clock
        self._keep_raw = keep_raw
        self._generation = -1
        self._found: deque[tuple[Telegram | Damaged, Arrival]] = deque()
        self._said: dict[str, MeterTime] = {}
        """Device → the meter's time of its newest value, where a value has one of its own."""
        self.newest: Telegram | None = None
        """For whoever wants to know who is behind the port."""

    async def listen(self, *, deadline_s: float) -> Sequence[Readout]:
        """Return the readouts of the next telegram, one per device in it, none when the deadline passed first.

        Args:
            deadline_s: On the clock.

        Raises:
            CorruptFrame: what came is no telegram, or cannot be opened; the next call goes on behind it.
            LinkDown: the port or connection is gone.
        """
        loop = asyncio.get_running_loop()
        while True:
            if self._found:
                return self._readouts(*self._found.popleft())
            left_s = deadline_s - self._clock.monotonic()
            if left_s <= 0:
                return ()
            chunk = await self._link.hear(deadline_s=loop.time() + left_s)
            if self._generation != self._link.generation:
                self._stream, self._generation = self._make(), self._link.generation
            arrival = Arrival(self._clock.monotonic(), self._clock.utc_ms())
            self._found.extend((finding, arrival) for finding in self._stream.feed(chunk) if chunk)

    def _readouts(self, finding: Telegram | Damaged, arrival: Arrival) -> Sequence[Readout]:
        if isinstance(finding, Damaged):
            raise CorruptFrame(f"{self._link.id}: {finding.reason}", frame=finding.raw)
        self.newest = finding
        return [
            decoder.readout(finding, decoder.points, arrival=arrival, keep_raw=self._keep_raw)
            for decoder in self._decoders
            if decoder.concerns(finding) and self._is_news(decoder, finding)
        ]

    def _is_news(self, decoder: RecordDecoder, telegram: Telegram) -> bool:
        """Return whether the values are not those of an earlier telegram, said again."""
        time = decoder.value_time(telegram)
        if time is None or time == telegram.time:
            return True
        if self._said.get(decoder.device) == time:
            return False
        self._said[decoder.device] = time
        return True
