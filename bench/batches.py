"""What meters said in the last minutes, as our relay sends it and as the peer sends it."""

import time
from collections.abc import Iterator
from pathlib import Path

from bench import peer
from bench.meter import Meter, meter_fields
from bench.site import SITE, write_site
from gateway.app.catalogue import build_catalogue
from gateway.app.configuration import load_configuration
from gateway.core.protocols import Batch
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Readout, Status
from gateway.wire.batch import compress, encode_batch
from gateway.wire.catalogue import catalogue_id, encode_catalogue
from gateway.wire.line import LineEncoder, stamp

_RUN = "be" * 8


class Backlog:
    """Readings of a number of meters, once a second.

    Args:
        folder: The site is written to it, for its catalogue.
        devices: Meters.
        seconds: Up to now.
    """

    def __init__(self, folder: Path, *, devices: int, seconds: int) -> None:
        self._vocabulary = load_vocabulary()
        self._fields = meter_fields(self._vocabulary)
        self._devices = devices
        site = write_site(folder, range(1, devices + 1), mqtt_port=1)
        self.catalogue = encode_catalogue(build_catalogue(load_configuration(site, self._vocabulary)))
        self.end_s = int(time.time())
        self.seconds = seconds

    def batches(self) -> Iterator[bytes]:
        """Yield one batch a second, compressed."""
        encoder, points = LineEncoder(SITE, self._vocabulary), tuple(field.quantity.name for field in self._fields)
        catalogue, first = catalogue_id(self.catalogue), 0
        for second, rows in self._rows():
            readouts = (Readout(f"meter_{n}", 0.0, points, values, Status.OK) for n, values in enumerate(rows))
            lines = tuple(stamp(encoder.readout(readout), second * 1000) for readout in readouts)
            batch = Batch(_RUN, first, first + len(lines) - 1, catalogue, lines)
            first = batch.last + 1
            yield compress(encode_batch(SITE, batch))

    def peer_messages(self) -> Iterator[tuple[str, str]]:
        """Yield topic and message for each meter and second, as the plain script publishes them."""
        for second, rows in self._rows():
            for number, values in enumerate(rows):
                yield f"{peer.TOPIC}/{number}", peer.message(second, values)

    def _rows(self) -> Iterator[tuple[int, list[tuple[float, ...]]]]:
        meters = [Meter(seed) for seed in range(self._devices)]
        for second in range(self.end_s - self.seconds, self.end_s):
            yield second, [meter.values(self._fields) for meter in meters]
