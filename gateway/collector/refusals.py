"""What becomes of a refused line: a dead letter with the reason, and a gap in the store that says so."""

from collections.abc import Iterator

from gateway.collector.checks import Refused
from gateway.collector.dead_letters import DeadLetter, DeadLetters
from gateway.collector.gaps import Gaps
from gateway.collector.journal import Journal
from gateway.collector.writer import OURS, Parcel, Shipment
from gateway.core.clock import Clock
from gateway.core.errors import SpoolError
from gateway.wire.line import parse_line
from gateway.wire.status import iso_time

_BY_US = "collector"


class Refusals:
    """Buries refused lines."""

    def __init__(self, gaps: Gaps, letters: DeadLetters, *, clock: Clock, journal: Journal) -> None:
        self._gaps = gaps
        self._letters = letters
        self._clock = clock
        self._journal = journal

    def mark(self, parcel: Parcel, refused: Refused) -> bytes:
        """Return the gap line that takes the place of a line which the checks refused."""
        return self._gaps.line(parcel.site, refused.reason, device=refused.device, time_ms=refused.time_ms)

    def mark_store_refusals(self, shipment: Shipment) -> list[tuple[bytes, Parcel]]:
        """Return a gap line for each line of a gateway that some store refused, however many did."""
        marks: dict[int, tuple[bytes, Parcel]] = {}
        for name, refusal in shipment.refusals:
            parcel, index = shipment.origins[refusal.index]
            self._journal.warn(
                f"refusal {name} {parcel.site}", f"{parcel.site}: store {name} refuses a line: {refusal.reason}"
            )
            if index != OURS and refusal.index not in marks:
                line = parse_line(shipment.lines[refusal.index])
                text = self._gaps.line(
                    parcel.site, refusal.reason, device=line.tags.get("device"), time_ms=line.time_ms
                )
                marks[refusal.index] = (text, parcel)
        self._journal.counters.refused += len(marks)
        return list(marks.values())

    async def bury(self, shipment: Shipment) -> None:
        """Write a dead letter for each line that did not get into every store; a full disk is said and passed over."""
        try:
            await self._letters.keep([*self._by_checks(shipment), *self._by_stores(shipment)])
        except SpoolError as exc:
            self._journal.counters.disk_failures += 1
            self._journal.warn("disk", str(exc))
        else:
            self._journal.recovered("disk", "the disk takes files again")

    def _by_checks(self, shipment: Shipment) -> Iterator[DeadLetter]:
        for parcel in shipment.parcels:
            for refused in parcel.refused:
                yield self._letter(parcel, refused.index, _BY_US, refused.reason, refused.line)

    def _by_stores(self, shipment: Shipment) -> Iterator[DeadLetter]:
        for name, refusal in shipment.refusals:
            parcel, index = shipment.origins[refusal.index]
            yield self._letter(parcel, index, name, refusal.reason, shipment.lines[refusal.index])

    def _letter(self, parcel: Parcel, index: int, by: str, reason: str, line: bytes) -> DeadLetter:
        sequence = None if index == OURS else parcel.first + index
        text = line.decode("ascii", "backslashreplace")
        return DeadLetter(iso_time(self._clock.utc_ms()), parcel.site, parcel.run, sequence, by, reason, text)
