"""The JSON API: the facts behind the page, as they are."""

from typing import Any

from aiohttp import web
from pydantic import TypeAdapter

from gateway import __version__
from gateway.web.facts import BusFacts, DeliveryFacts, DeviceFacts, EventFacts, SiteFacts
from gateway.web.openapi import describe
from gateway.web.page import Page, Route, Visit

_MOST_EVENTS = 1000


def api_page() -> Page:
    """Return its routes; it is not in the navigation."""
    site = "/api/v1/sites/{site}"
    routes = (
        Route("GET", "/api/v1/sites", _sites, summary="All sites", gives=list[SiteFacts]),
        Route("GET", f"{site}/devices", _devices, summary="The devices of a site", gives=list[DeviceFacts]),
        Route("GET", f"{site}/devices/{{device}}", _device, summary="One device", gives=DeviceFacts),
        Route("GET", f"{site}/buses", _buses, summary="The buses of a site", gives=list[BusFacts]),
        Route("GET", f"{site}/delivery", _delivery, summary="How readouts are delivered", gives=DeliveryFacts),
        Route(
            "GET",
            f"{site}/events",
            _events,
            summary="The newest events",
            gives=list[EventFacts],
            asks=("device", "limit"),
        ),
        Route("GET", "/api/v1/openapi.json", _description, summary="This description", gives=dict[str, object]),
    )
    return Page("api", routes)


def as_json(kind: Any, value: object) -> web.Response:  # noqa: ANN401 - any type has a JSON form
    """Return a value as JSON."""
    body = TypeAdapter[Any](kind).dump_json(value)
    response = web.Response(body=body, content_type="application/json", charset="utf-8")
    response.enable_compression()
    return response


async def _sites(visit: Visit) -> web.StreamResponse:
    return as_json(list[SiteFacts], list(visit.facts.sites()))


async def _devices(visit: Visit) -> web.StreamResponse:
    return as_json(list[DeviceFacts], list(visit.facts.devices(_known_site(visit))))


async def _device(visit: Visit) -> web.StreamResponse:
    found = visit.facts.device(_known_site(visit), visit.argument("device"))
    if found is None:
        raise web.HTTPNotFound
    return as_json(DeviceFacts, found)


async def _buses(visit: Visit) -> web.StreamResponse:
    return as_json(list[BusFacts], list(visit.facts.buses(_known_site(visit))))


async def _delivery(visit: Visit) -> web.StreamResponse:
    found = visit.facts.delivery(_known_site(visit))
    if found is None:
        raise web.HTTPNotFound
    return as_json(DeliveryFacts, found)


async def _events(visit: Visit) -> web.StreamResponse:
    asked = visit.request.query.get("limit", "100")
    if not asked.isdecimal() or not 1 <= int(asked) <= _MOST_EVENTS:
        raise web.HTTPBadRequest
    found = await visit.facts.events(_known_site(visit), visit.request.query.get("device"), limit=int(asked))
    return as_json(list[EventFacts], list(found))


async def _description(visit: Visit) -> web.StreamResponse:
    routes = [route for page in visit.pages for route in page.routes]
    return web.json_response(describe(routes, version=__version__))


def _known_site(visit: Visit) -> str:
    """Return the site that the path names.

    Raises:
        HTTPNotFound: there is none.
    """
    wanted = visit.argument("site")
    if wanted not in {site.id for site in visit.facts.sites()}:
        raise web.HTTPNotFound
    return wanted
