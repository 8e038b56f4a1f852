"""Signing in and out, the language, and where the front leads."""

import asyncio

from aiohttp import web

from gateway.core.clock import Clock
from gateway.web.guard import local_path
from gateway.web.html import tag
from gateway.web.page import Page, Route, Visit
from gateway.web.passwords import LONGEST
from gateway.web.rates import Rate
from gateway.web.sessions import COOKIE, LANGUAGE_COOKIE, LONGEST_S, Door
from gateway.web.shell import form_token, show
from gateway.web.texts import LANGUAGES

_TRIES = 5
_TRY_EVERY_S = 60.0
_ALL_TRIES = 30
_ANY_TRY_EVERY_S = 10.0
_EVERYBODY = "*"


class Entry:
    """The door of the page.

    Args:
        door: Passwords and sessions.
        clock: For waiting times.
    """

    def __init__(self, door: Door, *, clock: Clock) -> None:
        self._door = door
        self._clock = clock
        self._tries = Rate(burst=_TRIES, per_s=1 / _TRY_EVERY_S)
        self._all_tries = Rate(burst=_ALL_TRIES, per_s=1 / _ANY_TRY_EVERY_S)
        self._one_at_a_time = asyncio.Lock()

    def page(self) -> Page:
        """Return its routes."""
        return Page(
            "entry",
            (
                Route("GET", "/", self._front),
                Route("GET", "/login", self._ask),
                Route("POST", "/login", self._sign_in),
                Route("POST", "/logout", self._sign_out),
                Route("POST", "/language", self._language),
            ),
        )

    async def _front(self, visit: Visit) -> web.StreamResponse:
        sites = visit.facts.sites()
        if any(page.name == "portfolio" for page in visit.pages):
            return _go("/portfolio")
        return _go(f"/site/{sites[0].id}") if sites else show(visit, "Kvarter", tag("p", visit.texts("site.none")))

    async def _ask(self, visit: Visit) -> web.StreamResponse:
        if not self._door.passwords.is_set or visit.has_password:
            return _go("/")
        return _form(visit, None, 200)

    async def _sign_in(self, visit: Visit) -> web.StreamResponse:
        visitor, now_s = visit.request.remote or "", self._clock.monotonic()
        if not (self._tries.allows(visitor, now_s=now_s) and self._all_tries.allows(_EVERYBODY, now_s=now_s)):
            waits = self._tries.wait_s(visitor, now_s=now_s), self._all_tries.wait_s(_EVERYBODY, now_s=now_s)
            wait = visit.texts("login.wait", seconds=round(max(1.0, *waits)))
            answer = _form(visit, wait, 429, target=str((await visit.request.post()).get("next", "/")))
            answer.headers["Retry-After"] = f"{max(1.0, *waits):.0f}"
            return answer
        form = await visit.request.post()
        password = str(form.get("password", ""))[:LONGEST]
        async with self._one_at_a_time:  # each takes 16 MiB and a tenth of a second of a core
            role = await asyncio.to_thread(self._door.passwords.role_of, password)
        if role is None:
            return _form(visit, visit.texts("login.wrong"), 401, target=str(form.get("next", "/")))
        self._tries.forgive(visitor)
        response = _go(local_path(str(form.get("next", "/"))))
        token = self._door.sessions.begin(role, now_s=self._clock.monotonic())
        secure = visit.request.secure
        response.set_cookie(COOKIE, token, httponly=True, samesite="Strict", secure=secure, max_age=round(LONGEST_S))
        return response

    async def _sign_out(self, visit: Visit) -> web.StreamResponse:
        self._door.sessions.end(visit.request.cookies.get(COOKIE))
        response = _go("/")
        response.del_cookie(COOKIE)
        return response

    async def _language(self, visit: Visit) -> web.StreamResponse:
        form = await visit.request.post()
        response = _go(local_path(str(form.get("next", "/"))))
        language = str(form.get("language", ""))
        if language in LANGUAGES:
            secure = visit.request.secure
            response.set_cookie(
                LANGUAGE_COOKIE, language, samesite="Strict", httponly=True, secure=secure, max_age=round(LONGEST_S)
            )
        return response


def _go(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path})


def _form(visit: Visit, complaint: str | None, status: int, *, target: str | None = None) -> web.Response:
    texts = visit.texts
    target = local_path(target or visit.request.query.get("next"))
    content = tag(
        "form",
        tag("h1", texts("login.title")),
        tag("p", complaint, class_="complaint", role="alert") if complaint else None,
        form_token(visit),
        tag("input", type="hidden", name="next", value=target),
        tag("label", texts("login.password"), for_="password"),
        tag(
            "input",
            type="password",
            id="password",
            name="password",
            autocomplete="current-password",
            required=True,
            autofocus=True,
        ),
        tag("button", texts("login.enter"), class_="button primary"),
        tag("p", texts("login.forgotten"), class_="quiet"),
        method="post",
        action="/login",
        class_="narrow card login",
    )
    return show(visit, texts("login.title"), content, status=status)
