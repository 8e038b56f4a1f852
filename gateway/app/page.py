"""Serves the page beside a role: waits for its port, and begins anew when a password is set or changed."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom

from gateway.app.page_address import Plan, plan_page, prepare_certificate
from gateway.core.clock import Clock
from gateway.core.errors import ConfigError
from gateway.core.quantity import Vocabulary
from gateway.core.site import WebSettings
from gateway.web.api import api_page
from gateway.web.buses_page import buses_page
from gateway.web.certificate import tls_context
from gateway.web.delivery_page import delivery_page
from gateway.web.device_page import device_page
from gateway.web.facts import Facts
from gateway.web.history_page import history_page
from gateway.web.metrics import metrics_page
from gateway.web.page import Page
from gateway.web.passwords import FILE, Passwords, load_passwords
from gateway.web.server import Application, Surroundings, listening
from gateway.web.site_page import site_page

log = logging.getLogger(__name__)

PULSE_S = 2.0
"""Between two looks at the file of passwords and at how busy the buses are."""
AGAIN_S = 10.0
"""A port that is taken is tried again after this time."""


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class PageParts:
    """What the page of a role is made of."""

    settings: WebSettings
    facts: Facts
    vocabulary: Vocabulary
    clock: Clock
    data: Path
    """Folder of passwords, key and certificate."""
    pages: Sequence[Page] = ()
    """Beside those that every role has; they stand behind them in the navigation."""
    before: Sequence[Page] = ()
    """Before them."""
    pulse: Callable[[], None] = _nothing
    """Called every few seconds."""
    random: Random = field(default_factory=SystemRandom)


def every_page(clock: Clock) -> list[Page]:
    """Return the pages that need nothing but facts and time."""
    return [site_page(), device_page(), history_page(clock), buses_page(), delivery_page(), api_page(), metrics_page()]


class PageServer:
    """Keeps the page served until cancelled; nothing that happens to it concerns the role.

    Args:
        parts: What it is made of.
        told: Called with the address whenever it listens anew.
        any_port: Where the port is taken, take any other.
    """

    def __init__(self, parts: PageParts, *, told: Callable[[str], None] | None = None, any_port: bool = False) -> None:
        self.address = ""
        self._parts = parts
        self._told = told or (lambda address: log.info("page: %s", address))
        self._any_port = any_port
        self._complaint = ""

    async def serve(self) -> None:
        """Serve until cancelled."""
        while True:
            try:
                await self._serve_once()
            except (OSError, ConfigError) as exc:
                self._complain(f"page: {exc}; tried again every {AGAIN_S:.0f} s")
                await self._rest(AGAIN_S)

    async def _serve_once(self) -> None:
        """Serve until the passwords change.

        Raises:
            OSError: the address cannot be had.
            ConfigError: passwords or certificate cannot be used.
        """
        parts = self._parts
        stamp = _stamp(parts.data)
        plan = plan_page(parts.settings, parts.data)
        if plan is None:
            await asyncio.Event().wait()
            return
        prepare_certificate(plan, parts.data)
        app = self._application(plan, load_passwords(parts.data)).make()
        tls = tls_context(parts.data) if plan.encrypted else None
        async with listening(app, plan.host, await self._port(plan), tls=tls) as port:
            self._complaint = ""
            self.address = plan.url(port)
            self._told(self.address)
            if plan.waits_for_password:
                log.info("page: for this machine only, until `kvarter web password` has set a password")
            while _stamp(parts.data) == stamp:
                await self._rest(PULSE_S)

    def _application(self, plan: Plan, passwords: Passwords) -> Application:
        parts = self._parts
        names = frozenset(name.lower() for name in plan.names)
        around = Surroundings(parts.facts, parts.vocabulary, parts.clock, parts.random, names)
        return Application(around, passwords, [*parts.before, *every_page(parts.clock), *parts.pages])

    async def _port(self, plan: Plan) -> int:
        if self._any_port and plan.port:
            with suppress(OSError):
                server = await asyncio.start_server(lambda _, writer: writer.close(), plan.host, plan.port)
                server.close()
                await server.wait_closed()
                return plan.port
            return 0
        return plan.port

    async def _rest(self, seconds: float) -> None:
        end_s = self._parts.clock.monotonic() + seconds
        while (now_s := self._parts.clock.monotonic()) < end_s:
            self._parts.pulse()
            await self._parts.clock.sleep_until(min(end_s, now_s + PULSE_S))

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            self._complaint = text
            log.warning("%s", text)


def _stamp(data: Path) -> Mapping[str, int]:
    """Return what changes when somebody sets a password."""
    try:
        found = (data / FILE).stat()
    except OSError:
        return {}
    return {"time": found.st_mtime_ns, "inode": found.st_ino}
