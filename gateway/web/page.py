"""What a page is: its routes, its place in the navigation, and what an answer is given to work with.

One file per page. A page that needs more than `Facts` (a scanner, a report) takes it as an argument of the function
that makes it: `def commissioning_page(scanner: Scanner) -> Page`. `gateway.app` hands all pages to the server.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from gateway.core.quantity import Vocabulary
from gateway.web.facts import Facts
from gateway.web.texts import Texts

Role = Literal["viewer", "manager"]
"""A viewer looks; a manager may also change something here."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request and everything that belongs to it."""

    request: web.Request
    facts: Facts
    vocabulary: Vocabulary
    texts: Texts
    role: Role
    csrf: str
    """To be sent back with every request that changes something: header `X-CSRF-Token` or form field `csrf`."""
    pages: tuple["Page", ...] = ()
    has_password: bool = False
    """Whoever is here has signed in."""

    def argument(self, name: str) -> str:
        """Return a variable part of the path."""
        return self.request.match_info[name]


Answer = Callable[[Visit], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One path and who answers it.

    Every request is checked before `answer` sees it: Host, Origin, session, role, CSRF token where it changes
    something, rate. A path under `/api/v1/` with a summary stands in the description of the API.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    """As aiohttp writes it: `/site/{site}/device/{device}`."""
    answer: Answer
    role: Role = "viewer"
    summary: str = ""
    """What it gives, for the description of the API."""
    gives: object = None
    """Type of the JSON that it sends; anything that pydantic's TypeAdapter takes."""
    takes: object = None
    """Type of the JSON that it wants."""
    asks: tuple[str, ...] = ()
    """Names of what may stand behind the `?`."""
    needs: tuple[str, ...] = ()
    """Names of what must stand there."""
    media: str = "application/json"
    """Of what it gives."""
    stream: bool = False
    """The answer goes on until the browser leaves: only so many at a time."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page with its routes."""

    name: str
    """The text `nav.<name>` is its title in the navigation."""
    routes: tuple[Route, ...]
    path: str | None = None
    """Where the navigation leads, `{site}` for the site in view; None: not in the navigation."""
    role: Role = "viewer"
    """Who sees it in the navigation."""
