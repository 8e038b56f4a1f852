"""Keeps an open page fresh: what changed goes to the browser as a server-sent event, at most once a second."""

import json
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from aiohttp import web

from gateway.web import guard
from gateway.web.html import Markup
from gateway.web.page import Visit

_RETRY_MS = 3000
"""A browser that lost the connection comes back after this time."""

Changed = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Fresh:
    """What a page shows now."""

    fragments: Mapping[str, Markup]
    """Content of the elements with that `data-f`."""
    ages_s: Mapping[str, float | None] = field(default_factory=dict)
    """Seconds since what the elements with that `data-age` tell of; the browser counts on."""


Draw = Callable[[Visit, Changed | None], Fresh]
"""Returns what may have changed; everything where nobody says what did."""


async def keep_fresh(visit: Visit, draw: Draw) -> web.StreamResponse:
    """Send what `draw` gives, each fragment only when it is another than before, until the browser leaves."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    harden(response, secure=visit.request.secure)
    await response.prepare(visit.request)
    sent: dict[str, int] = {}
    try:
        await response.write(f"retry: {_RETRY_MS}\n\n".encode())
        await response.write(_event(draw(visit, None), sent))
        async with aclosing(visit.facts.watch()) as changes:
            async for changed in changes:
                await response.write(_event(draw(visit, changed), sent))
    except ConnectionResetError:
        return response
    return response


def harden(response: web.StreamResponse, *, secure: bool) -> None:
    """Give an answer the headers that keep a browser from being fooled."""
    for name, value in guard.HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    if secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"


def _event(fresh: Fresh, sent: dict[str, int]) -> bytes:
    """Return the event with the fragments that changed; an event without any says that all is well."""
    news = {key: html for key, html in fresh.fragments.items() if sent.get(key) != hash(html)}
    sent.update({key: hash(html) for key, html in news.items()})
    ages = {key: None if age_s is None else round(age_s, 1) for key, age_s in fresh.ages_s.items()}
    return b"data: " + json.dumps({"f": news, "a": ages}, separators=(",", ":")).encode() + b"\n\n"
