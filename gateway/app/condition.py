"""How a gateway is now, from its buses, its lanes, its clock and its disk: for its page and for its status."""

from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.link import Link
from gateway.app.check import link_plan
from gateway.app.configuration import Configuration
from gateway.app.lanes import Lane
from gateway.app.pollers import AnyPoller
from gateway.core.site import LinkSettings
from gateway.wire.condition import (
    MOST_BUSES,
    MOST_DEVICES,
    MOST_WAYS,
    BusCondition,
    Condition,
    WayCondition,
    few_holes,
    short,
)

if TYPE_CHECKING:
    from gateway.app.edge import Edge

_LOAD_S = 60.0
_LEAST_S = 1.0
"""Between two looks at how busy the buses are."""
_FRESH_S = 0.5
"""A page asks for several things at once."""


class EdgeCondition:
    """The condition of one gateway.

    Args:
        edge: Whose it is.
        disk: Returns free bytes and all bytes of the disk that holds a folder, None where that cannot be known.
    """

    def __init__(self, edge: "Edge", *, disk: Callable[[Path], tuple[int, int] | None]) -> None:
        self._edge = edge
        self._disk = disk
        self._started_s = edge.clock.monotonic()
        self._busy: dict[str, deque[tuple[float, float]]] = {}
        self._last: tuple[float, Condition] | None = None
        self._planned: tuple[Configuration | None, Mapping[str, float]] = (None, {})

    def pulse(self) -> None:
        """Note how busy the buses are; to be called every few seconds."""
        now_s = self._edge.clock.monotonic()
        for link, _ in self._edge.buses:
            seen = self._busy.setdefault(link.id, deque())
            if seen and now_s - seen[-1][0] < _LEAST_S:
                continue
            seen.append((now_s, link.counters.busy_s))
            while now_s - seen[0][0] > _LOAD_S:
                seen.popleft()

    def worries(self) -> object:
        """Return what is worth a message of its own when it changes; to be asked for every few seconds."""
        self.pulse()
        return self._edge.clock.synchronised(), [lane.spool.health.is_refusing for lane in self._edge.lanes]

    def now(self) -> Condition:
        """Return how the gateway is, or was half a second ago."""
        now_s = self._edge.clock.monotonic()
        if self._last is not None and 0 <= now_s - self._last[0] < _FRESH_S:
            return self._last[1]
        self._last = now_s, self._look()
        return self._last[1]

    def _look(self) -> Condition:
        self.pulse()
        edge = self._edge
        free_bytes, size_bytes = self._disk(edge.data) or (None, None)
        now_ms = max(0, edge.clock.utc_ms())
        age_ms = round((edge.clock.monotonic() - self._started_s) * 1000)
        return Condition(
            time_ms=now_ms,
            started_ms=max(0, now_ms - age_ms),
            synchronised=edge.clock.synchronised(),
            readouts=edge.readouts,
            gaps=edge.gaps,
            disk_free_bytes=free_bytes,
            disk_size_bytes=size_bytes,
            buses={link.id: self._bus(link, poller) for link, poller in edge.buses[:MOST_BUSES]},
            ways={lane.destination.name: _way(lane) for lane in edge.lanes[:MOST_WAYS]},
        )

    def _bus(self, link: Link, poller: AnyPoller) -> BusCondition:
        counters, holes = link.counters, self._edge.learnt.holes
        behind = [device.settings.id for device in self._edge.configuration.on_link(link.id)][:MOST_DEVICES]
        return BusCondition(
            port=short(link.settings.port),
            settings=in_words(link.settings),
            devices=tuple(behind),
            planned_load=self._plan().get(link.id, 0.0),
            load=self._load(link.id),
            requests=counters.requests,
            timeouts=counters.timeouts,
            late=counters.late,
            foreign=counters.foreign,
            corrupt=counters.corrupt,
            reopenings=counters.reopenings,
            missed=poller.counters.missed,
            backed_off=poller.backed_off()[:MOST_DEVICES],
            learnt_holes={
                name: few_holes(holes[name].describe()) for name in behind if name in holes and holes[name].cuts
            },
        )

    def _plan(self) -> Mapping[str, float]:
        """Return the share of time that the plan needs of each bus."""
        configuration = self._edge.configuration
        if self._planned[0] is not configuration:
            loads = {link.id: round(link_plan(configuration, link).load, 4) for link in configuration.links}
            self._planned = configuration, loads
        return self._planned[1]

    def _load(self, link: str) -> float | None:
        """Return the share of the last minute in which a bus was busy."""
        seen = self._busy.get(link)
        if not seen or seen[-1][0] <= seen[0][0]:
            return None
        return round(max(0.0, seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0]), 4)


def _way(lane: Lane) -> WayCondition:
    backlog, counters, health = lane.spool.backlog(), lane.relay.counters, lane.spool.health
    return WayCondition(
        waiting=backlog.waiting,
        oldest_ms=None if backlog.oldest_ms is None else max(0, backlog.oldest_ms),
        size_bytes=backlog.size_bytes,
        capacity_bytes=backlog.capacity_bytes,
        confirmed=counters.released,
        receipts=counters.receipts,
        resent=counters.overdue,
        failures=counters.failures,
        lost=health.lost,
        thinned=health.thinned,
        refusing=health.is_refusing,
    )


def in_words(settings: LinkSettings) -> str:
    """Return speed and framing of a link, for people."""
    if settings.serial is None:
        carrier = "TCP" if settings.tcp else "UDP"
        return carrier if settings.modbus_framing == "tcp" else f"{settings.modbus_framing.upper()} over {carrier}"
    parity = {"none": "N", "even": "E", "odd": "O"}[settings.parity or "none"]
    return f"{settings.baudrate} baud, {settings.data_bits}{parity}{settings.stop_bits or 1}, {settings.modbus_framing}"
