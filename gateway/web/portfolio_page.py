"""All sites of a collector in one table, sorted by what matters now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from aiohttp import web

from gateway.web.facts import SiteFacts
from gateway.web.html import Markup, tag
from gateway.web.live import Changed, Fresh, keep_fresh
from gateway.web.numbers import DASH, number
from gateway.web.page import Page, Route, Visit
from gateway.web.parts import aged, completeness_of
from gateway.web.shell import show

Column = Literal["site", "silent", "incomplete", "clock", "age", "electricity", "heat", "per_area"]
_NUMBERS: frozenset[Column] = frozenset({"silent", "incomplete", "age", "electricity", "heat", "per_area"})
_NEVER_S = 1e12


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One site of many."""

    site: SiteFacts
    clock: Literal["good", "uncertain", "unknown"] = "unknown"
    electricity_kwh: float | None = None
    """From the grid in the last days; None where no counter says so."""
    heat_kwh: float | None = None
    is_whole: bool = True
    """Every day of them has a reading."""
    area_m2: float | None = None

    @property
    def per_area(self) -> float | None:
        """Kilowatt-hours of electricity and heat together on a square metre."""
        known = [each for each in (self.electricity_kwh, self.heat_kwh) if each is not None]
        return sum(known) / self.area_m2 if known and self.area_m2 else None


class Portfolio(Protocol):
    """What is known of all sites."""

    @property
    def days(self) -> int:
        """So many days the energy is counted over."""

    async def renew(self) -> None:
        """Count the energy anew where that is due.

        Raises:
            SinkUnavailable: the store does not answer.
        """

    def rows(self) -> Sequence[SiteRow]:
        """Return every site, with the energy as last counted."""


def portfolio_page(portfolio: Portfolio) -> Page:
    """Return the page; it is the front of a collector."""

    async def answer(visit: Visit) -> web.StreamResponse:
        await portfolio.renew()
        title = visit.texts("nav.portfolio")
        found = tag("div", _table(visit, portfolio), data_f="portfolio")
        head = tag("div", tag("h1", title), class_="headline")
        live = f"/live/portfolio?sort={_sort(visit)}{'&least' if 'least' in visit.request.query else ''}"
        return show(visit, title, head, tag("section", found, class_="card"), live=live)

    async def live(visit: Visit) -> web.StreamResponse:
        def draw(visit: Visit, changed: Changed | None) -> Fresh:
            if changed is not None and not changed:
                return Fresh({})
            ages = {f"site-{row.site.id}": row.site.age_s for row in portfolio.rows()}
            return Fresh({"portfolio": _table(visit, portfolio)}, ages)

        return await keep_fresh(visit, draw)

    async def facts(visit: Visit) -> web.StreamResponse:
        await portfolio.renew()
        return web.json_response([_tree(row) for row in sort_rows(portfolio.rows(), _sort(visit))])

    routes = (
        Route("GET", "/portfolio", answer, asks=("sort", "least")),
        Route("GET", "/live/portfolio", live, stream=True),
        Route(
            "GET",
            "/api/v1/portfolio",
            facts,
            summary="All sites: silent devices, completeness, clock, energy of the last days",
            gives=list[dict[str, str | float | bool | None]],
            asks=("sort",),
        ),
    )
    return Page("portfolio", routes, path="/portfolio")


def sort_rows(rows: Sequence[SiteRow], column: Column, *, least: bool = False) -> list[SiteRow]:
    """Return the rows, what needs somebody first; sites without that figure stand last either way.

    Args:
        rows: All sites.
        column: What counts.
        least: The other way round.
    """
    keys: Mapping[Column, Callable[[SiteRow], float | None]] = {
        "silent": lambda row: len(row.site.silent),
        "incomplete": lambda row: None if (done := _share(row)) is None else 1 - done,
        "clock": lambda row: {"uncertain": 1.0, "good": 0.0, "unknown": None}[row.clock],
        "age": lambda row: _NEVER_S if row.site.age_s is None else row.site.age_s,
        "electricity": lambda row: row.electricity_kwh,
        "heat": lambda row: row.heat_kwh,
        "per_area": lambda row: row.per_area,
    }
    named = sorted(rows, key=lambda row: row.site.title.casefold())
    if column == "site":
        return named[::-1] if least else named
    figure = keys[column]
    known = [(figure(row), row) for row in named]
    given = [(value if least else -value, row) for value, row in known if value is not None]
    return [row for _, row in sorted(given, key=lambda each: each[0])] + [row for value, row in known if value is None]


def _share(row: SiteRow) -> float | None:
    return row.site.completeness.share if row.site.completeness else None


def _sort(visit: Visit) -> Column:
    wanted = visit.request.query.get("sort", "silent")
    for column in get_args(Column):
        if wanted == column:
            return column  # type: ignore[no-any-return]
    return "silent"


def _table(visit: Visit, portfolio: Portfolio) -> Markup:
    texts, by, least = visit.texts, _sort(visit), "least" in visit.request.query
    rows = sort_rows(portfolio.rows(), by, least=least)
    if not rows:
        return tag("p", texts("site.none"))
    head = [_head(visit, column, by=by, least=least) for column in get_args(Column)]
    body = [_row(visit, row) for row in rows]
    caption = texts("portfolio.caption", sites=len(rows), days=portfolio.days)
    whole = tag("table", tag("caption", caption), tag("thead", tag("tr", head)), tag("tbody", body))
    return tag("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _head(visit: Visit, column: Column, *, by: Column, least: bool) -> Markup:
    here = column == by
    turned = here and not least
    path = f"/portfolio?sort={column}{'&least' if turned else ''}"
    order = ("ascending" if least != (column == "site") else "descending") if here else None
    mark = (" \u25b2" if order == "ascending" else " \u25bc") if here else None
    link = tag(
        "a", visit.texts(f"portfolio.{column}"), tag("span", mark, aria_hidden="true") if mark else None, href=path
    )
    return tag("th", link, scope="col", aria_sort=order, class_="number" if column in _NUMBERS else None)


def _row(visit: Visit, row: SiteRow) -> Markup:
    site, texts = row.site, visit.texts
    silent = len(site.silent)
    answering = tag(
        "span",
        texts("portfolio.of", silent=silent, devices=site.devices),
        class_=f"pill {'bad' if silent else 'good'}",
        title=", ".join(site.silent) or None,
    )
    tone = {"good": "good", "uncertain": "bad", "unknown": "idle"}[row.clock]
    clock = tag("span", texts(f"portfolio.clock.{row.clock}"), class_=f"pill {tone}")
    numbers = (
        answering,
        completeness_of(visit, site.completeness),
        clock,
        aged(visit, f"site-{site.id}", site.age_s),
        _energy(visit, row.electricity_kwh, row),
        _energy(visit, row.heat_kwh, row),
        DASH if row.per_area is None else number(row.per_area, 1, texts.language),
    )
    columns: tuple[Column, ...] = get_args(Column)[1:]
    cells = [
        tag("td", cell, class_="number" if column in _NUMBERS else None)
        for column, cell in zip(columns, numbers, strict=True)
    ]
    name = tag("a", site.title, href=f"/site/{site.id}")
    return tag("tr", tag("th", name, scope="row"), *cells)


def _energy(visit: Visit, kwh: float | None, row: SiteRow) -> Markup:
    if kwh is None:
        return tag("span", DASH, class_="value missing")
    text = number(kwh, 0, visit.texts.language)
    if row.is_whole:
        return tag("span", text, class_="value")
    return tag("span", f"\u2265\u00a0{text}", class_="value suspect", title=visit.texts("portfolio.partial"))


def _tree(row: SiteRow) -> dict[str, str | float | bool | None]:
    return {
        "site": row.site.id,
        "name": row.site.name,
        "devices": row.site.devices,
        "silent": len(row.site.silent),
        "complete_today": _share(row),
        "clock": row.clock,
        "age_s": row.site.age_s,
        "electricity_kwh": row.electricity_kwh,
        "heat_kwh": row.heat_kwh,
        "is_whole": row.is_whole,
        "area_m2": row.area_m2,
        "kwh_per_m2": row.per_area,
    }
