"""The commissioning page: scan, pick, name, see it live, check against the display, report."""

import json
from collections.abc import Sequence
from typing import get_args

from aiohttp import web

from gateway.core.errors import ConfigError
from gateway.core.sentences import say
from gateway.web.commissioning_parts import (
    add_form,
    checks_of,
    complaint,
    devices_of,
    display_pill,
    found_form,
    reading_of,
    report_form,
    reports_of,
    scan_form,
)
from gateway.web.commissioning_seam import BenchError, Pick, ScanProgress, Suffix, Wish, Workbench
from gateway.web.html import Markup, join, tag
from gateway.web.live import harden
from gateway.web.page import Page, Route, Visit
from gateway.web.shell import show
from gateway.web.static import address

_TYPES = {"html": "text/html", "pdf": "application/pdf", "json": "application/json"}
_CHOICES = ("profile", "label", "role", "ct_ratio", "vt_ratio", "pulse_weight")
_MOST = 500
_HERE = "/site/{site}/commissioning"


def commissioning_page(bench: Workbench) -> Page:
    """Return the page; only a manager sees it."""
    desk = _Desk(bench)
    routes = (
        Route("GET", _HERE, desk.show, role="manager"),
        Route("POST", f"{_HERE}/scan", desk.scan, role="manager", stream=True),
        Route("POST", f"{_HERE}/devices", desk.add, role="manager"),
        Route("GET", f"{_HERE}/device/{{device}}", desk.read, role="manager"),
        Route("POST", f"{_HERE}/device/{{device}}", desk.check, role="manager"),
        Route("POST", f"{_HERE}/reports", desk.seal, role="manager"),
        Route("GET", f"{_HERE}/report/{{name}}/{{suffix}}", desk.file, role="manager"),
    )
    return Page("commissioning", routes, path=_HERE, role="manager")


class _Desk:
    """Answers for the page.

    Args:
        bench: Does the work.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Return the page."""
        self._here(visit)
        return self._page(visit)

    async def scan(self, visit: Visit) -> web.StreamResponse:
        """Scan while the browser listens: one line of JSON for each step; the scan stops when it leaves."""
        self._here(visit)
        form = await visit.request.post()
        wish = Wish(
            port=str(form.get("port", "")),
            units=str(form.get("units", "")),
            mbus="mbus" in form,
            insist="insist" in form,
        )
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson; charset=utf-8"})
        harden(response, secure=visit.request.secure)
        await response.prepare(visit.request)

        async def tell(progress: ScanProgress) -> None:
            await response.write(_step(visit, self._bench, progress))

        try:
            await self._bench.scan(wish, tell)
        except* ConnectionResetError:
            pass
        except* ConfigError as group:
            html = complaint("\n".join(_why(visit, each) for each in group.exceptions))
            await response.write(json.dumps({"finished": True, "html": html}).encode() + b"\n")
        return response

    async def add(self, visit: Visit) -> web.StreamResponse:
        """Write what was picked into the site file."""
        self._here(visit)
        form = {key: str(value) for key, value in (await visit.request.post()).items()}
        picks = [
            Pick(
                number,
                form.get(f"id-{number}", "").strip(),
                {key: form[f"{key}-{number}"] for key in _CHOICES if form.get(f"{key}-{number}", "").strip()},
            )
            for number in range(_MOST)
            if f"pick-{number}" in form
        ]
        try:
            added = await self._bench.add(picks)
        except ConfigError as exc:
            return self._page(visit, trouble=_why(visit, exc), status=422)
        if added.left_out:
            return self._page(visit, trouble="\n".join(added.left_out), status=200 if added.added else 422)
        return _go(visit, "devices")

    async def read(self, visit: Visit) -> web.StreamResponse:
        """Return a device as it is now, as a part of the page."""
        self._here(visit)
        try:
            return _part(reading_of(visit, await self._bench.read(visit.argument("device"))))
        except ConfigError as exc:
            return _part(complaint(_why(visit, exc)), status=404)

    async def check(self, visit: Visit) -> web.StreamResponse:
        """Compare one point with the display; return all comparisons of the device, as a part of the page."""
        self._here(visit)
        name, form = visit.argument("device"), await visit.request.post()
        try:
            await self._bench.check(name, str(form.get("point", "")), str(form.get("shown", "")))
            installed = next((each for each in self._bench.devices() if each.id == name), None)
        except ConfigError as exc:
            return _part(complaint(_why(visit, exc)), status=422)
        checked = installed.checked if installed else ()
        return _part(join(checks_of(visit, checked), tag("template", display_pill(visit, checked))))

    async def seal(self, visit: Visit) -> web.StreamResponse:
        """Read everything once more and keep the record."""
        self._here(visit)
        form = await visit.request.post()
        try:
            await self._bench.report(str(form.get("by", "")), str(form.get("remark", "")))
        except ConfigError as exc:
            return self._page(visit, trouble=_why(visit, exc), status=422)
        return _go(visit, "reports")

    async def file(self, visit: Visit) -> web.StreamResponse:
        """Return a file of a report; HTML is shown, the others are saved.

        Raises:
            HTTPNotFound: there is none.
        """
        self._here(visit)
        suffix = _suffix(visit.argument("suffix"))
        try:
            found = await self._bench.file(visit.argument("name"), suffix, visit.texts.language)
        except ConfigError as exc:
            return self._page(visit, trouble=_why(visit, exc), status=409)
        if found is None:
            raise web.HTTPNotFound
        name, content, policy = found
        way = "inline" if suffix == "html" and "save" not in visit.request.query else "attachment"
        headers = {"Content-Disposition": f'{way}; filename="{name}"', "Content-Security-Policy": policy}
        charset = None if suffix == "pdf" else "utf-8"
        return web.Response(body=content, content_type=_TYPES[suffix], charset=charset, headers=headers)

    def _here(self, visit: Visit) -> None:
        """Make sure that the site is the one of this gateway."""
        if visit.argument("site") != self._bench.site:
            raise web.HTTPNotFound

    def _page(self, visit: Visit, *, trouble: str = "", status: int = 200) -> web.Response:
        try:
            installed = devices_of(visit, self._bench.devices())
            found = add_form(visit, self._bench.found())
        except ConfigError as exc:
            installed, found, trouble = Markup(""), Markup(""), trouble or _why(visit, exc)
        texts = visit.texts
        title = texts("nav.commissioning")
        parts: Sequence[tuple[str, Markup]] = (
            ("scan", join(scan_form(visit, self._bench.ports()), found)),
            ("devices", installed),
            ("reports", join(report_form(visit), reports_of(visit, self._bench.reports()))),
        )
        steps = [
            tag("section", tag("h2", f"{n}. {texts(f'commissioning.{name}')}"), part, class_="card", id=name)
            for n, (name, part) in enumerate(parts, 1)
        ]
        head = tag("div", tag("h1", title), tag("p", texts("commissioning.intro"), class_="quiet"), class_="headline")
        style = tag("link", rel="stylesheet", href=address("commissioning.css"))
        content = [style, head, complaint(trouble) if trouble else None, *steps]
        return show(visit, title, tag("div", content, class_="bench"), script="commissioning.js", status=status)


def _step(visit: Visit, bench: Workbench, progress: ScanProgress) -> bytes:
    language = visit.texts.language
    stage = say(progress.stage, language) if progress.stage else ""
    tree: dict[str, object] = {"stage": stage, "done": progress.done, "total": progress.total}
    tree["finished"] = progress.finished
    tree["count"] = visit.texts("commissioning.count", count=len(progress.found))
    if progress.finished:
        tree["html"] = join(
            tag("ul", [tag("li", say(sentence, language)) for sentence in progress.verdict], class_="plain"),
            found_form(visit, bench.found()),
        )
    return json.dumps(tree).encode() + b"\n"


def _why(visit: Visit, error: Exception) -> str:
    """Return what is wrong; what a file on the gateway has wrong is said in English, with its line and key."""
    return say(error.said, visit.texts.language) if isinstance(error, BenchError) else str(error)


def _suffix(text: str) -> Suffix:
    for suffix in get_args(Suffix):
        if text == suffix:
            return suffix  # type: ignore[no-any-return]
    raise web.HTTPNotFound


def _part(content: Markup, *, status: int = 200) -> web.Response:
    return web.Response(text=content, content_type="text/html", status=status)


def _go(visit: Visit, anchor: str) -> web.Response:
    path = f"/site/{visit.argument('site')}/commissioning#{anchor}"
    return web.Response(status=303, headers={"Location": path})
