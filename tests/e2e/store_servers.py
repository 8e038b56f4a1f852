"""Debian's VictoriaMetrics and InfluxDB 1.6 for tests: own ports, own folders, stopped with the block."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tests.e2e.servers import await_port, free_port, program, stop

ANSWER_S = 10.0


@dataclass(frozen=True, slots=True)
class StoreServer:
    """A running server."""

    url: str

    def get(self, path: str, **query: str) -> str:
        """Return the body of a GET."""
        return self._open(Request(f"{self.url}{path}?{urlencode(query)}"))  # noqa: S310 - our own server

    def post(self, path: str, **form: str) -> str:
        """Return the body of a POST of a form."""
        return self._open(Request(f"{self.url}{path}", data=urlencode(form).encode()))  # noqa: S310 - our own server

    def _open(self, request: Request) -> str:
        with urlopen(request, timeout=ANSWER_S) as reply:  # noqa: S310 - our own server
            return bytes(reply.read()).decode()


@contextmanager
def victoria_metrics(folder: Path, *, port: int | None = None) -> Iterator[StoreServer]:
    """Run a VictoriaMetrics that keeps data of any age and each sample once."""
    port = port or free_port()
    flags = (
        f"-storageDataPath={folder / 'victoria'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
        "-dedup.minScrapeInterval=1ms",
        "-memory.allowedBytes=64MB",
        "-loggerLevel=ERROR",
    )
    process = _start([program("victoria-metrics"), *flags], port, folder / "victoria.log")
    try:
        yield StoreServer(f"http://127.0.0.1:{port}")
    finally:
        stop(process)


def flush(server: StoreServer) -> None:
    """Make everything that a VictoriaMetrics has taken visible to queries."""
    server.get("/internal/force_flush")


class Influxd:
    """An InfluxDB 1.6 on one port; it can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._configuration = folder / "influxd.conf"
        self._configuration.write_text(
            f"""
reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
dir = "{folder}/influx/meta"
[data]
dir = "{folder}/influx/data"
wal-dir = "{folder}/influx/wal"
query-log-enabled = false
[monitor]
store-enabled = false
[continuous_queries]
enabled = false
[http]
bind-address = "127.0.0.1:{self._port}"
log-enabled = false
[logging]
level = "error"
"""
        )

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}"

    def start(self, *databases: str) -> StoreServer:
        """Start it with some databases and return when it listens."""
        command = [program("influxd"), "run", "-config", str(self._configuration)]
        self._process = _start(command, self._port, self._folder / "influxd.log")
        server = StoreServer(self.url)
        for database in databases:
            server.post("/query", q=f'CREATE DATABASE "{database}"')
        return server

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            stop(self._process)


@contextmanager
def influxd(folder: Path, *databases: str) -> Iterator[StoreServer]:
    """Run an InfluxDB 1.6 with some databases for the length of the block."""
    server = Influxd(folder)
    try:
        yield server.start(*databases)
    finally:
        server.stop()


def _start(command: list[str], port: int, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    with ExitStack() as on_error:
        on_error.callback(stop, process)
        await_port(port, process, log=log)
        on_error.pop_all()
    return process
