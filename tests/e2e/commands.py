"""The `kvarter` command as a user runs it: in processes of its own, bounded in time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from drivers.catalog import Catalog, with_registers
from gateway.app.audit import DeviceAudit, audit_device
from gateway.core.errors import KvarterError
from gateway.core.quantity import load_vocabulary
from gateway.sim.image import lay_out
from gateway.sim.truth import points_served, read_log
from gateway.stores.read_back import read_back

KVARTER = Path(sys.executable).with_name("kvarter")
PATIENCE_S = 30.0


def kvarter(*arguments: str | Path, timeout_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
    """Run the command to its end and return what it printed."""
    command = [str(KVARTER), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


@dataclass(slots=True)
class RunningRole:
    """A role that runs until it is stopped."""

    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        """What it has logged."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it as the service manager does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"did not stop:\n{self.log}")


def start(*arguments: str | Path, log: Path, environment: Mapping[str, str] | None = None) -> RunningRole:
    """Start a role; the test must end it."""
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [KVARTER, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env={**os.environ, "RUNTIME_DIRECTORY": str(log.parent / "memory"), **(environment or {})},
        )
    return RunningRole(process, log)


@contextmanager
def running(*arguments: str | Path, log: Path, environment: Mapping[str, str] | None = None) -> Iterator[RunningRole]:
    """Run a role for the block."""
    service = start(*arguments, log=log, environment=environment)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.stop()


def until(condition: Callable[[], bool], *, what: str, patience_s: float = PATIENCE_S) -> None:
    """Return when the condition holds; fail the test when it does not in time."""
    end_s = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > end_s:
            pytest.fail(f"still waiting for {what}")
        time.sleep(0.05)


def stored(store: Path, site: str) -> dict[str, list[int]]:
    """Return device → times of its good readouts, from the store's file read afresh."""
    try:
        with read_back(store) as found:
            return {
                device: [time_ms for time_ms, row in found.rows(site, device) if row.get("status") in {0, 1}]
                for device in found.devices(site)
            }
    except (FileNotFoundError, KvarterError):  # not there, or being made
        return {}


def balance(store: Path, site: str, *, device: str, profile: str, log: Path, interval_ms: int) -> DeviceAudit:
    """Compare what is stored of a simulated device with the log of what it served."""
    vocabulary = load_vocabulary()
    points = lay_out(with_registers(Catalog(vocabulary).find(profile)), vocabulary, name=profile).points[1]
    served = points_served(read_log(log), points, device=profile)
    with read_back(store) as found:
        gaps = [(e.event.start_ms, e.event.end_ms) for e in found.events(site) if e.event.kind == "gap"]
        intervals_ms = {placed.name: interval_ms for placed in points}
        return audit_device(device, served, found.rows(site, device), intervals_ms=intervals_ms, gaps=gaps)
