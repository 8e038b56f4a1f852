"""Figures for Prometheus, as text."""

from collections.abc import Iterable, Iterator, Mapping

from aiohttp import web

from gateway.web.facts import DeviceFacts, Facts
from gateway.web.page import Page, Route, Visit

_KIND = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[Mapping[str, str], float]


def metrics_page() -> Page:
    """Return its route."""
    return Page("metrics", (Route("GET", "/metrics", _show),))


async def _show(visit: Visit) -> web.StreamResponse:
    return web.Response(body=render(visit.facts).encode(), headers={"Content-Type": _KIND})


def render(facts: Facts) -> str:
    """Return every figure of every site."""
    lines: list[str] = []
    for site in facts.sites():
        lines += _devices(facts.devices(site.id))
        lines += _buses(facts, site.id)
        lines += _delivery(facts, site.id)
    return "\n".join(_grouped(lines)) + "\n"


def _devices(devices: Iterable[DeviceFacts]) -> Iterator[str]:
    for device in devices:
        named = {"site": device.site, "device": device.id}
        yield _line("kvarter_device_up", named, float(device.state in {"ok", "partial"}))
        if device.age_s is not None:
            yield _line("kvarter_device_age_seconds", named, device.age_s)
        for outcome, count in device.outcomes.items():
            yield _line("kvarter_device_readouts_total", {**named, "outcome": outcome}, count)
        for point in device.points:
            if point.value is not None and point.quality in {"good", "suspect"}:
                where = {**named, "point": point.name, "unit": point.unit}
                yield _line("kvarter_point_value", where, float(point.value))


def _buses(facts: Facts, site: str) -> Iterator[str]:
    for bus in facts.buses(site):
        named = {"site": site, "bus": bus.id}
        yield _line("kvarter_bus_planned_load", named, bus.planned_load)
        if bus.load is not None:
            yield _line("kvarter_bus_load", named, bus.load)
        for name in ("requests", "timeouts", "late", "foreign", "corrupt", "reopenings", "missed"):
            yield _line(f"kvarter_bus_{name}_total", named, float(getattr(bus, name)))


def _delivery(facts: Facts, site: str) -> Iterator[str]:
    delivery = facts.delivery(site)
    if delivery is None:
        return
    named = {"site": site}
    yield _line("kvarter_readouts_total", named, delivery.readouts)
    yield _line("kvarter_gaps_total", named, delivery.gaps)
    if delivery.synchronised is not None:
        yield _line("kvarter_clock_synchronised", named, float(delivery.synchronised))
    if delivery.disk_free_bytes is not None:
        yield _line("kvarter_disk_free_bytes", named, delivery.disk_free_bytes)
    for each in delivery.destinations:
        where = {**named, "server": each.name}
        oldest_s = 0.0 if each.oldest_ms is None else max(0.0, (delivery.now_ms - each.oldest_ms) / 1000)
        yield _line("kvarter_delivery_waiting", where, each.waiting)
        yield _line("kvarter_delivery_oldest_seconds", where, oldest_s)
        yield _line("kvarter_delivery_confirmed_total", where, each.confirmed)
        yield _line("kvarter_delivery_failures_total", where, each.failures)
    for name, count in delivery.counters.items():
        yield _line("kvarter_troubles_total", {**named, "kind": name}, count)


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    named = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{named}}} {value:.15g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _grouped(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of each figure together, behind its type."""
    families: dict[str, list[str]] = {}
    for line in lines:
        families.setdefault(line.partition("{")[0], []).append(line)
    for name, members in sorted(families.items()):
        yield f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}"
        yield from members
