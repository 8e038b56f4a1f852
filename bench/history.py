"""How long the page of the past waits for an embedded store of ten million values.

python -m bench.history [--values 10000000]
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from bench.figures import Measured
from gateway.core.protocols import Query
from gateway.core.quantity import load_vocabulary
from gateway.energy.counters import INTERVAL_MS
from gateway.stores.database import Database, open_database
from gateway.stores.embedded import open_embedded
from gateway.stores.interval_row import interval_columns
from gateway.stores.schema import DATABASE_NAME, interval_table, quoted, readout_table
from gateway.stores.tables import REAL, Tables
from gateway.web.history_ask import Ask, choose_resolution

SITE, DEVICE = "bench", "meter"
POINTS = ("elec_power_active", "elec_voltage_l1", "elec_current_l1", "elec_energy_import")
GAUGES = POINTS[:3]
VALUES = 10_000_000
STEP_MS = 10_000
START_MS = 1_717_200_000_000
ROUNDS = 5
SPANS_MS = {"hour": 3_600_000, "day": 86_400_000, "week": 604_800_000, "month": 2_592_000_000, "all": 0}
_WAVE = 997
"""Values repeat after so many readouts; a prime, so that no bucket sees the same ones."""
_YEARS_S = 50 * 366 * 86_400.0


def measure(values: int = VALUES) -> Measured:
    """Return the wait for an hour, a day, a week, a month and everything there is, in milliseconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        end_ms = generate(folder, rows=values // len(POINTS))
        return {"page_history": {"kvarter": asyncio.run(_waits(folder, end_ms))}}


def generate(folder: Path, *, rows: int) -> int:
    """Write a meter with its readouts and quarter-hours, as a store that is settled holds them; return the end."""
    database = open_database(folder / DATABASE_NAME)
    table = readout_table(SITE, DEVICE)
    vocabulary, tables = load_vocabulary(), Tables(database)
    columns = {name: kind for point in POINTS for name, kind in interval_columns(vocabulary[point]).items()}
    with database.transaction():
        tables.extend(table, dict.fromkeys(POINTS, REAL))
        tables.extend(interval_table(table), columns)
        marks = ", ".join("?" * (len(POINTS) + 1))
        for row in _readouts(rows):
            database.run(f"INSERT INTO {quoted(table)} VALUES ({marks})", row)  # noqa: S608 - a name of our own
        _settle(database, table)
    database.close()
    return START_MS + rows * STEP_MS


def _readouts(rows: int) -> Iterator[tuple[float, ...]]:
    for number in range(rows):
        wave = number % _WAVE
        yield (START_MS + number * STEP_MS, 800.5 + wave * 1.37, 229.1 + wave / 250, 3.3 + wave / 99, 1e-3 * number)


def _settle(database: Database, table: str) -> None:
    names, sums = ["time"], [f"time / {INTERVAL_MS} * {INTERVAL_MS}"]
    for point in GAUGES:
        names += [point, f"{point}_quality", f"{point}_coverage", f"{point}_min", f"{point}_max"]
        sums += [f"avg({point})", "0", "1.0", f"min({point})", f"max({point})"]
    energy = POINTS[3]
    names += [energy, f"{energy}_quality", f"{energy}_coverage", f"{energy}_last"]
    sums += [f"max({energy}) - min({energy})", "0", "1.0", f"max({energy})"]
    database.run(
        f"INSERT INTO {quoted(interval_table(table))} ({', '.join(names)}) "  # noqa: S608 - names of our own
        f"SELECT {', '.join(sums)} FROM {quoted(table)} GROUP BY 1"
    )


async def _waits(folder: Path, end_ms: int) -> dict[str, float]:
    found = {}
    async with open_embedded(folder, raw_retention_s=_YEARS_S, vocabulary=load_vocabulary()) as store:
        for name, span_ms in SPANS_MS.items():
            start_ms = end_ms - span_ms if span_ms else START_MS
            ask = Ask(SITE, DEVICE, POINTS, start_ms, end_ms, buckets=2000)
            length_ms = choose_resolution(ask, interval_ms=STEP_MS)
            waits = []
            for _ in range(ROUNDS):
                begun_s = time.perf_counter()
                query = Query(SITE, DEVICE, GAUGES, start_ms, end_ms, length_ms or None)
                rows = (await store.outline(query)).rows if length_ms else await store.read(query)
                quarters: Sequence[object] = await store.quarters(Query(SITE, DEVICE, POINTS[3:], start_ms, end_ms))
                waits.append((time.perf_counter() - begun_s) * 1000)
                if not rows or len(rows) > 2001 or not quarters:
                    raise RuntimeError(f"{name}: {len(rows)} rows and {len(quarters)} quarter-hours")
            found[f"{name}_ms"] = round(median(waits), 1)
            found[f"{name}_worst_ms"] = round(max(waits), 1)
    return found


def main() -> None:
    """Print the waits."""
    parser = argparse.ArgumentParser(prog="python -m bench.history", description="Measure the page of the past.")
    parser.add_argument("--values", type=int, default=VALUES)
    print(json.dumps(measure(parser.parse_args().values), indent=2))


if __name__ == "__main__":
    main()
