"""Buses and delivery as the page shows them, from how a gateway says that it is. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.web.facts import BusFacts, DeliveryFacts, DestinationFacts, Trouble
from gateway.web.numbers import size
from gateway.wire.condition import BusCondition, Condition, WayCondition

LATE_MS = 600_000
"""Readouts that wait for longer are worth a word."""
LEAST_FREE = 0.05


@dataclass(frozen=True, slots=True)
class Speaker:
    """The gateway that says how it is."""

    site: str
    version: str
    counters: Mapping[str, int]
    is_here: bool = False
    """It is this program: what it says is true now, and its buses can be watched."""


def buses_of(speaker: Speaker, condition: Condition) -> list[BusFacts]:
    """Return the buses of a gateway."""
    return [_bus(speaker, name, bus) for name, bus in condition.buses.items()]


def delivery_of(speaker: Speaker, condition: Condition, *, now_ms: int) -> DeliveryFacts:
    """Return how readouts get to where they are stored.

    Args:
        speaker: Who says so.
        condition: What it says.
        now_ms: UTC, where the gateway did not say when.
    """
    said_ms = now_ms if condition.time_ms is None else condition.time_ms
    return DeliveryFacts(
        site=speaker.site,
        version=speaker.version,
        readouts=condition.readouts,
        gaps=condition.gaps,
        started_ms=condition.started_ms,
        now_ms=said_ms,
        synchronised=condition.synchronised,
        disk_free_bytes=condition.disk_free_bytes,
        disk_size_bytes=condition.disk_size_bytes,
        destinations=tuple(_destination(name, way) for name, way in condition.ways.items()),
        counters=dict(speaker.counters),
        told_ms=None if speaker.is_here else said_ms,
    )


def delivery_troubles(delivery: DeliveryFacts) -> Sequence[Trouble]:
    """Return what is wrong with clock, disk and delivery; what is not known is not wrong."""
    troubles = [Trouble("clock", "warning")] if delivery.synchronised is False else []
    for each in delivery.destinations:
        if each.refusing:
            troubles.append(Trouble("refusing", "error"))
        if each.oldest_ms is not None and delivery.now_ms - each.oldest_ms > LATE_MS:
            minutes = (delivery.now_ms - each.oldest_ms) // 60_000
            troubles.append(Trouble("waiting", "warning", {"count": str(each.waiting), "age": f"{minutes} min"}))
    free, whole = delivery.disk_free_bytes, delivery.disk_size_bytes
    if free is not None and whole and free / whole < LEAST_FREE:
        troubles.append(Trouble("disk", "warning", {"free": size(free, "en")}))
    return troubles


def _bus(speaker: Speaker, name: str, bus: BusCondition) -> BusFacts:
    return BusFacts(
        site=speaker.site,
        id=name,
        port=bus.port,
        settings=bus.settings,
        devices=bus.devices,
        planned_load=bus.planned_load,
        load=bus.load,
        requests=bus.requests,
        timeouts=bus.timeouts,
        late=bus.late,
        foreign=bus.foreign,
        corrupt=bus.corrupt,
        reopenings=bus.reopenings,
        missed=bus.missed,
        backed_off=bus.backed_off,
        learnt_holes=dict(bus.learnt_holes),
        traceable=speaker.is_here,
    )


def _destination(name: str, way: WayCondition) -> DestinationFacts:
    return DestinationFacts(
        name=name,
        waiting=way.waiting,
        oldest_ms=way.oldest_ms,
        size_bytes=way.size_bytes,
        capacity_bytes=way.capacity_bytes,
        confirmed=way.confirmed,
        receipts=way.receipts,
        resent=way.resent,
        failures=way.failures,
        lost=way.lost,
        thinned=way.thinned,
        refusing=way.refusing,
    )
