"""How many P1 telegrams a second one core decodes.

    python -m bench.decode_p1 [--seconds 5]

Telegrams of DSMR 5 with some thirty lines, gas, water and heat among them, in one stream, with values that change from
telegram to telegram; they are built by the simulator, whose encoder shares no code with the decoder.
"""

import argparse
import json
import time

from bench.figures import Measured
from drivers.catalog import Catalog
from drivers.iec62056.p1 import P1Stream
from drivers.profile_records import ObisProfile
from drivers.records.telegram import Telegram
from gateway.app.clock import SystemClock
from gateway.core.quantity import load_vocabulary
from gateway.sim.p1 import P1Port, SimulatedP1Meter, SubMeter
from gateway.sim.values import FixedValues

TARGET_PER_S = 2000.0
_TELEGRAMS = 100
_PORTION = 256
"""Bytes that a serial port hands over at once."""
_SUB_METERS = {"dsmr/p1-gas": "gas_volume", "dsmr/p1-water": "water_volume", "dsmr/p1-heat": "heat_energy"}


def measure(*, seconds: float = 5.0) -> Measured:
    """Return telegrams per second of the whole way from bytes in portions to checked telegrams."""
    octets = b"".join(_telegram(number) for number in range(_TELEGRAMS))
    portions = [octets[place : place + _PORTION] for place in range(0, len(octets), _PORTION)]
    found = [each for each in P1Stream().feed(octets) if isinstance(each, Telegram)]
    stream = P1Stream()
    decoded = 0
    started_s = time.process_time()
    while (spent_s := time.process_time() - started_s) < seconds:
        decoded += sum(len(stream.feed(portion)) for portion in portions)
    return {
        "decode_p1": {
            "kvarter": {
                "telegrams_per_s": decoded / spent_s,
                "records_per_telegram": sum(len(each.records) for each in found) / len(found),
                "bytes_per_telegram": len(octets) / _TELEGRAMS,
            }
        }
    }


def _telegram(number: int) -> bytes:
    vocabulary, clock = load_vocabulary(), SystemClock()
    catalog = Catalog(vocabulary)

    def profile_of(name: str) -> ObisProfile:
        profile = catalog.find(name).profile
        if not isinstance(profile, ObisProfile):
            raise TypeError(name)
        return profile

    house = profile_of("dsmr/p1")
    values = {point.point: 1.0 + number % 3 for point in house.points if point.obis}
    behind = tuple(
        SubMeter(profile_of(name), FixedValues({point: 100.0 + number})) for name, point in _SUB_METERS.items()
    )
    source = FixedValues({**values, "elec_energy_import": 1000.0 + number})
    port = P1Port(sub_meters=behind)
    return SimulatedP1Meter(house, source, clock=clock, vocabulary=vocabulary, port=port).telegram()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.decode_p1", description="Decode P1 telegrams.")
    parser.add_argument("--seconds", type=float, default=5.0)
    print(json.dumps(measure(seconds=parser.parse_args().seconds), indent=2))


if __name__ == "__main__":
    main()
