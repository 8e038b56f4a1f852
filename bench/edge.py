"""The whole way of 2,000 points a second: Modbus TCP → spool → Mosquitto → collector → SQLite, beside a plain script.

50 devices of 40 mixed points each are polled every second. Reported: CPU seconds of the edge process per million
points, its peak memory, polls that are missing in the store; and the same for the peer in the same run.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

from bench.processes import cpu_s, free_port, listens, peak_mib, running, until
from gateway.core.errors import KvarterError
from gateway.core.quantity import load_vocabulary
from gateway.stores.read_back import read_back

DEVICES = 50
POINTS = 40
KVARTER = Path(sys.executable).with_name("kvarter")
MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


def write_profile(folder: Path) -> None:
    """Write the profile of the fleet's devices: 20 uint16, 10 int32, 10 float32 in one block of 60 registers."""
    vocabulary = load_vocabulary()
    fitting = [q for q in vocabulary.values() if not q.is_integer and q.limits[0] <= 40 and q.limits[1] >= 60]
    types = ["uint16"] * 20 + ["int32"] * 10 + ["float32"] * 10
    lines, address = [], 0
    for quantity, kind in zip(fitting, types, strict=False):
        lines.append(f'  - {{point: {quantity.name}, address: {address}, type: {kind}, unit: "{quantity.unit}"}}')
        address += 1 if kind == "uint16" else 2
    head = (
        "profile: bench/mixed\nmaker: Bench\nmodel: Mixed\nkind: electricity_meter\n"
        'source: [{document: bench/fleet.py, version: "1"}]\nprotocol: modbus\n'
        "modbus: {table: holding, word_order: big}\ninterval: 1s\npoints:\n"
    )
    test = f"\ntests:\n  - registers: {{0: [50]}}\n    expect: {{{fitting[0].name}: 50}}\n"
    (folder / "bench").mkdir(parents=True)
    (folder / "bench" / "mixed.yaml").write_text(head + "\n".join(lines) + test, encoding="utf-8")


def write_site(folder: Path, ports: list[int], mqtt_port: int) -> None:
    """Write site and collector files."""
    links = "\n".join(f"  - {{id: link_{n}, tcp: '127.0.0.1:{port}'}}" for n, port in enumerate(ports))
    devices = "\n".join(f"  - {{id: meter_{n}, profile: bench/mixed, link: link_{n}}}" for n in range(len(ports)))
    broker = f"broker: {{url: 'mqtt://127.0.0.1:{mqtt_port}'}}\n"
    site = f"site: bench\nclock: trusted\ndata: {folder}/edge\nprofiles: [{folder}/profiles]\nspool: {{size_mib: 64}}\n"
    (folder / "site.yaml").write_text(f"{site}{broker}links:\n{links}\ndevices:\n{devices}\n", encoding="utf-8")
    store = f"sites: [bench]\ndata: {folder}/collector\nstores: [{{kind: embedded, path: {folder}/store}}]\n"
    (folder / "collector.yaml").write_text(broker + store, encoding="utf-8")


@contextmanager
def fleet(folder: Path) -> Iterator[list[int]]:
    """Run the devices in a process of their own and yield their ports."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.fleet", str(DEVICES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path.cwd(),
    )
    if process.stdout is None or process.stdin is None:
        raise RuntimeError(folder)
    try:
        yield [int(process.stdout.readline()) for _ in range(DEVICES)]
    finally:
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()


def measure_edge(folder: Path, ports: list[int], mqtt_port: int, seconds: float) -> dict[str, float]:
    """Return the figures of our own pipeline."""
    write_profile(folder / "profiles")
    write_site(folder, ports, mqtt_port)
    with ExitStack() as stack:
        stack.enter_context(running([KVARTER, "collect", folder / "collector.yaml"], log=folder / "collect.log"))
        edge = stack.enter_context(running([KVARTER, "edge", folder / "site.yaml"], log=folder / "edge.log"))
        until(lambda: _stored(folder) >= DEVICES, "no readouts in the store")
        start_cpu_s, start_s, before = cpu_s(edge.pid), time.monotonic(), _stored(folder)
        time.sleep(seconds)
        used_s, passed_s, after = cpu_s(edge.pid) - start_cpu_s, time.monotonic() - start_s, _stored(folder)
        peak = peak_mib(edge.pid)
    points = passed_s * DEVICES * POINTS
    expected, missing = _missing(folder)
    return {
        "cpu_s_per_million_points": used_s / points * 1e6,
        "peak_mib": peak,
        "readouts_per_s": (after - before) / passed_s,
        "polls": expected,
        "polls_missing": missing,
    }


def _stored(folder: Path) -> int:
    try:
        with read_back(folder / "store") as store:
            return sum(store.count("bench", device) for device in store.devices("bench"))
    except (FileNotFoundError, KvarterError):  # not there, or being made
        return 0


def _missing(folder: Path) -> tuple[int, int]:
    """Return how many good readouts are stored, and how many polls are missing between two of them."""
    polls = missing = 0
    with read_back(folder / "store") as store:
        for device in store.devices("bench"):
            times = [time_ms for time_ms, row in store.rows("bench", device) if row["status"] == 0]
            polls += len(times)
            missing += sum(max(0, round((later - earlier) / 1000) - 1) for earlier, later in pairwise(times))
    return polls, missing


def measure_peer(ports: list[int], mqtt_port: int, seconds: float) -> dict[str, float]:
    """Return the figures of the plain script."""
    command = [sys.executable, "-m", "bench.peer", str(mqtt_port), str(int(seconds)), *map(str, ports)]
    result = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return {"cpu_s_per_million_points": result["cpu_s"] / result["points"] * 1e6, "points": result["points"]}


def measure(seconds: float = 30.0) -> dict[str, dict[str, float]]:
    """Return the figures of both, taken one after the other on the same devices and broker."""
    mqtt_port = free_port()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "mosquitto.conf").write_text(f"listener {mqtt_port} 127.0.0.1\nallow_anonymous true\n")
        stack.enter_context(running([MOSQUITTO, "-c", folder / "mosquitto.conf"], log=folder / "mosquitto.log"))
        until(lambda: listens(mqtt_port), "Mosquitto does not listen")
        ports = stack.enter_context(fleet(folder))
        return {
            "edge": measure_edge(folder, ports, mqtt_port, seconds),
            "peer": measure_peer(ports, mqtt_port, seconds),
        }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0), indent=2) + "\n")
