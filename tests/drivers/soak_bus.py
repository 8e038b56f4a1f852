"""`python -m tests.drivers.soak_bus`: a million transactions on hostile buses; writes what came of them to a page."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.drivers.hostile_bus import LINKS, polled

PAGE = Path("docs/misattribution.md")
_SHARE = 50_000
_INTRODUCTION = """# Misattribution

`make soak-bus` writes this page. Three units on one bus are polled through the product's own drivers; their values say
unit, register and request, so that a mix-up of any kind is seen. Answers are late, doubled, merged, foreign, truncated,
broken, echoed, or meant for a second master that asks the same units for other numbers of registers.

| framing | transactions | values | troubles | wrong values |
|---|---|---|---|---|
"""


def main() -> None:
    """Run; the exit code says whether a value was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.drivers.soak_bus", description=__doc__)
    parser.add_argument("--transactions", type=int, default=1_000_000, help="on all buses together (%(default)s)")
    each = parser.parse_args().transactions // len(LINKS) + 1
    rows = [_row(framing, each) for framing in LINKS]
    PAGE.write_text(_INTRODUCTION + "".join(f"| {framing} | {' | '.join(map(_spaced, row))} |\n"
                                            for framing, row in zip(LINKS, rows, strict=True)))  # fmt: skip
    sys.exit(any(row[-1] for row in rows))


def _row(framing: str, transactions: int) -> Sequence[int]:
    """Return transactions, values, troubles and wrong values."""
    values = troubles = wrong = done = 0
    while done < transactions:
        share = min(_SHARE, transactions - done)
        ended, happened = polled(framing, transactions=share, seed=100 + done)
        done += share
        values += ended["values"]
        troubles += happened.total()
        wrong += sum(count for what, count in ended.items() if what.startswith("wrong"))
        print(f"{framing}: {done} of {transactions} transactions, {wrong} wrong", flush=True)  # noqa: T201
    return done, values, troubles, wrong


def _spaced(number: int) -> str:
    return f"{number:,}"


if __name__ == "__main__":
    main()
