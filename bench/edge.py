"""The whole way of 2,000 points a second: Modbus TCP → spool → Mosquitto → collector → SQLite, beside a plain script.

    python -m bench.edge [--seconds 30] [--devices 50]

Each meter has 40 mixed points and is polled every second. Reported: CPU seconds of the edge process per million points,
its peak memory, and polls that are missing in the store; and the same for the peer on the same meters and broker.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.figures import Measured
from bench.meter import POINTS
from bench.processes import KVARTER, PATIENCE_S, cpu_s, mosquitto, peak_mb, running, until
from bench.site import SITE, write_collector, write_site
from gateway.core.errors import KvarterError
from gateway.stores.read_back import read_back

_PERSISTENT_S = 5.0
"""What is not stored by then is missing."""


@contextmanager
def fleet(devices: int) -> Iterator[list[int]]:
    """Run the meters in a process of their own and yield their ports."""
    command = [sys.executable, "-m", "bench.fleet", str(devices)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError(command)
        try:
            yield [int(process.stdout.readline()) for _ in range(devices)]
        finally:
            process.stdin.close()


def measure_edge(folder: Path, ports: list[int], mqtt_port: int, seconds: float) -> dict[str, float]:
    """Return the figures of our own pipeline."""
    site = write_site(folder, ports, mqtt_port)
    collector = write_collector(folder, mqtt_port, f"{{kind: embedded, path: {folder}/store}}")
    with ExitStack() as stack:
        stack.enter_context(running([KVARTER, "collect", collector], log=folder / "collect.log"))
        edge = stack.enter_context(running([KVARTER, "edge", site], log=folder / "edge.log"))
        until(lambda: _stored(folder) >= len(ports), "no readouts in the store")
        # Polls begin at whole seconds, give or take a millisecond: the window holds a known number of them.
        first_s = math.ceil(time.time() + 0.5)
        time.sleep(first_s - 0.5 - time.time())
        start_s, start_cpu_s = time.monotonic(), cpu_s(edge.pid)
        time.sleep(seconds)
        passed_s, used_s = time.monotonic() - start_s, cpu_s(edge.pid) - start_cpu_s
        peak = peak_mb(edge.pid)
        expected = round(seconds) * len(ports)
        end_s = time.monotonic() + _PERSISTENT_S
        while _polled(folder, first_s, round(seconds)) < expected and time.monotonic() < end_s:
            time.sleep(0.25)
    return {
        "cpu_s_per_million_points": used_s / (passed_s * len(ports) * POINTS) * 1e6,
        "peak_mb": peak,
        "polls_missing": expected - _polled(folder, first_s, round(seconds)),
    }


def _stored(folder: Path) -> int:
    try:
        with read_back(folder / "store") as store:
            return sum(store.count(SITE, device) for device in store.devices(SITE))
    except (FileNotFoundError, KvarterError):  # not there, or being made
        return 0


def _polled(folder: Path, first_s: int, seconds: int) -> int:
    """Return how many polls of the window gave a good readout, of all meters together."""
    with read_back(folder / "store") as store:
        good = {
            (device, round(time_ms / 1000))
            for device in store.devices(SITE)
            for time_ms, row in store.rows(SITE, device)
            if row["status"] == 0
        }
    return sum(first_s <= second < first_s + seconds for _, second in good)


def measure_peer(ports: list[int], mqtt_port: int, seconds: float) -> dict[str, float]:
    """Return the figures of the plain script."""
    command = [sys.executable, "-m", "bench.peer", str(mqtt_port), str(int(seconds)), *map(str, ports)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=PATIENCE_S + seconds)
    result = json.loads(done.stdout)
    return {
        "cpu_s_per_million_points": result["cpu_s"] / result["points"] * 1e6,
        "peak_mb": result["peak_mb"],
    }


def measure(seconds: float = 30.0, devices: int = 50) -> Measured:
    """Return the figures of both, taken one after the other on the same meters and broker."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        mqtt_port = stack.enter_context(mosquitto(folder))
        ports = stack.enter_context(fleet(devices))
        ours = measure_edge(folder, ports, mqtt_port, seconds)
        return {f"edge_{devices}": {"kvarter": ours, "peer": measure_peer(ports, mqtt_port, seconds)}}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The whole way, beside a plain script.")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each of the two")
    parser.add_argument("--devices", type=int, default=50, help="meters with 40 points each")
    options = parser.parse_args()
    sys.stdout.write(json.dumps(measure(options.seconds, options.devices), indent=2) + "\n")
