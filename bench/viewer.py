"""What an open page costs the gateway: its CPU time with one viewer, minus that without.

python -m bench.viewer [--updates 15]
"""

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from statistics import median

from bench.edge import fleet
from bench.figures import Measured
from bench.meter import PROFILE, write_profile
from bench.processes import KVARTER, cpu_s, running, until

DEVICES = 13
"""As many as the demo has; each with 40 points, read every 2 s."""
ROUNDS = 3
PAGES = {"site": "/live/site/bench", "device": "/live/site/bench/device/meter_0"}
_PATIENCE_S = 30.0


def measure(updates: int = 15) -> Measured:
    """Return the cost of each kind of page in per cent of a core, and bytes of one update."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        ports = stack.enter_context(fleet(DEVICES))
        log = folder / "run.log"
        service = stack.enter_context(running([KVARTER, "run", _site(folder, ports)], log=log))
        until(lambda: "page: http" in log.read_text(encoding="utf-8"), "no page")
        found = re.search(r"page: http://([0-9.]+):(\d+)", log.read_text(encoding="utf-8"))
        if found is None:
            raise RuntimeError("no address")
        host, port = found[1], int(found[2])
        figures: dict[str, float] = {}
        for page, path in PAGES.items():
            with watching(host, port, path) as stream:
                _updates(stream, 3)
            shares, sizes = [], []
            for _ in range(ROUNDS):
                with watching(host, port, path) as stream:
                    first = _updates(stream, 1)
                    with_s, passed_s, octets = _cost(service.pid, stream, updates)
                without_s = _idle(service.pid, passed_s)
                shares.append((with_s - without_s) / passed_s * 100)
                sizes.append(octets / updates)
                figures[f"{page}_first_kb"] = first / 1000
            figures[f"{page}_percent"] = round(median(shares), 2)
            figures[f"{page}_update_kb"] = round(median(sizes) / 1000, 2)
    return {"page_viewer": {"kvarter": figures}}


@contextmanager
def watching(host: str, port: int, path: str) -> Iterator[HTTPResponse]:
    """Yield the events of a page, as a browser that keeps it open gets them."""
    connection = HTTPConnection(host, port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status}")
        yield response
    finally:
        connection.close()


def _updates(stream: HTTPResponse, count: int) -> int:
    """Return how many bytes so many events had."""
    octets = 0
    while count:
        line = stream.readline()
        octets += len(line)
        count -= line.startswith(b"data: ")
    return octets


def _cost(pid: int, stream: HTTPResponse, updates: int) -> tuple[float, float, int]:
    """Return CPU time, time and bytes of so many events."""
    start_cpu_s, start_s = cpu_s(pid), time.monotonic()
    octets = _updates(stream, updates)
    return cpu_s(pid) - start_cpu_s, time.monotonic() - start_s, octets


def _idle(pid: int, seconds: float) -> float:
    """Return the CPU time of as much time without a viewer."""
    start_cpu_s = cpu_s(pid)
    time.sleep(seconds)
    return cpu_s(pid) - start_cpu_s


def _site(folder: Path, ports: list[int]) -> Path:
    write_profile(folder / "profiles")
    links = "\n".join(f"  - {{id: link_{n}, tcp: '127.0.0.1:{port}'}}" for n, port in enumerate(ports))
    devices = "\n".join(
        f"  - {{id: meter_{n}, profile: {PROFILE}, link: link_{n}, interval: 2s}}" for n in range(len(ports))
    )
    head = f"site: bench\nclock: trusted\ndata: {folder}/data\nprofiles: [{folder}/profiles]\n"
    head += "web: {listen: '127.0.0.1:0'}\n"
    path = folder / "site.yaml"
    path.write_text(f"{head}links:\n{links}\ndevices:\n{devices}\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The cost of an open page.")
    parser.add_argument("--updates", type=int, default=15, help="events in each window")
    sys.stdout.write(json.dumps(measure(parser.parse_args().updates), indent=2) + "\n")
