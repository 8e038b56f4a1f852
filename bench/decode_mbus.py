"""How many M-Bus frames a second one core decodes.

    python -m bench.decode_mbus [--seconds 5]

Three telegrams as heat, water and electricity meters send them, in one stream, with values that change from frame to
frame; they are built by the simulator, whose encoder shares no code with the decoder.
"""

import argparse
import json
import time
from collections.abc import Iterator

from bench.figures import Measured
from drivers.catalog import Catalog
from drivers.mbus.stream import MbusStream
from drivers.profile_records import MbusProfile
from drivers.records.telegram import Telegram
from gateway.app.clock import SystemClock
from gateway.core.quantity import load_vocabulary
from gateway.sim.mbus import Asked, SimulatedMbusMeter
from gateway.sim.values import FixedValues

PROFILES = ("generic/mbus-heat", "generic/mbus-water", "generic/mbus-electricity")
TARGET_PER_S = 5000.0
_ROUNDS = 50
_REQ_UD2 = 0x5B


def measure(*, seconds: float = 5.0) -> Measured:
    """Return frames per second of the whole way from bytes to telegrams."""
    chunk, frames = stream()
    records = sum(len(found.records) for found in MbusStream().feed(chunk) if isinstance(found, Telegram))
    stream_decoder = MbusStream()
    decoded = 0
    started_s = time.process_time()
    while (spent_s := time.process_time() - started_s) < seconds:
        decoded += len(stream_decoder.feed(chunk))
    return {
        "decode_mbus": {
            "kvarter": {
                "frames_per_s": decoded / spent_s,
                "records_per_frame": records / frames,
                "bytes_per_frame": len(chunk) / frames,
            }
        }
    }


def stream() -> tuple[bytes, int]:
    """Return frames glued together, and how many they are."""
    found = [frame for number in range(_ROUNDS) for frame in _frames(number)]
    return b"".join(found), len(found)


def _frames(number: int) -> Iterator[bytes]:
    vocabulary, clock = load_vocabulary(), SystemClock()
    catalog = Catalog(vocabulary)
    for name in PROFILES:
        profile = catalog.find(name).profile
        if not isinstance(profile, MbusProfile):
            raise TypeError(f"{name} is no profile of an M-Bus meter")
        values = {point.point: 20.0 + number for point in profile.points}
        meter = SimulatedMbusMeter(profile, FixedValues(values), clock=clock, vocabulary=vocabulary)
        yield meter.answer(Asked(_REQ_UD2, 1))


def main() -> None:
    """Measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.decode_mbus", description="Decode M-Bus frames.")
    parser.add_argument("--seconds", type=float, default=5.0)
    print(json.dumps(measure(seconds=parser.parse_args().seconds), indent=2))


if __name__ == "__main__":
    main()
