"""The page of a device: every point, its bus, its profile, its events."""

from collections.abc import Sequence

from aiohttp import web

from gateway.core.errors import SinkUnavailable
from gateway.web.buses_page import counts_of
from gateway.web.facts import DeviceFacts, EventFacts, PointFacts, ProfileFacts, Samples
from gateway.web.html import Markup, join, tag
from gateway.web.icons import icon
from gateway.web.live import Changed, Fresh, keep_fresh
from gateway.web.numbers import DASH, label, local_time, number
from gateway.web.page import Page, Route, Visit
from gateway.web.parts import aged, completeness_of, facts_list, missing_of, state_pill, table, troubles_of, value_of
from gateway.web.shell import show
from gateway.web.site_page import site_of
from gateway.web.spark import spark
from gateway.web.texts import Language

_EVENTS = 50
_LENGTHS = ((3600, "h"), (60, "min"), (1, "s"))
_SPARK_MS = 20_000
"""A sparkline has a point for each such time; it is not drawn more often."""


def device_page() -> Page:
    """Return the page; the navigation does not lead to it, the cards do."""
    routes = (
        Route("GET", "/site/{site}/device/{device}", _show),
        Route("GET", "/live/site/{site}/device/{device}", _live, stream=True),
    )
    return Page("device", routes)


def device_of(visit: Visit) -> DeviceFacts:
    """Return the device that the path names.

    Raises:
        HTTPNotFound: there is none.
    """
    found = visit.facts.device(visit.argument("site"), visit.argument("device"))
    if found is None:
        raise web.HTTPNotFound
    return found


async def _show(visit: Visit) -> web.StreamResponse:
    device, site, texts = device_of(visit), site_of(visit), visit.texts
    recent = visit.facts.recent(device.site, device.id)
    columns = [texts(f"device.{each}") for each in ("point", "value", "last_hour", "raw", "age", "quality")]
    columns = [f"{each} #" if index in {1, 3, 4} else each for index, each in enumerate(columns)]
    rows = [_row(visit, point, recent) for point in device.points]
    back = tag("p", tag("a", site.title, href=f"/site/{device.site}"), class_="crumbs")
    head = tag("div", back, tag("h1", icon(device.profile.kind), device.title), class_="headline")
    content = (
        head,
        tag("div", _state(visit, device), data_f="state", class_="state"),
        tag("section", table(texts("device.points"), columns, rows, class_="points"), class_="card"),
        tag(
            "div",
            tag("section", tag("h2", texts("device.what")), _identity(visit, device), class_="card"),
            tag("section", tag("h2", texts("device.profile")), _profile(visit, device.profile), class_="card"),
            tag("section", tag("h2", texts("device.bus")), _bus(visit, device), class_="card"),
            class_="columns",
        ),
        tag("section", tag("h2", texts("device.events")), await _events(visit, device, site.timezone), class_="card"),
    )
    return show(visit, device.title, *content, live=f"/live/site/{device.site}/device/{device.id}")


async def _live(visit: Visit) -> web.StreamResponse:
    device = device_of(visit)
    return await keep_fresh(visit, lambda visit, changed: _fresh(visit, (device.site, device.id), changed))


def _fresh(visit: Visit, which: tuple[str, str], changed: Changed | None) -> Fresh:
    device = visit.facts.device(*which) if changed is None or which in changed else None
    if device is None:
        return Fresh({})
    recent = visit.facts.recent(*which)
    fragments = {"state": _state(visit, device)}
    ages: dict[str, float | None] = {"device": device.age_s}
    for point in device.points:
        fragments[f"v-{point.name}"] = value_of(visit, point)
        fragments[f"r-{point.name}"] = _raw(point)
        fragments[f"q-{point.name}"] = _quality(visit, point)
        fragments[f"s-{point.name}"] = _spark(point, recent)
        ages[point.name] = point.age_s
    return Fresh(fragments, ages)


def _state(visit: Visit, device: DeviceFacts) -> Markup:
    facts = facts_list(
        (visit.texts("device.last_readout"), aged(visit, "device", device.age_s)),
        (visit.texts("site.today"), completeness_of(visit, device.completeness)),
        (visit.texts("completeness.yesterday"), completeness_of(visit, device.yesterday)),
        (visit.texts("completeness.missing"), missing_of(visit, device.completeness)),
    )
    line = tag("div", state_pill(visit, device), facts, class_="summary")
    return join(line, troubles_of(visit, device.troubles))


def _row(visit: Visit, point: PointFacts, recent: Samples) -> Markup:
    name = tag("span", point.name, class_="code")
    return tag(
        "tr",
        tag("th", label(point.name, visit.vocabulary, visit.texts), name, scope="row"),
        tag("td", value_of(visit, point), class_="number", data_f=f"v-{point.name}"),
        tag("td", _spark(point, recent), data_f=f"s-{point.name}"),
        tag("td", _raw(point), class_="number", data_f=f"r-{point.name}"),
        tag("td", aged(visit, point.name, point.age_s), class_="number"),
        tag("td", _quality(visit, point), data_f=f"q-{point.name}"),
    )


def _spark(point: PointFacts, recent: Samples) -> Markup:
    samples = recent.get(point.name, ())
    now_ms = samples[-1][0] if samples else 0
    return spark(samples, now_ms=-(-now_ms // _SPARK_MS) * _SPARK_MS)


def _raw(point: PointFacts) -> Markup:
    """Return the registers and where they stand."""
    registers = " ".join(f"{register:04X}" if 0 <= register <= 0xFFFF else str(register) for register in point.raw)  # noqa: PLR2004 - a register
    origin = " ".join(
        str(point.origin[key]) for key in ("table", "address", "type", "obis", "code") if key in point.origin
    )
    return join(
        tag("span", registers or DASH, class_="code"), tag("span", origin, class_="code quiet") if origin else None
    )


def _quality(visit: Visit, point: PointFacts) -> Markup:
    tone = {"good": "good", "suspect": "warn", "unread": "idle"}.get(point.quality, "bad")
    return tag("span", visit.texts(f"quality.{point.quality}"), class_=f"pill {tone}")


def _identity(visit: Visit, device: DeviceFacts) -> Markup:
    texts = visit.texts
    settings = ", ".join(
        f"{texts(f'setting.{key}')} {value:g}" if isinstance(value, float) else f"{texts(f'setting.{key}')} {value}"
        for key, value in device.settings.items()
        if key != "unit_id"
    )
    return facts_list(
        (texts("device.kind"), texts(f"kind.{device.profile.kind}")),
        (texts("device.model"), f"{device.profile.maker} {device.profile.model}"),
        (texts("device.role"), texts(f"role.{device.role}") if device.role else None),
        (texts("device.serial"), device.serial_number),
        (texts("device.id"), tag("span", device.id, class_="code")),
        (texts("device.interval"), _every(device.interval_s, texts.language) if device.interval_s else None),
        (texts("device.settings"), settings),
    )


def _every(interval_s: float, language: Language) -> str:
    length, unit = next(each for each in _LENGTHS if interval_s % each[0] == 0 or each[1] == "s")
    amount = interval_s / length
    return f"{number(amount, 0 if amount == int(amount) else 1, language)}\u00a0{unit}"


def _profile(visit: Visit, profile: ProfileFacts) -> Markup:
    texts = visit.texts
    sources = [tag("li", " · ".join(filter(None, (s.document, s.version, s.note)))) for s in profile.sources]
    caveats = [tag("li", caveat) for caveat in profile.caveats]
    return join(
        facts_list(
            (texts("device.profile_id"), tag("span", f"{profile.id} ({profile.digest})", class_="code")),
            (texts("device.protocol"), profile.protocol),
        ),
        tag("h3", texts("device.source")) if sources else None,
        tag("ul", sources) if sources else None,
        tag("h3", texts("device.caveats")) if caveats else None,
        tag("ul", caveats) if caveats else None,
    )


def _bus(visit: Visit, device: DeviceFacts) -> Markup:
    texts = visit.texts
    bus = next((bus for bus in visit.facts.buses(device.site) if bus.id == device.bus), None)
    outcomes = ", ".join(f"{texts(f'state.{name}')} {count}" for name, count in device.outcomes.items())
    if bus is None:
        return facts_list((texts("bus.outcomes"), outcomes or DASH))
    return facts_list(
        (texts("bus.name"), tag("a", bus.id, href=f"/site/{device.site}/buses#{bus.id}")),
        (texts("device.unit"), None if device.unit_id is None else str(device.unit_id)),
        (texts("bus.outcomes"), outcomes or DASH),
        *counts_of(visit, bus),
    )


async def _events(visit: Visit, device: DeviceFacts, timezone: str) -> Markup:
    try:
        events: Sequence[EventFacts] = await visit.facts.events(device.site, device.id, limit=_EVENTS)
    except SinkUnavailable:
        return tag("p", visit.texts("device.no_store"))
    if not events:
        return tag("p", visit.texts("device.no_events"), class_="quiet")
    columns = [visit.texts(f"event.{each}") for each in ("when", "what", "from", "to", "count", "text")]
    rows = [
        tag(
            "tr",
            tag("th", local_time(each.time_ms, timezone), scope="row"),
            tag("td", f"{each.event.kind}: {each.event.cause}"),
            tag("td", local_time(each.event.start_ms, timezone)),
            tag("td", local_time(each.event.end_ms, timezone)),
            tag("td", each.event.count, class_="number"),
            tag("td", each.event.text),
        )
        for each in events
    ]
    return table(visit.texts("device.events"), columns, rows)
