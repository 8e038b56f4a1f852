"""Processes under measurement and the servers they need: start, CPU time, peak memory, stop."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

KVARTER = Path(sys.executable).with_name("kvarter")
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_S = 30.0


def program(name: str) -> str:
    """Return the path of an installed program, /usr/sbin included.

    Raises:
        FileNotFoundError: there is none.
    """
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise FileNotFoundError(f"{name} is not installed: apt-get install {name}")
    return path


def cpu_s(pid: int) -> float:
    """Return user and system time of a process and its threads, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mb(pid: int) -> float:
    """Return the peak resident memory of a process in MB of a million bytes."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return float("nan")


def free_port() -> int:
    """Return a TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], what: str) -> None:
    """Return when the condition holds.

    Raises:
        TimeoutError: it does not hold in time.
    """
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError(what)
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Return whether somebody accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(command: Sequence[str | Path], *, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for the block; its output goes to the log."""
    with log.open("wb") as sink:
        process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """Run a Mosquitto for the block and yield its port."""
    port, configuration = free_port(), folder / "mosquitto.conf"
    lines = (f"listener {port} 127.0.0.1", "allow_anonymous true", "max_queued_messages 0", "persistence false")
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with running([program("mosquitto"), "-c", configuration], log=folder / "mosquitto.log"):
        until(lambda: listens(port), "Mosquitto does not listen")
        yield port


@contextmanager
def victoria_metrics(folder: Path) -> Iterator[str]:
    """Run a VictoriaMetrics for the block, as we advise to run it, and yield its address."""
    port = free_port()
    flags = (
        f"-storageDataPath={folder / 'victoria'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
        "-dedup.minScrapeInterval=1ms",
        "-loggerLevel=ERROR",
    )
    with running([program("victoria-metrics"), *flags], log=folder / "victoria.log"):
        until(lambda: listens(port), "VictoriaMetrics does not listen")
        yield f"http://127.0.0.1:{port}"
