"""What the portfolio page knows: every site that a collector sees, and its energy from the counters in the store."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from gateway.app.page_collector import CollectorFacts
from gateway.core.clock import Clock
from gateway.core.protocols import Query
from gateway.web.facts import SiteFacts
from gateway.web.portfolio_page import SiteRow
from gateway.wire.catalogue import Catalogue

DAYS = 30
RENEW_S = 600.0
_DAY_MS = 86_400_000
_BUCKET_MS = 6 * 3_600_000
_ELECTRICITY, _HEAT = "elec_energy_import", "heat_energy"


@dataclass(frozen=True, slots=True)
class Counted:
    """What counters counted."""

    kwh: float | None
    is_whole: bool
    """From the first to the last day, without a day that has no reading and without a reset."""


NOTHING = Counted(None, is_whole=True)


class SitePortfolio:
    """Implements Portfolio over the facts of a collector.

    Args:
        facts: Of all sites.
        clock: Time.
    """

    def __init__(self, facts: CollectorFacts, *, clock: Clock) -> None:
        self._facts = facts
        self._clock = clock
        self._energy: dict[str, tuple[float, Counted, Counted]] = {}
        self._one_at_a_time = asyncio.Lock()

    @property
    def days(self) -> int:
        """So many days the energy is counted over."""
        return DAYS

    async def renew(self) -> None:
        """Count the energy anew where that is due.

        Raises:
            SinkUnavailable: the store does not answer.
        """
        async with self._one_at_a_time:
            for site in self._facts.sites():
                known = self._energy.get(site.id)
                if known is not None and self._clock.monotonic() - known[0] < RENEW_S:
                    continue
                catalogue = self._facts.catalogue(site.id)
                if catalogue is None:
                    continue
                electricity = await self._count(catalogue, grid_meters(catalogue), _ELECTRICITY)
                heat = await self._count(catalogue, heat_meters(catalogue), _HEAT)
                self._energy[site.id] = self._clock.monotonic(), electricity, heat

    def rows(self) -> Sequence[SiteRow]:
        """Return every site, with the energy as last counted."""
        return [self._row(site) for site in self._facts.sites()]

    def _row(self, site: SiteFacts) -> SiteRow:
        _, electricity, heat = self._energy.get(site.id, (0.0, NOTHING, NOTHING))
        uncertain = self._facts.clock_is_uncertain(site.id)
        catalogue = self._facts.catalogue(site.id)
        return SiteRow(
            site,
            clock="unknown" if uncertain is None else "uncertain" if uncertain else "good",
            electricity_kwh=electricity.kwh,
            heat_kwh=heat.kwh,
            is_whole=electricity.is_whole and heat.is_whole,
            area_m2=catalogue.area_m2 if catalogue else None,
        )

    async def _count(self, catalogue: Catalogue, devices: Sequence[str], point: str) -> Counted:
        """Return what the counters of some devices counted together.

        Raises:
            SinkUnavailable: the store does not answer.
        """
        end_ms = self._clock.utc_ms() // _BUCKET_MS * _BUCKET_MS + _BUCKET_MS
        start_ms = end_ms - DAYS * _DAY_MS
        found: list[Counted] = []
        for device in devices:
            # One bucket before: what the counter showed when the first day began.
            query = Query(catalogue.site, device, (point,), start_ms - _BUCKET_MS, end_ms, _BUCKET_MS, "last")
            rows = await self._facts.history.read(query)
            found.append(counted([(row.time_ms, row.values[0]) for row in rows], start_ms=start_ms))
        known = [each.kwh for each in found if each.kwh is not None]
        return Counted(sum(known), all(each.is_whole for each in found)) if known else NOTHING


def counted(readings: Sequence[tuple[int, float | int | None]], *, start_ms: int) -> Counted:
    """Return what one counter counted, from the last reading of each bucket.

    A step back is a reset or an exchange: nothing is counted across it, and the sum is then a lower bound.

    Args:
        readings: Start of the bucket and what the counter showed last in it, ascending.
        start_ms: When the count begins.
    """
    given = [(time_ms, value) for time_ms, value in readings if value is not None]
    if len(given) < 2:  # noqa: PLR2004 - one reading counts nothing
        return Counted(None, is_whole=False)
    steps = [later[1] - earlier[1] for earlier, later in pairwise(given)]
    holes = any(later[0] - earlier[0] > _DAY_MS for earlier, later in pairwise(given))
    late = given[0][0] >= start_ms
    return Counted(float(sum(step for step in steps if step > 0)), not late and not holes and min(steps) >= 0)


def grid_meters(catalogue: Catalogue) -> list[str]:
    """Return the devices that count what comes from the grid: those of that role, else all main electricity meters."""
    counting = [name for name, device in catalogue.devices.items() if _ELECTRICITY in device.points]
    grid = [name for name in counting if catalogue.devices[name].role == "grid"]
    meters = [name for name in counting if catalogue.devices[name].kind == "electricity_meter"]
    return grid or [name for name in meters if not catalogue.devices[name].role]


def heat_meters(catalogue: Catalogue) -> list[str]:
    """Return the devices that count the heat of the building: those of that role, else all heat meters without one."""
    counting = [name for name, device in catalogue.devices.items() if _HEAT in device.points]
    main = [name for name in counting if catalogue.devices[name].role == "heat"]
    return main or [name for name in counting if not catalogue.devices[name].role]
