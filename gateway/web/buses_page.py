"""The page of the buses: load against plan, what went wrong, and every frame as it passes."""

import json
from contextlib import aclosing
from dataclasses import asdict

from aiohttp import web

from gateway.web.delivery_page import told
from gateway.web.facts import BusFacts
from gateway.web.html import Child, Markup, join, tag
from gateway.web.live import Changed, Fresh, harden, keep_fresh
from gateway.web.numbers import share
from gateway.web.page import Page, Route, Visit
from gateway.web.parts import facts_list
from gateway.web.shell import show
from gateway.web.site_page import site_of

_WIDTH = 240
_FULL = 0.8
"""Load above which a bus has no room for retries."""


def buses_page() -> Page:
    """Return the page."""
    routes = (
        Route("GET", "/site/{site}/buses", _show),
        Route("GET", "/live/site/{site}/buses", _live, stream=True),
        Route("GET", "/live/site/{site}/buses/{bus}/trace", _trace, stream=True),
    )
    return Page("buses", routes, path="/site/{site}/buses")


def counts_of(visit: Visit, bus: BusFacts) -> list[tuple[str, Child]]:
    """Return what happened on a bus, name by name."""
    return [
        (visit.texts(f"bus.{name}"), str(getattr(bus, name)))
        for name in ("requests", "timeouts", "late", "foreign", "corrupt", "reopenings", "missed")
    ]


async def _show(visit: Visit) -> web.StreamResponse:
    site = site_of(visit)
    title = visit.texts("nav.buses")
    buses = visit.facts.buses(site.id)
    intro = tag("p", visit.texts("bus.intro"), class_="quiet")
    said = told(visit, visit.facts.delivery(site.id), site.timezone)
    head = tag("div", tag("h1", title), intro, tag("div", said, data_f="told"), class_="headline")
    cards = [_card(visit, bus) for bus in buses] or tag("p", visit.texts("bus.none"))
    content = tag("div", cards, class_="columns wide")
    return show(visit, title, head, content, script="trace.js", live=f"/live/site/{site.id}/buses")


async def _live(visit: Visit) -> web.StreamResponse:
    site = site_of(visit)

    def fresh(visit: Visit, _: Changed | None) -> Fresh:
        buses = visit.facts.buses(site.id)
        figures = {f"bus-{bus.id}": _figures(visit, bus) for bus in buses}
        figures["told"] = join(told(visit, visit.facts.delivery(site.id), site.timezone))
        return Fresh({**figures, **{f"learnt-{bus.id}": _learnt(visit, bus) for bus in buses}})

    return await keep_fresh(visit, fresh)


async def _trace(visit: Visit) -> web.StreamResponse:
    """Send each frame as an event; nothing is kept for a browser that is slower than the bus."""
    site, bus = site_of(visit), visit.argument("bus")
    if bus not in {each.id for each in visit.facts.buses(site.id) if each.traceable}:
        raise web.HTTPNotFound
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    harden(response, secure=visit.request.secure)
    await response.prepare(visit.request)
    try:
        await response.write(b": begun\n\n")
        async with aclosing(visit.facts.trace(site.id, bus)) as lines:
            async for line in lines:
                await response.write(b"data: " + json.dumps(asdict(line)).encode() + b"\n\n")
    except ConnectionResetError:
        return response
    return response


def _card(visit: Visit, bus: BusFacts) -> Markup:
    texts = visit.texts
    links = [tag("li", tag("a", each, href=f"/site/{bus.site}/device/{each}")) for each in bus.devices]
    return tag(
        "section",
        tag("h2", bus.id),
        tag("p", f"{bus.port} · {bus.settings}", class_="quiet code"),
        tag("div", _figures(visit, bus), data_f=f"bus-{bus.id}"),
        tag("div", _learnt(visit, bus), data_f=f"learnt-{bus.id}"),
        tag("h3", texts("bus.devices")),
        tag("ul", links, class_="inline"),
        _trace_of(visit, bus) if bus.traceable else None,
        class_="card bus",
        id=bus.id,
    )


def _trace_of(visit: Visit, bus: BusFacts) -> Markup:
    texts = visit.texts
    return tag(
        "details",
        tag("summary", texts("bus.trace")),
        tag("p", texts("bus.trace_intro"), class_="quiet"),
        tag("button", texts("bus.trace_stop"), type="button", class_="button", data_stop=True),
        tag("ol", class_="trace", tabindex=0, aria_label=texts("bus.trace")),
        data_trace=f"/live/site/{bus.site}/buses/{bus.id}/trace",
    )


def _figures(visit: Visit, bus: BusFacts) -> Markup:
    texts = visit.texts
    backed_off = (texts("bus.backed_off"), ", ".join(bus.backed_off) or texts("bus.nobody"))
    return join(_load(visit, bus), facts_list(*counts_of(visit, bus), backed_off))


def _learnt(visit: Visit, bus: BusFacts) -> Markup:
    """Return what devices turned out to refuse."""
    listed = [tag("li", f"{device}: {each}") for device, holes in bus.learnt_holes.items() for each in holes]
    if not listed:
        return Markup()
    return tag("details", tag("summary", f"{visit.texts('bus.learnt')} ({len(listed)})"), tag("ul", listed))


def _load(visit: Visit, bus: BusFacts) -> Markup:
    """Return how busy the bus is, beside what was planned."""
    load = bus.load or 0.0
    tone = "bad" if max(load, bus.planned_load) > 1 else "warn" if max(load, bus.planned_load) > _FULL else "good"
    language = visit.texts.language
    said = visit.texts("bus.load", load=share(bus.load, language), planned=share(bus.planned_load, language))
    mark = min(bus.planned_load, 1.0) * _WIDTH
    drawing = tag(
        "svg",
        tag("rect", y=4, width=_WIDTH, height=8, rx=4, class_="track"),
        tag("rect", y=4, width=round(min(load, 1.0) * _WIDTH, 1), height=8, rx=4, class_="filled"),
        tag("rect", x=round(min(mark, _WIDTH - 2), 1), width=2, height=16, class_="mark-plan"),
        viewBox=f"0 0 {_WIDTH} 16",
        class_=f"bar load {tone}",
        aria_hidden="true",
    )
    return tag("p", drawing, tag("span", said), class_="loadline")
