"""The one server of the page: checks each request, then hands it to the page that answers it."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Middleware
from yarl import URL

from gateway.core.clock import Clock
from gateway.core.errors import SinkUnavailable
from gateway.core.quantity import Vocabulary
from gateway.web import guard
from gateway.web.entry_page import Entry
from gateway.web.facts import Facts
from gateway.web.knock import Knock
from gateway.web.live import harden
from gateway.web.page import Page, Route, Visit
from gateway.web.passwords import Passwords
from gateway.web.sessions import COOKIE, LANGUAGE_COOKIE, Door, Session, Sessions
from gateway.web.shell import problem
from gateway.web.static import Static
from gateway.web.texts import choose, load_texts

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 1_048_576
MOST_STREAMS = 40
"""Pages that are kept fresh at the same time."""
_OPEN = frozenset({"/login", "/language"})
"""Paths that need no session."""

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the server stands on."""

    facts: Facts
    vocabulary: Vocabulary
    clock: Clock
    random: Random
    """Draws tokens; must be unpredictable."""
    names: frozenset[str] = frozenset()
    """Host names under which this machine is known, in lower case."""


class Application:
    """The page as one aiohttp application.

    Args:
        surroundings: What it stands on.
        passwords: Who may sign in; where none is set everybody here is a manager, since nobody else can reach it.
        pages: In the order of the navigation.
    """

    def __init__(self, surroundings: Surroundings, passwords: Passwords, pages: Sequence[Page]) -> None:
        self._surroundings = surroundings
        sessions = Sessions(surroundings.random)
        now_s = surroundings.clock.monotonic()
        self.door = Door(passwords, sessions, Session("manager", sessions.token(), now_s, now_s))
        self._knock = Knock(passwords, surroundings.clock)
        self.pages = (*pages, Entry(self.door, self._knock, clock=surroundings.clock).page())
        self._static = Static()

    def make(self) -> web.Application:
        """Return the application."""
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[self._middleware()])
        app.router.add_get("/static/{name}", self._static.answer)
        for page in self.pages:
            for route in page.routes:
                app.router.add_route(route.method, route.path, self._guarded(route))
        return app

    def _middleware(self) -> Middleware:
        @web.middleware
        async def around(request: web.Request, handler: Answer) -> web.StreamResponse:
            return await self._around(request, handler)

        return around

    async def _around(self, request: web.Request, handler: Answer) -> web.StreamResponse:
        """Look at Host and rate, and give every answer its headers."""
        response = self._turned_away(request)
        if response is None:
            try:
                response = await handler(request)
            except web.HTTPException as exc:
                response = exc if exc.status < 400 else self._explained(request, exc.status)  # noqa: PLR2004
            except SinkUnavailable as exc:
                log.warning("page: %s", exc)
                response = self._explained(request, 503)
        if not response.prepared:
            harden(response, secure=request.secure)
        return response

    def _turned_away(self, request: web.Request) -> web.StreamResponse | None:
        names = self._surroundings.names | {"localhost"}
        if not guard.is_our_host(request.host, names=names, own_address=_own_address(request)):
            return web.Response(status=421, text="This name does not belong to this machine: add it to web.names.\n")
        now_s = self._surroundings.clock.monotonic()
        if not self.door.asks.allows(request.remote or "", now_s=now_s):
            if _is_for_programs(request.path):
                return web.json_response({"error": 429}, status=429, headers={"Retry-After": "1"})
            return web.Response(status=429, text="Too many requests.\n", headers={"Retry-After": "1"})
        return None

    def _guarded(self, route: Route) -> Answer:
        async def answer(request: web.Request) -> web.StreamResponse:
            session = self._session(request) or await self._program(request)
            if session is None and route.path not in _OPEN:
                return _to_sign_in(request)
            visit = self._visit(request, session)
            if route.role == "manager" and visit.role != "manager":
                return self._explained(request, 403)
            if request.method not in guard.SAFE_METHODS and not await _is_meant(visit):
                return self._explained(request, 403)
            return await (self._streamed(route, visit) if route.stream else route.answer(visit))

        return answer

    async def _streamed(self, route: Route, visit: Visit) -> web.StreamResponse:
        if self.door.streams >= MOST_STREAMS:
            return web.json_response({"error": 503}, status=503, headers={"Retry-After": "60"})
        self.door.streams += 1
        try:
            return await route.answer(visit)
        finally:
            self.door.streams -= 1

    def _session(self, request: web.Request) -> Session | None:
        if not self.door.passwords.is_set:
            return self.door.everybody
        now_s = self._surroundings.clock.monotonic()
        return self.door.sessions.find(request.cookies.get(COOKIE), now_s=now_s)

    async def _program(self, request: web.Request) -> Session | None:
        """Return who asks with a password in its request, as Prometheus does; it may read, and nothing else."""
        header = request.headers.get("Authorization")
        if header is None or request.method not in guard.SAFE_METHODS or not _is_for_programs(request.path):
            return None
        role = await self._knock.program(request.remote or "", header)
        return None if role is None else Session(role, self.door.sessions.token(), 0.0, 0.0)

    def _visit(self, request: web.Request, session: Session | None) -> Visit:
        language = choose(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("Accept-Language", ""))
        found = session or Session("viewer", self.door.everybody.csrf, 0.0, 0.0)
        return Visit(
            request,
            self._surroundings.facts,
            self._surroundings.vocabulary,
            load_texts()[language],
            found.role,
            found.csrf,
            self.pages if session else (),
            has_password=session is not None and self.door.passwords.is_set,
        )

    def _explained(self, request: web.Request, status: int) -> web.StreamResponse:
        """Return an error in words, as a page or as JSON."""
        if request.path.startswith("/api/"):
            return web.json_response({"error": status}, status=status)
        return problem(self._visit(request, self._session(request)), status)


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int, *, tls: object = None) -> AsyncIterator[int]:
    """Serve for the block and yield the port, which is drawn where 0 was asked for.

    Raises:
        OSError: the address is taken or not ours.
    """
    # A stream ends when its browser leaves, not when there is something to send again.
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=1.0,
        handle_signals=False,
        handler_cancellation=True,
        logger=_Strangers(log, {}),
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=tls)  # type: ignore[arg-type]
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


class _Strangers(logging.LoggerAdapter[logging.Logger]):
    """The log of the server, in which bytes that are no request leave no traceback: anybody can send them."""

    def exception(self, msg: object, *args: object, exc_info: object = True, **more: Any) -> None:  # noqa: ANN401 - as the library has it
        if isinstance(exc_info, HttpProcessingError):
            self.debug(msg, *args)
            return
        super().exception(msg, *args, exc_info=exc_info, **more)  # type: ignore[arg-type]


async def _is_meant(visit: Visit) -> bool:
    """Return whether a request that changes something comes from our own page: origin and token are right."""
    request = visit.request
    if not guard.is_our_origin(request.headers.get("Origin"), host=request.host, secure=request.secure):
        return False
    given = request.headers.get("X-CSRF-Token")
    if given is None and request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        field_ = (await request.post()).get("csrf")
        given = field_ if isinstance(field_, str) else None
    return guard.is_token_right(given, visit.csrf)


def _is_for_programs(path: str) -> bool:
    return path == "/metrics" or path.startswith("/api/")


def _to_sign_in(request: web.Request) -> web.StreamResponse:
    if request.path.startswith(("/api/", "/live/", "/metrics")) or request.method != "GET":
        return web.json_response({"error": 401}, status=401)
    target = guard.local_path(request.path_qs)
    return web.Response(status=303, headers={"Location": str(URL("/login").with_query(next=target))})


def _own_address(request: web.Request) -> str:
    place = request.transport.get_extra_info("sockname") if request.transport else None
    return str(place[0]) if place else ""
