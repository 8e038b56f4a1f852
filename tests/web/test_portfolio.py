"""All sites in one table: the order, the words, and who may look."""

import json
from dataclasses import dataclass, field

import pytest

from gateway.web.facts import Completeness, SiteFacts
from gateway.web.portfolio_page import Column, SiteRow, portfolio_page, sort_rows
from tests.fakes_web import running_page, visitor


def site(name: str, *, silent: int = 0, got: int | None = 100, age_s: float | None = 5.0) -> SiteFacts:
    """Return a site of ten devices."""
    done = None if got is None else Completeness(0, 100, got)
    return SiteFacts(name, name.title(), "UTC", 10, tuple(f"d{n}" for n in range(silent)), age_s, done)


ROWS = [
    SiteRow(site("birch"), clock="good", electricity_kwh=1000.0, heat_kwh=500.0, area_m2=100.0),
    SiteRow(site("alder", silent=3, got=40), clock="uncertain", electricity_kwh=50.0, is_whole=False, area_m2=10.0),
    SiteRow(site("cedar", got=None, age_s=None), electricity_kwh=None, heat_kwh=None),
]


@dataclass
class FakePortfolio:
    """Implements Portfolio."""

    found: list[SiteRow] = field(default_factory=lambda: list(ROWS))
    renewed: int = 0
    days: int = 30

    async def renew(self) -> None:
        self.renewed += 1

    def rows(self) -> list[SiteRow]:
        return self.found


async def look(path: str, portfolio: FakePortfolio) -> tuple[str, str]:
    """Return where a visitor ends, and what stands there."""
    async with (
        running_page(pages=[portfolio_page(portfolio)]) as page,
        visitor(page.url) as session,
        session.get(path) as answer,
    ):
        assert answer.status == 200
        return answer.url.path, await answer.text()


@pytest.mark.parametrize(
    ("column", "least", "order"),
    [
        ("site", False, ["alder", "birch", "cedar"]),
        ("site", True, ["cedar", "birch", "alder"]),
        ("silent", False, ["alder", "birch", "cedar"]),
        ("incomplete", False, ["alder", "birch", "cedar"]),
        ("incomplete", True, ["birch", "alder", "cedar"]),
        ("clock", False, ["alder", "birch", "cedar"]),
        ("age", False, ["cedar", "alder", "birch"]),
        ("electricity", False, ["birch", "alder", "cedar"]),
        ("electricity", True, ["alder", "birch", "cedar"]),
        ("heat", False, ["birch", "alder", "cedar"]),
        ("per_area", False, ["birch", "alder", "cedar"]),
    ],
)
def test_what_needs_somebody_stands_first(column: Column, order: list[str], *, least: bool) -> None:
    """Each column sorts both ways, and a site without that figure stands last."""
    assert [row.site.id for row in sort_rows(ROWS, column, least=least)] == order


def test_energy_per_area_needs_both() -> None:
    """Electricity and heat count together; without an area, or without any energy, there is no figure."""
    assert [row.per_area for row in ROWS] == [15.0, 5.0, None]


async def test_the_table_shows_every_site() -> None:
    """A row leads to the site; a lower bound says so, and what is not known is a dash."""
    portfolio = FakePortfolio()
    _, text = await look("/portfolio?sort=electricity", portfolio)
    assert portfolio.renewed == 1
    assert text.index("Birch") < text.index("Alder") < text.index("Cedar")
    for words in ('href="/site/birch"', "3 of 10", "\u2265\u00a050", "15.0", "uncertain", 'aria-sort="descending"'):
        assert words in text, words
    assert "Sites: 3. Energy of the last 30 days" in text


async def test_the_front_of_a_collector_is_the_portfolio() -> None:
    """Whoever comes in sees all sites first."""
    path, _ = await look("/", FakePortfolio())
    assert path == "/portfolio"


async def test_the_same_facts_are_to_be_had_as_json() -> None:
    """The API gives the rows with their figures, in the order asked for."""
    _, text = await look("/api/v1/portfolio?sort=per_area", FakePortfolio())
    rows = json.loads(text)
    assert [row["site"] for row in rows] == ["birch", "alder", "cedar"]
    assert (rows[0]["kwh_per_m2"], rows[1]["silent"], rows[2]["complete_today"]) == (15.0, 3, None)


async def test_an_order_that_there_is_not_does_no_harm() -> None:
    """Any word in the address gives the usual order and is never repeated."""
    _, text = await look("/portfolio?sort=%22%3E%3Cscript%3E", FakePortfolio())
    assert '"><script>' not in text
    assert text.index("Alder") < text.index("Birch")
