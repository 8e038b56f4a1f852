"""An MQTT broker of our own for the demo: Mosquitto where it is installed, amqtt otherwise."""

import asyncio
import logging
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from gateway.core.errors import ConfigError, SinkUnavailable

START_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 3.0


def find_mosquitto() -> Path | None:
    """Return the installed Mosquitto, which Debian keeps where a user's search path does not lead."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


@asynccontextmanager
async def embedded_broker(folder: Path, *, mosquitto: Path | None) -> AsyncIterator[str]:
    """Run a broker on a free loopback port and yield its URL.

    Args:
        folder: For the broker's configuration and log.
        mosquitto: The program; None for amqtt.

    Raises:
        SinkUnavailable: the broker does not start.
        ConfigError: neither Mosquitto nor amqtt is installed.
    """
    port = _free_port()
    running = _mosquitto(mosquitto, folder, port) if mosquitto else _amqtt(port)
    async with running:
        yield f"mqtt://127.0.0.1:{port}"


@asynccontextmanager
async def _mosquitto(program: Path, folder: Path, port: int) -> AsyncIterator[None]:
    settings = folder / "mosquitto.conf"
    settings.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
        f"log_dest file {folder / 'mosquitto.log'}\nmax_queued_messages 0\n",
        encoding="utf-8",
    )
    process = await asyncio.create_subprocess_exec(
        str(program),
        "-c",
        str(settings),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is for the demo, which still needs its broker to drain
    )
    try:
        await _until_listening(port)
        yield
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


@asynccontextmanager
async def _amqtt(port: int) -> AsyncIterator[None]:
    try:
        from amqtt.broker import Broker  # noqa: PLC0415 - an extra, needed only without Mosquitto
    except ImportError as exc:
        raise ConfigError("no MQTT broker here: install Debian's mosquitto, or kvarter[demo] for amqtt") from exc
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    try:
        yield
    finally:
        await broker.shutdown()


async def _until_listening(port: int) -> None:
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    await writer.wait_closed()
                    return
                await asyncio.sleep(0.02)
    except TimeoutError as exc:
        raise SinkUnavailable(f"the embedded broker does not listen on port {port}; see mosquitto.log") from exc


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
