"""Notifications to the service manager."""

import asyncio
import socket
from pathlib import Path

from gateway.app.notify import NotifySocket, feed_watchdog
from tests.fakes import FakeClock


def listening(path: Path) -> socket.socket:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(str(path))
    channel.settimeout(5)
    return channel


def test_a_notification_reaches_the_socket(tmp_path: Path) -> None:
    """READY=1 arrives as one datagram at NOTIFY_SOCKET."""
    with listening(tmp_path / "notify") as channel:
        NotifySocket({"NOTIFY_SOCKET": str(tmp_path / "notify")}).say("READY=1")
        assert channel.recv(100) == b"READY=1"


def test_without_a_service_manager_nothing_happens(tmp_path: Path) -> None:
    """A missing or dead socket is no error."""
    NotifySocket({}).say("READY=1")
    NotifySocket({"NOTIFY_SOCKET": str(tmp_path / "gone")}).say("READY=1")


async def test_a_task_without_progress_stops_the_ping(tmp_path: Path) -> None:
    """The watchdog is fed while all tasks move, and no more once one has stood still for its time."""
    clock = FakeClock()
    seen: list[bytes] = []
    with listening(tmp_path / "notify") as channel:
        manager = NotifySocket({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000"})
        assert manager.watchdog_s == 0.03
        for last_s in (clock.monotonic(), clock.monotonic() - 1.0):
            moving = {"poll[rs485_1]": lambda last_s=last_s: last_s}
            task = asyncio.ensure_future(feed_watchdog(manager, clock, moving))
            await asyncio.wait([task], timeout=0.05)
            task.cancel()
            await asyncio.wait([task])
            channel.settimeout(0)
            seen.append(_drain(channel))
    assert b"WATCHDOG=1" in seen[0]
    assert seen[1] == b""


def _drain(channel: socket.socket) -> bytes:
    received = b""
    try:
        while True:
            received += channel.recv(100)
    except BlockingIOError:
        return received
