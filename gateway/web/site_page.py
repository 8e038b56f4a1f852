"""The page of a site: one card for each device, and where the energy goes."""

from collections.abc import Sequence

from aiohttp import web

from gateway.web.facts import DeviceFacts, SiteFacts
from gateway.web.flow import flow_of
from gateway.web.flow_drawing import draw
from gateway.web.html import Markup, join, tag
from gateway.web.icons import icon
from gateway.web.live import Changed, Fresh, keep_fresh
from gateway.web.numbers import label
from gateway.web.page import Page, Route, Visit
from gateway.web.parts import aged_ago, completeness_of, facts_list, state_pill, troubles_of, value_of
from gateway.web.shell import show

_SECONDARY = 3
"""Values beside the first one on a card."""


def site_page() -> Page:
    """Return the page."""
    routes = (
        Route("GET", "/site/{site}", _show),
        Route("GET", "/live/site/{site}", _live, stream=True),
    )
    return Page("site", routes, path="/site/{site}")


def site_of(visit: Visit) -> SiteFacts:
    """Return the site that the path names.

    Raises:
        HTTPNotFound: there is none.
    """
    wanted = visit.argument("site")
    found = next((site for site in visit.facts.sites() if site.id == wanted), None)
    if found is None:
        raise web.HTTPNotFound
    return found


async def _show(visit: Visit) -> web.StreamResponse:
    site = site_of(visit)
    devices = visit.facts.devices(site.id)
    flow = _flow(visit, devices)
    head = tag("div", tag("h1", site.title), tag("div", _summary(visit, site), data_f="summary"), class_="headline")
    cards = tag("ul", [_card(visit, device) for device in devices], class_="cards")
    content = [
        tag("section", tag("h2", visit.texts("flow.title")), tag("div", flow, data_f="flow"), class_="card flow-card")
        if flow
        else None,
        tag("section", tag("h2", visit.texts("site.devices"), class_="outside"), cards, class_="devices"),
    ]
    return show(visit, site.title, head, tag("div", content, class_="split"), live=f"/live/site/{site.id}")


async def _live(visit: Visit) -> web.StreamResponse:
    site = site_of(visit)
    return await keep_fresh(visit, lambda visit, changed: _fresh(visit, site.id, changed))


def _fresh(visit: Visit, site_id: str, changed: Changed | None) -> Fresh:
    concerned = None if changed is None else {device for site, device in changed if site == site_id}
    if concerned is not None and not concerned:
        return Fresh({})
    devices = visit.facts.devices(site_id)
    fragments: dict[str, Markup] = {}
    ages: dict[str, float | None] = {}
    for device in devices:
        if concerned is None or device.id in concerned:
            fragments[f"card-{device.id}"] = _story(visit, device)
            ages[device.id] = device.age_s
    flow = _flow(visit, devices)
    if flow is not None:
        fragments["flow"] = flow
    found = next((site for site in visit.facts.sites() if site.id == site_id), None)
    if found is not None:
        fragments["summary"] = _summary(visit, found)
    return Fresh(fragments, ages)


def _flow(visit: Visit, devices: Sequence[DeviceFacts]) -> Markup | None:
    flow = flow_of(devices)
    return None if flow is None else draw(flow, visit.texts)


def _summary(visit: Visit, site: SiteFacts) -> Markup:
    answering = site.devices - len(site.silent)
    pill = tag(
        "span",
        visit.texts("site.answering", answering=answering, devices=site.devices),
        class_=f"pill {'bad' if site.silent else 'good'}",
    )
    delivery = visit.facts.delivery(site.id)
    waiting = delivery.destinations[0].waiting if delivery and delivery.destinations else None
    facts = facts_list(
        (visit.texts("site.today"), completeness_of(visit, site.completeness)),
        (visit.texts("delivery.waiting"), None if waiting is None else str(waiting)),
    )
    return join(tag("div", pill, facts, class_="summary"), troubles_of(visit, site.troubles))


def _card(visit: Visit, device: DeviceFacts) -> Markup:
    path = f"/site/{device.site}/device/{device.id}"
    title = tag("h3", icon(device.profile.kind), tag("a", device.title, href=path))
    kind = visit.texts(f"kind.{device.profile.kind}")
    subtitle = tag("p", f"{kind} · {device.profile.maker} {device.profile.model}", class_="quiet")
    return tag(
        "li",
        tag("article", title, subtitle, tag("div", _story(visit, device), data_f=f"card-{device.id}"), class_="card"),
    )


def _story(visit: Visit, device: DeviceFacts) -> Markup:
    """Return how a device is: everything on its card that changes."""
    mains = [point for name in device.main_points if (point := device.point(name)) is not None]
    first, others = (mains[0], mains[1 : _SECONDARY + 1]) if mains else (None, [])
    large = tag(
        "p",
        value_of(visit, first),
        tag("span", label(first.name, visit.vocabulary, visit.texts), class_="quiet") if first else None,
        class_="large",
    )
    small = facts_list(*((label(p.name, visit.vocabulary, visit.texts), value_of(visit, p)) for p in others))
    foot = tag(
        "p",
        state_pill(visit, device),
        aged_ago(visit, device.id, device.age_s),
        completeness_of(visit, device.completeness, on_card=True),
        class_="foot-line",
    )
    return join(large, small if others else None, troubles_of(visit, device.troubles), foot)
