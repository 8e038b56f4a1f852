"""A gateway's side of the conversation: its catalogue, its lines, its batches."""

from collections.abc import Iterable

from gateway.core.protocols import Batch, Message
from gateway.wire.batch import encode_batch
from gateway.wire.catalogue import Catalogue, CatalogueDevice, CataloguePoint, catalogue_id, encode_catalogue
from gateway.wire.topics import Topics

SITE = "house"
RUN = "a" * 16
START_MS = 1_795_320_000_000


def catalogue(site: str = SITE, *, points: Iterable[str] = ("elec_power_active", "hp_operating_mode")) -> Catalogue:
    """Return the catalogue of a site with the devices meter and pump."""
    device = CatalogueDevice(
        profile="eastron/sdm630",
        profile_digest="0" * 8,
        maker="Eastron",
        model="SDM630",
        kind="electricity_meter",
        interval_ms=10_000,
        points={point: CataloguePoint(unit="W", factor=1.0) for point in points},
    )
    return Catalogue(site=site, vocabulary=1, devices={"meter": device, "pump": device})


def catalogue_message(site: str = SITE) -> Message:
    """Return the message that a gateway publishes, retained."""
    return Message(Topics(site).catalogue, encode_catalogue(catalogue(site)), retain=True)


def line(number: int, *, site: str = SITE, device: str = "meter") -> bytes:
    """Return a sound line, different for each number."""
    time_ms = START_MS + number
    return b"kvarter,site=%b,device=%b elec_power_active=%d.5,status=0i %d000000" % (
        site.encode(),
        device.encode(),
        number,
        time_ms,
    )


def batch(first: int, count: int, *, site: str = SITE, run: str = RUN, lines: Iterable[bytes] | None = None) -> Batch:
    """Return a batch of sound lines, or of the given ones."""
    content = (
        tuple(line(number, site=site) for number in range(first, first + count)) if lines is None else tuple(lines)
    )
    return Batch(run, first, first + len(content) - 1, catalogue_id(encode_catalogue(catalogue(site))), content)


def message(sent: Batch, site: str = SITE) -> Message:
    """Return the message that carries a batch."""
    return Message(Topics(site).readings, encode_batch(site, sent))
