"""Tells the service manager that we are ready, and that every critical task still gets something done."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress

from gateway.core.clock import Clock

log = logging.getLogger(__name__)

DEFAULT_WATCHDOG_S = 30.0


class NotifySocket:
    """The notification socket of sd_notify(3); silent where there is none."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        usec = environment.get("WATCHDOG_USEC", "")
        pid = environment.get("WATCHDOG_PID", "")
        ours = not pid or pid == str(os.getpid())
        self.watchdog_s = int(usec) / 1e6 if usec.isdigit() and ours else None
        """How often the service manager wants to hear from us; None when it does not watch."""

    def say(self, message: str) -> None:
        """Send one notification, such as READY=1; a missing manager is no error."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.connect(address)
            channel.sendall(message.encode())


async def feed_watchdog(manager: NotifySocket, clock: Clock, progress: Mapping[str, Callable[[], float]]) -> None:
    """Ping until cancelled, but only while every task made progress within the watchdog's time.

    Args:
        manager: Whom to tell.
        clock: Time.
        progress: Task name → when it last got something done, on the monotonic clock; infinity while it rests.
    """
    period_s = manager.watchdog_s or DEFAULT_WATCHDOG_S
    stuck: set[str] = set()
    while True:
        now_s = clock.monotonic()
        late = {name for name, last_s in progress.items() if now_s - last_s() > period_s}
        for name in late - stuck:
            log.error("%s: no progress for %.0f s; the watchdog is not fed", name, period_s)
        stuck = late
        if not late:
            manager.say("WATCHDOG=1")
        await asyncio.sleep(period_s / 3)
