"""What surrounds every page: head, navigation, languages, foot."""

from aiohttp import web

from gateway.web.facts import SiteFacts
from gateway.web.html import Child, Markup, document, join, tag
from gateway.web.page import Page, Visit
from gateway.web.static import address
from gateway.web.texts import LANGUAGE_NAMES, LANGUAGES


def show(
    visit: Visit, title: str, *content: Child, script: str | None = None, status: int = 200, live: str | None = None
) -> web.Response:
    """Return a page.

    Args:
        visit: Who asks.
        title: Plain text, for the window.
        content: Of the main part; the page brings its own `h1`.
        script: Name of a module in `static`, beside the one that every page has.
        status: Of the answer.
        live: Path of the events that keep the page fresh.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="csrf", content=visit.csrf),
        tag("title", f"{title} · Kvarter"),
        tag("link", rel="icon", href=address("icon.svg"), type="image/svg+xml"),
        tag("link", rel="stylesheet", href=address("style.css")),
        tag("script", src=address("page.js"), type="module"),
        tag("script", src=address(script), type="module") if script else None,
    )
    site = _site_in_view(visit)
    body = tag(
        "body",
        tag("a", visit.texts("shell.skip"), class_="skip", href="#main"),
        _header(visit, site),
        tag("div", id="stale", class_="banner", role="status", hidden=True, data_text=visit.texts("shell.stale")),
        tag("main", *content, id="main", tabindex=-1),
        _footer(visit),
        data_live=live,
        data_ago=visit.texts("shell.ago"),
    )
    page = document(visit.texts.language, head, body)
    response = web.Response(text=page, content_type="text/html", status=status)
    response.enable_compression()
    return response


def problem(visit: Visit, status: int) -> web.Response:
    """Return a page that says what went wrong and what to do."""
    key = f"problem.{status}" if visit.texts.has(f"problem.{status}") else "problem.other"
    heading = visit.texts(f"{key}.title")
    text = tag("p", visit.texts(key))
    back = tag("p", tag("a", visit.texts("problem.back"), href="/", class_="button"))
    return show(visit, heading, tag("section", tag("h1", heading), text, back, class_="narrow"), status=status)


def _site_in_view(visit: Visit) -> SiteFacts | None:
    if not visit.pages:
        return None
    sites = visit.facts.sites()
    wanted = visit.request.match_info.get("site")
    if wanted is None and len(sites) == 1:
        return sites[0]
    return next((site for site in sites if site.id == wanted), None)


def _header(visit: Visit, site: SiteFacts | None) -> Markup:
    links = [_link(visit, page, site) for page in visit.pages]
    return tag(
        "header",
        tag("a", _mark(), tag("span", "Kvarter"), class_="brand", href="/"),
        tag("span", site.title, class_="where") if site else None,
        tag("nav", tag("ul", links), aria_label=visit.texts("shell.navigation")) if any(links) else None,
        class_="top",
    )


def _mark() -> Markup:
    """Return the sign of Kvarter: a square of four quarters, one of them full."""
    return tag(
        "svg",
        tag("rect", x=1, y=1, width=18, height=18, rx=4, class_="mark-frame"),
        tag("path", d="M10 1 h5 a4 4 0 0 1 4 4 v5 h-9 z", class_="mark-quarter"),
        viewBox="0 0 20 20",
        aria_hidden="true",
        class_="mark",
    )


def _link(visit: Visit, page: Page, site: SiteFacts | None) -> Markup | None:
    if page.path is None or (page.role == "manager" and visit.role != "manager"):
        return None
    if "{site}" in page.path and site is None:
        return None
    path = page.path.format(site=site.id if site else "")
    here = visit.request.path == path
    return tag("li", tag("a", visit.texts(f"nav.{page.name}"), href=path, aria_current="page" if here else None))


def _footer(visit: Visit) -> Markup:
    here = visit.request.path_qs
    choices = [
        tag(
            "button",
            LANGUAGE_NAMES[each],
            name="language",
            value=each,
            lang=each,
            disabled=each == visit.texts.language,
        )
        for each in LANGUAGES
    ]
    languages = tag(
        "form",
        _hidden("csrf", visit.csrf),
        _hidden("next", here),
        tag("div", choices, role="group", aria_label=visit.texts("shell.languages")),
        method="post",
        action="/language",
        class_="languages",
    )
    leave = tag(
        "form",
        _hidden("csrf", visit.csrf),
        tag("button", visit.texts("shell.leave")),
        method="post",
        action="/logout",
    )
    return tag("footer", languages, leave if visit.has_password else None, class_="foot")


def _hidden(name: str, value: str) -> Markup:
    return tag("input", type="hidden", name=name, value=value)


def form_token(visit: Visit) -> Markup:
    """Return the field that every form needs to be taken."""
    return join(_hidden("csrf", visit.csrf))
