"""The page of the past: any points over any time, as a drawing, a table or a file."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing

from aiohttp import web
from pydantic import TypeAdapter

from gateway.core.clock import Clock
from gateway.core.errors import SinkUnavailable
from gateway.web.facts import DeviceFacts, SiteFacts
from gateway.web.history_ask import MOST_POINTS, parse_ask, parse_range, parse_resolution, parse_site
from gateway.web.history_csv import header, parse_series
from gateway.web.history_read import Past
from gateway.web.history_rows import HistoryAnswer
from gateway.web.html import Markup, tag
from gateway.web.live import harden
from gateway.web.numbers import UNITS, label
from gateway.web.page import Page, Route, Visit
from gateway.web.shell import show
from gateway.web.static import address

SPANS: Mapping[str, int] = {"hour": 3600, "day": 86_400, "week": 604_800, "month": 2_592_000, "year": 31_536_000}
"""Stretches that one button shows, in seconds."""
_CSV = "text/csv; charset=utf-8; header=present"
_WORDS = (
    "reading", "nothing", "failed", "gap", "no_value", "mean", "least", "greatest", "week_before", "time", "table_of",
    "cut", "incomplete", "bar.quarter", "bar.hour", "bar.day", "bar.month", "raw", "bucket", "choose_more",
)  # fmt: skip
"""Texts that the script needs."""


class _HistoryPage:
    """Answers for the past.

    Args:
        clock: Tells where a stretch ends that does not say so.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answers = TypeAdapter(HistoryAnswer)

    def page(self) -> Page:
        """Return the page."""
        asks, needs = ("site", "start", "end", "resolution", "buckets", "weeks_back"), ("device", "points")
        summary = (
            "Points of one device over a stretch of time, at the resolution that a screen needs or as asked for; "
            "counters as what they counted. start and end: ISO 8601 or milliseconds since 1970 UTC"
        )
        files = "The same for several devices as CSV (series=device:point,...), readouts or buckets, with their status"
        routes = (
            Route("GET", "/site/{site}/history", self._show),
            Route("GET", "/api/v1/history", self._answer, summary=summary, gives=HistoryAnswer, asks=asks, needs=needs),
            Route(
                "GET",
                "/api/v1/history.csv",
                self._file,
                summary=files,
                gives=str,
                media="text/csv",
                needs=("series",),
                asks=("site", "start", "end", "resolution"),
                stream=True,
            ),
        )
        return Page("history", routes, path="/site/{site}/history")

    async def _answer(self, visit: Visit) -> web.StreamResponse:
        zones = {site.id: site.timezone for site in visit.facts.sites()}
        try:
            ask = parse_ask(visit.request.query, sites=zones, now_ms=self._clock.utc_ms())
        except ValueError as exc:
            return _refusal(exc)
        past = Past(visit.facts, visit.vocabulary, timezone=zones[ask.site], texts=visit.texts)
        found = await past.answer(ask)
        response = web.Response(body=self._answers.dump_json(found), content_type="application/json")
        response.enable_compression()
        return response

    async def _file(self, visit: Visit) -> web.StreamResponse:
        query = visit.request.query
        zones = {site.id: site.timezone for site in visit.facts.sites()}
        try:
            site = parse_site(query, zones)
            selections = parse_series(query.get("series", ""), most=MOST_POINTS)
            between = parse_range(query, timezone=zones[site], now_ms=self._clock.utc_ms())
            resolution_ms = parse_resolution(query) or 0
        except ValueError as exc:
            return _refusal(exc)
        past = Past(visit.facts, visit.vocabulary, timezone=zones[site], texts=visit.texts)
        async with aclosing(past.table(site, selections, between, resolution_ms=resolution_ms)) as pieces:
            # The first piece is read before anything is sent, so that a store that is away still makes a status.
            first = header(selections, visit.vocabulary, resolution_ms=resolution_ms) + await anext(pieces, "")
            return await _send_file(visit, f"{site}-history.csv", first, pieces)

    async def _show(self, visit: Visit) -> web.StreamResponse:
        site = _site(visit)
        devices = visit.facts.devices(site.id)
        texts = visit.texts
        facts = {
            "site": site.id,
            "timezone": site.timezone,
            "language": texts.language,
            "units": dict(UNITS),
            "words": {word: texts(f"history.{word}") for word in _WORDS},
            "names": {device.id: device.title for device in devices},
            "first": _first_points(devices),
        }
        return show(
            visit,
            f"{texts('history.title')} · {site.title}",
            tag("link", rel="stylesheet", href=address("history.css")),
            tag("div", tag("h1", texts("history.title")), class_="headline"),
            _controls(visit),
            tag(
                "section",
                tag("div", id="legend", class_="history-legend"),
                tag("div", id="panels", class_="history-panels", data_facts=json.dumps(facts)),
                tag("p", texts("history.reading"), id="said", class_="quiet", role="status", aria_live="polite"),
                tag("p", texts("history.keys"), class_="quiet history-keys", id="keys"),
                class_="card history-chart",
            ),
            tag(
                "details",
                tag("summary", texts("history.table")),
                tag("div", id="table", class_="scroll", tabindex=0, role="region", aria_label=texts("history.table")),
                class_="card history-table",
            ),
            _choice(visit, devices),
            tag("noscript", tag("p", texts("history.noscript"))),
            script="history.js",
        )


def history_page(clock: Clock) -> Page:
    """Return the page of the past."""
    return _HistoryPage(clock).page()


async def _send_file(visit: Visit, name: str, first: str, pieces: AsyncIterator[str]) -> web.StreamResponse:
    headers = {"Content-Type": _CSV, "Content-Disposition": f'attachment; filename="{name}"'}
    response = web.StreamResponse(headers=headers)
    harden(response, secure=visit.request.secure)
    await response.prepare(visit.request)
    try:
        await response.write(first.encode())
        async for piece in pieces:
            await response.write(piece.encode())
    except SinkUnavailable:
        # A file that is cut off must not look whole: without its last chunk the browser calls it failed.
        if visit.request.transport is not None:
            visit.request.transport.abort()
    except ConnectionResetError:
        return response
    return response


def _refusal(error: ValueError) -> web.Response:
    return web.json_response({"error": 400, "detail": str(error)}, status=400)


def _site(visit: Visit) -> SiteFacts:
    wanted = visit.argument("site")
    found = next((site for site in visit.facts.sites() if site.id == wanted), None)
    if found is None:
        raise web.HTTPNotFound
    return found


def _first_points(devices: Sequence[DeviceFacts]) -> list[str]:
    """Return what is shown where nothing was chosen: the story of the first device that has one."""
    for device in devices:
        if device.main_points:
            return [f"{device.id}:{point}" for point in device.main_points[:3]]
    return [f"{device.id}:{point.name}" for device in devices[:1] for point in device.points[:3]]


def _controls(visit: Visit) -> Markup:
    texts = visit.texts
    spans = [
        tag("button", texts(f"history.span.{name}"), type="button", data_span=seconds, aria_pressed="false")
        for name, seconds in SPANS.items()
    ]
    moves = [
        tag("button", sign, type="button", data_move=name, aria_label=texts(f"history.{name}"))
        for name, sign in (("earlier", "\u2039"), ("later", "\u203a"), ("closer", "+"), ("farther", "\u2212"))
    ]
    moves.append(tag("button", texts("history.now"), type="button", data_move="now"))
    ends = [
        tag("label", tag("span", texts(f"history.{name}")), tag("input", type="datetime-local", id=name, step=60))
        for name in ("from", "to")
    ]
    compare = tag(
        "label", tag("input", type="checkbox", id="compare"), texts("history.compare"), class_="history-check"
    )
    files = (
        tag("a", texts("history.csv"), id="csv", class_="button", href="#", download=True),
        tag("button", texts("history.png"), type="button", id="png"),
    )
    return tag(
        "div",
        tag("div", spans, role="group", aria_label=texts("history.span"), class_="history-group"),
        tag("div", moves, role="group", aria_label=texts("history.move"), class_="history-group"),
        tag("form", ends, tag("button", texts("history.go")), id="range", class_="history-range"),
        compare,
        tag("div", files, class_="history-files"),
        class_="card history-controls",
    )


def _choice(visit: Visit, devices: Sequence[DeviceFacts]) -> Markup:
    groups = []
    for device in devices:
        boxes = [
            tag(
                "label",
                tag("input", type="checkbox", name="series", value=f"{device.id}:{point.name}"),
                tag("span", label(point.name, visit.vocabulary, visit.texts)),
                tag("span", UNITS.get(point.unit, point.unit), class_="quiet"),
            )
            for point in device.points
        ]
        groups.append(
            tag(
                "details",
                tag("summary", device.title),
                tag("div", boxes, class_="history-points"),
                data_device=device.id,
            )
        )
    return tag("section", tag("h2", visit.texts("history.points")), groups, id="choice", class_="card history-choice")
