"""Add figures that were measured apart, because they take long or need root, to the results and to the page.

python -m bench.apart FILE

FILE holds the figures as JSON: subject → kvarter → figure → value. `make bench` leaves them as they are.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.__main__ import PAGE, RESULTS, machine
from bench.figures import Measured, results, to_mapping
from bench.page import render


def carried(found: Mapping[str, Any]) -> Iterator[Measured]:
    """Yield what was measured apart, as far as it stands in earlier results."""
    for each in found.get("apart", {}).values():
        yield each["measured"]


def with_apart(found: dict[str, Any], measured: Measured, *, date: str) -> dict[str, Any]:
    """Return the results with what was measured apart; what was measured of the same subjects before is replaced."""
    apart = {
        subject: {"date": date, "machine": machine(), "measured": {subject: figures}}
        for subject, figures in measured.items()
    }
    together = {**found, "apart": {**found.get("apart", {}), **apart}}
    runs = [*found["runs"][: found["rounds"]], *carried(together)]
    return {**together, "runs": runs, "figures": [to_mapping(result) for result in results(runs)]}


def main(path: str) -> None:
    """Add the figures of a file, and write results and page anew."""
    measured: Measured = json.loads(Path(path).read_text(encoding="utf-8"))
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    together = with_apart(found, measured, date=datetime.now(UTC).date().isoformat())
    RESULTS.write_text(json.dumps(together, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(render(together), encoding="utf-8")
    print(f"written: {RESULTS.name}, {PAGE.name}")


if __name__ == "__main__":
    main(sys.argv[1])
