"""RTU lines: how close to what the wire allows, and is the silence between frames kept?

The meter is read as fast as possible, at 9600 baud 8N1 and 19200 baud 8E1, by our driver and by pymodbus. Reported:
the share of time in which the wire was used (characters of requests and answers, and the silence behind each of them),
and how many requests began less than 3.5 characters after the last byte of the answer before.
"""

import json
import subprocess
import sys
from typing import Final

from bench.figures import Measured
from bench.line import Line, Parity

LINES: Final[tuple[tuple[int, Parity], ...]] = ((9600, "none"), (19200, "even"))
CLIENTS = {"kvarter": "kvarter", "peer": "pymodbus"}
_START_S = 30.0


def measure_line(baudrate: int, parity: Parity, *, client: str, seconds: float) -> dict[str, float]:
    """Return the figures of one client on one line."""
    with Line(baudrate, parity) as line:
        command = [sys.executable, "-m", "bench.rtu_client", client, line.port, str(baudrate), parity, str(seconds)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=_START_S + seconds)
    result = json.loads(done.stdout)
    return {**line.figures(), "cpu_ms_per_read": result["cpu_s"] / result["reads"] * 1000}


def measure(seconds: float = 6.0) -> Measured:
    """Return the figures of both on each line."""
    return {
        f"rtu_{baudrate}": {
            who: measure_line(baudrate, parity, client=client, seconds=seconds) for who, client in CLIENTS.items()
        }
        for baudrate, parity in LINES
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(), indent=2) + "\n")
