"""What a viewer may not do: every route of a manager, found in the table of routes."""

import asyncio
import re
from pathlib import Path
from random import SystemRandom

import pytest

from gateway.app.page import every_page
from gateway.app.page_commissioning import Bench
from gateway.core.quantity import load_vocabulary
from gateway.web.commissioning_page import commissioning_page
from gateway.web.page import Page, Route
from gateway.web.passwords import load_passwords, set_password
from gateway.web.portfolio_page import portfolio_page
from gateway.web.server import Application, Surroundings
from tests.fakes import FakeClock
from tests.fakes_web import FakeFacts, running_page, visitor
from tests.web.test_doors import LOOK, SECRET, sign_in, token_of
from tests.web.test_portfolio import FakePortfolio

_OPEN_TO_ALL = {"/", "/login", "/logout", "/language"}
"""Changes that concern nobody but whoever makes them."""


def pages_of(folder: Path) -> list[Page]:
    """Return every page that there is."""
    bench = Bench(folder / "site.yaml", "house", folder, environment={}, reload=lambda: None)
    return [portfolio_page(FakePortfolio()), *every_page(FakeClock()), commissioning_page(bench)]


def routes_of(folder: Path) -> list[Route]:
    """Return every route that the server answers, those of the entry as well."""
    around = Surroundings(FakeFacts(), load_vocabulary(), FakeClock(), SystemRandom(), frozenset())
    application = Application(around, load_passwords(folder), pages_of(folder))
    return [route for page in application.pages for route in page.routes]


def path_of(route: Route) -> str:
    """Return a path that the route answers."""
    filled = {"site": "house", "device": "main_meter", "bus": "rs485_1", "name": "x", "suffix": "pdf"}
    return re.sub(r"\{(\w+)(?::[^{}]*)?\}", lambda found: filled[found[1]], route.path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a data folder with both passwords, and an empty site file."""
    set_password(tmp_path, "manager", SECRET)
    set_password(tmp_path, "viewer", LOOK)
    (tmp_path / "site.yaml").write_text("site: house\nlinks: []\ndevices: []\n", encoding="utf-8")
    return tmp_path


async def test_a_viewer_is_refused_every_route_of_a_manager(folder: Path) -> None:
    """Whatever asks for a manager answers a viewer with 403, token or not, and does nothing; a manager is let in."""
    routes = [route for route in routes_of(folder) if route.role == "manager"]
    assert {route.method for route in routes} >= {"GET", "POST"}
    before = (folder / "site.yaml").read_bytes()
    async with (
        running_page(passwords=load_passwords(folder), pages=pages_of(folder)) as page,
        visitor(page.url) as viewer,
        visitor(page.url) as manager,
    ):
        assert [await sign_in(viewer, LOOK), await sign_in(manager, SECRET)] == [303, 303]
        tokens = {"X-CSRF-Token": await token_of(viewer, "/site/house")}
        for route in routes:
            for headers in ({}, tokens):
                async with viewer.request(route.method, path_of(route), headers=headers) as answer:
                    assert answer.status == 403, route
        tokens = {"X-CSRF-Token": await token_of(manager, "/site/house")}
        for route in routes:
            async with asyncio.timeout(10), manager.request(route.method, path_of(route), headers=tokens) as answer:
                assert answer.status not in {401, 403}, route
    assert (folder / "site.yaml").read_bytes() == before


def test_whatever_changes_something_asks_for_a_manager(folder: Path) -> None:
    """A route that is not for reading is a manager's, but for signing in and out and the language."""
    open_to_all = {route.path for route in routes_of(folder) if route.method != "GET" and route.role != "manager"}
    assert open_to_all <= _OPEN_TO_ALL


async def test_a_viewer_sees_no_way_to_what_is_refused(folder: Path) -> None:
    """The navigation of a viewer does not lead to a page that it may not see."""
    async with running_page(passwords=load_passwords(folder), pages=pages_of(folder)) as page:
        for secret, seen in ((LOOK, False), (SECRET, True)):
            async with visitor(page.url) as session:
                await sign_in(session, secret)
                async with session.get("/site/house") as answer:
                    assert ("/site/house/commissioning" in await answer.text()) is seen
