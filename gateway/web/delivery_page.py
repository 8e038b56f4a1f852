"""The page of the delivery: what waits, what is confirmed stored, clock, disk and version."""

from aiohttp import web

from gateway.web.facts import DeliveryFacts, DestinationFacts
from gateway.web.html import Markup, join, tag
from gateway.web.live import Changed, Fresh, keep_fresh
from gateway.web.numbers import age, local_time, number, share, size
from gateway.web.page import Page, Route, Visit
from gateway.web.parts import cells, facts_list, table, troubles_of
from gateway.web.shell import show
from gateway.web.site_page import site_of

_CLOCK = {True: ("right", "good"), False: ("wrong", "bad"), None: ("unknown", "idle")}


def delivery_page() -> Page:
    """Return the page."""
    routes = (
        Route("GET", "/site/{site}/delivery", _show),
        Route("GET", "/live/site/{site}/delivery", _live, stream=True),
    )
    return Page("delivery", routes, path="/site/{site}/delivery")


async def _show(visit: Visit) -> web.StreamResponse:
    site, title = site_of(visit), visit.texts("nav.delivery")
    head = tag("div", tag("h1", title), tag("p", visit.texts("delivery.intro"), class_="quiet"), class_="headline")
    content = tag("div", _content(visit, site.id, site.timezone), data_f="delivery")
    return show(visit, title, head, content, live=f"/live/site/{site.id}/delivery")


async def _live(visit: Visit) -> web.StreamResponse:
    site = site_of(visit)

    def fresh(visit: Visit, _: Changed | None) -> Fresh:
        return Fresh({"delivery": _content(visit, site.id, site.timezone)})

    return await keep_fresh(visit, fresh)


def _content(visit: Visit, site: str, timezone: str) -> Markup:
    delivery = visit.facts.delivery(site)
    if delivery is None:
        return tag("p", visit.texts("delivery.elsewhere"))
    found = next((each for each in visit.facts.sites() if each.id == site), None)
    servers = [_server(visit, each, delivery, timezone) for each in delivery.destinations]
    return join(
        told(visit, delivery, timezone),
        troubles_of(visit, found.troubles) if found else None,
        tag("div", servers, _machine(visit, delivery, timezone), class_="columns"),
        tag("section", _counters(visit, delivery), class_="card"),
    )


def told(visit: Visit, delivery: DeliveryFacts | None, timezone: str) -> Markup | None:
    """Return when the gateway said so, None where it is this one."""
    if delivery is None or delivery.told_ms is None:
        return None
    return tag("p", visit.texts("delivery.told", time=local_time(delivery.told_ms, timezone)), class_="quiet")


def _server(visit: Visit, server: DestinationFacts, delivery: DeliveryFacts, timezone: str) -> Markup:
    texts, language = visit.texts, visit.texts.language
    oldest = None
    if server.oldest_ms is not None:
        waited_s = max(0.0, (delivery.now_ms - server.oldest_ms) / 1000)
        oldest = f"{local_time(server.oldest_ms, timezone)} ({age(waited_s, texts)})"
    used = server.size_bytes / server.capacity_bytes if server.capacity_bytes else None
    name = texts(f"server.{server.name}") if texts.has(f"server.{server.name}") else server.name
    return tag(
        "section",
        tag("h2", name),
        tag("p", tag("span", number(server.confirmed, 0, language), class_="value"), class_="large tight"),
        tag("p", texts("delivery.confirmed"), class_="quiet"),
        facts_list(
            (texts("delivery.waiting"), number(server.waiting, 0, language)),
            (texts("delivery.oldest"), oldest or texts("delivery.nothing")),
            (texts("delivery.receipts"), number(server.receipts, 0, language)),
            (texts("delivery.resent"), number(server.resent, 0, language)),
            (texts("delivery.failures"), number(server.failures, 0, language)),
            (texts("delivery.room"), f"{share(used, language)} / {size(server.capacity_bytes, language)}"),
            (texts("delivery.lost"), number(server.lost, 0, language)),
            (texts("delivery.thinned"), number(server.thinned, 0, language)),
        ),
        class_="card",
    )


def _machine(visit: Visit, delivery: DeliveryFacts, timezone: str) -> Markup:
    texts, language = visit.texts, visit.texts.language
    word, tone = _CLOCK[delivery.synchronised]
    clock = tag("span", texts(f"delivery.clock_{word}"), class_=f"pill {tone}")
    disk = f"{size(delivery.disk_free_bytes, language)} / {size(delivery.disk_size_bytes, language)}"
    return tag(
        "section",
        tag("h2", texts("delivery.machine")),
        facts_list(
            (texts("delivery.clock"), clock),
            (texts("delivery.disk"), disk),
            (texts("delivery.version"), delivery.version),
            (texts("delivery.started"), local_time(delivery.started_ms, timezone)),
            (texts("delivery.readouts"), number(delivery.readouts, 0, language)),
            (texts("delivery.gaps"), number(delivery.gaps, 0, language)),
        ),
        class_="card",
    )


def _counters(visit: Visit, delivery: DeliveryFacts) -> Markup:
    texts = visit.texts
    caption = texts("delivery.counters")
    if not delivery.counters:
        return join(tag("h2", caption), tag("p", texts("delivery.no_counters"), class_="quiet"))
    rows = [
        cells(texts(f"counter.{name}") if texts.has(f"counter.{name}") else name.replace("_", " "), count)
        for name, count in delivery.counters.items()
    ]
    return table(caption, [texts("delivery.kind"), f"{texts('delivery.count')} #"], rows)
