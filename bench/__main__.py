"""Run all benchmarks one after the other, and write `bench/results.json` and `docs/benchmarks.md`.

python -m bench [--rounds 2] [--large] [--page] [--only NAME]
"""

import argparse
import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench import collector, decode_mbus, decode_p1, edge, history, paint, rtu, spool, viewer
from bench.figures import Measured, results, to_mapping
from bench.page import render
from bench.processes import program

RESULTS = Path(__file__).with_name("results.json")
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
LIBRARIES = ("pymodbus", "aiomqtt", "influxdb-client", "uvloop")
PACKAGES = ("mosquitto", "victoria-metrics")
LARGE = 200
_QUERY_S = 10.0


def measure(rounds: int, *, large: bool, apart: Mapping[str, Any]) -> dict[str, Any]:
    """Return the results of all benchmarks, and what was measured apart before."""
    started = datetime.now(UTC)
    load = round(os.getloadavg()[0], 1)
    runs = _rounds(benchmarks(large=large), rounds)
    runs += [each["measured"] for each in apart.values()]
    return {
        "date": started.date().isoformat(),
        "machine": {**machine(), "load": load},
        "versions": versions(),
        "rounds": rounds,
        "figures": [to_mapping(result) for result in results(runs)],
        "runs": runs,
        "apart": apart,
    }


def benchmarks(*, large: bool) -> dict[str, Callable[[], Measured]]:
    """Return what `make bench` measures, by name."""
    return {
        "edge, 50 meters": edge.measure,
        **({f"edge, {LARGE} meters": lambda: edge.measure(devices=LARGE)} if large else {}),
        "RTU lines": rtu.measure,
        "collector": collector.measure,
        "spool": spool.measure,
        "M-Bus frames": decode_mbus.measure,
        "P1 telegrams": decode_p1.measure,
        "first paint": paint.measure,
        "history": history.measure,
        "viewer": viewer.measure,
    }


def measure_again(found: dict[str, Any], names: Sequence[str], *, large: bool) -> dict[str, Any]:
    """Return earlier results with some benchmarks measured anew, in as many rounds."""
    today, load = datetime.now(UTC).date().isoformat(), round(os.getloadavg()[0], 1)
    rounds = int(found["rounds"])
    chosen = {name: benchmark for name, benchmark in benchmarks(large=large).items() if name in names}
    runs = [{**old, **new} for old, new in zip(found["runs"][:rounds], _rounds(chosen, rounds), strict=True)]
    runs += found["runs"][rounds:]
    again = {**found.get("again", {}), **{name: {"date": today, "load": load} for name in chosen}}
    return {**found, "runs": runs, "again": again, "figures": [to_mapping(result) for result in results(runs)]}


def _rounds(benchmarks: Mapping[str, Callable[[], Measured]], rounds: int) -> list[Measured]:
    runs: list[Measured] = []
    for number in range(1, rounds + 1):
        measured: Measured = {}
        for name, benchmark in benchmarks.items():
            print(f"round {number} of {rounds}: {name} ...", end=" ", flush=True)
            started_s = time.monotonic()
            measured |= benchmark()
            print(f"{time.monotonic() - started_s:.0f} s", flush=True)
        runs.append(measured)
    return runs


def machine() -> Mapping[str, object]:
    """Return what the figures depend on."""
    facts = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^(?:model name|Model)\s*: (.+)$", facts, re.MULTILINE)
    return {
        "cores": os.cpu_count(),
        "processor": model[1] if model else platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def versions() -> Mapping[str, str]:
    """Return the versions of peers and servers."""
    return {
        **{library: version(library) for library in LIBRARIES},
        **{package: _version_of_package(package) for package in PACKAGES},
    }


def _version_of_package(package: str) -> str:
    query = [program("dpkg-query"), "--show", "--showformat=${Version}", package]
    return subprocess.run(query, capture_output=True, text=True, check=True, timeout=_QUERY_S).stdout


def main() -> None:
    """Measure, or only render what was measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Run all benchmarks.")
    parser.add_argument("--rounds", type=int, default=2, help="of each figure the better one counts")
    parser.add_argument("--large", action="store_true", help=f"measure the edge with {LARGE} meters, too")
    parser.add_argument("--page", action="store_true", help="measure nothing; make the page from the last results")
    parser.add_argument("--only", action="append", choices=[*benchmarks(large=True)], help="measure this one anew")
    options = parser.parse_args()
    if not options.page:
        before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        if options.only:
            found = measure_again(before, options.only, large=options.large)
        else:
            found = measure(options.rounds, large=options.large, apart=before.get("apart", {}))
        RESULTS.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(render(json.loads(RESULTS.read_text(encoding="utf-8"))), encoding="utf-8")
    print(f"written: {RESULTS.name}, {PAGE.name}")


if __name__ == "__main__":
    main()
