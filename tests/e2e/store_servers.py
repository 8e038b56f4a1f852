"""Debian's VictoriaMetrics and InfluxDB 1.6 for tests: own ports, own folders, stopped with the block."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
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
    log: Path

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
def victoria_metrics(folder: Path, *flags: str) -> Iterator[StoreServer]:
    """Run a VictoriaMetrics that keeps data of any age and each sample once."""
    port = free_port()
    flags = (
        f"-storageDataPath={folder / 'victoria'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
        "-dedup.minScrapeInterval=1ms",
        "-memory.allowedBytes=64MB",
        "-loggerLevel=ERROR",
        *flags,
    )
    with _running([program("victoria-metrics"), *flags], port, folder / "victoria.log") as server:
        yield server


def flush(server: StoreServer) -> None:
    """Make everything that a VictoriaMetrics has taken visible to queries."""
    server.get("/internal/force_flush")


@contextmanager
def influxd(folder: Path, *databases: str) -> Iterator[StoreServer]:
    """Run an InfluxDB 1.6 with some databases."""
    port, other_port = free_port(), free_port()
    configuration = folder / "influxd.conf"
    configuration.write_text(
        f"""
reporting-disabled = true
bind-address = "127.0.0.1:{other_port}"
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
bind-address = "127.0.0.1:{port}"
log-enabled = false
[logging]
level = "error"
"""
    )
    command = [program("influxd"), "run", "-config", str(configuration)]
    with _running(command, port, folder / "influxd.log") as server:
        for database in databases:
            server.post("/query", q=f'CREATE DATABASE "{database}"')
        yield server


@contextmanager
def _running(command: list[str], port: int, log: Path) -> Iterator[StoreServer]:
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        await_port(port, process, log=log)
        yield StoreServer(f"http://127.0.0.1:{port}", log)
    finally:
        stop(process)
