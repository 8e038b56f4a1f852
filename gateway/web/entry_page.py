"""Signing in and out, the language, and where the front leads."""

from aiohttp import web

from gateway.core.clock import Clock
from gateway.web.guard import local_path
from gateway.web.html import tag
from gateway.web.knock import Knock
from gateway.web.page import Page, Route, Visit
from gateway.web.sessions import COOKIE, LANGUAGE_COOKIE, LONGEST_S, Door
from gateway.web.shell import form_token, show
from gateway.web.texts import LANGUAGES


class Entry:
    """The door of the page.

    Args:
        door: Passwords and sessions.
        knock: Tries passwords.
        clock: For the age of sessions.
    """

    def __init__(self, door: Door, knock: Knock, *, clock: Clock) -> None:
        self._door = door
        self._knock = knock
        self._clock = clock

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
        visitor, form = visit.request.remote or "", await visit.request.post()
        if not self._knock.may_try(visitor):
            wait_s = self._knock.wait_s(visitor)
            wait = visit.texts("login.wait", seconds=round(wait_s))
            answer = _form(visit, wait, 429, target=str(form.get("next", "/")))
            answer.headers["Retry-After"] = f"{wait_s:.0f}"
            return answer
        role = await self._knock.role_of(visitor, str(form.get("password", "")))
        if role is None:
            return _form(visit, visit.texts("login.wrong"), 401, target=str(form.get("next", "/")))
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
