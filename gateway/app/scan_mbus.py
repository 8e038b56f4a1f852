"""The meters on an M-Bus: by primary address, then by secondary address."""

from collections.abc import AsyncIterator, Sequence

from drivers.link import Link
from drivers.mbus.search import search_primary, search_secondary
from drivers.profile_records import MbusProfile
from drivers.records.telegram import Meter
from drivers.scan.found import FoundDevice
from drivers.scan.telegrams import meter_candidates, meter_identity
from gateway.app.scan_units import Steps
from gateway.core.clock import Clock
from gateway.core.sentences import Sentence

_STEPS = 100


async def search_meters(
    link: Link, profiles: Sequence[MbusProfile], clock: Clock, watcher: Steps
) -> AsyncIterator[FoundDevice]:
    """Yield each meter on the bus once.

    Raises:
        LinkDown: the port or connection is gone.
    """
    seen: set[str] = set()
    for title, search in (("primary", search_primary), ("secondary", search_secondary)):
        watcher.stage(Sentence(f"scan.mbus_{title}"), _STEPS)
        async for found in search(link, clock=clock, progress=lambda share, _: watcher.step(round(share * _STEPS))):
            meter = found.meter or Meter(address=found.address)
            if meter.serial_number and meter.serial_number in seen:
                continue
            seen.add(meter.serial_number)
            yield FoundDevice(
                "mbus",
                address=found.address,
                candidates=meter_candidates(meter, profiles),
                identity=meter_identity(meter),
                note="several meters have this address: give each its own" if found.is_collision else found.reason,
            )
