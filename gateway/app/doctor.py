"""`kvarter doctor`: what a machine must have for a site or collector file to work, and how each fault is mended."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

from gateway.app.access import mqtt_access
from gateway.app.clock import SystemClock
from gateway.app.configuration import Configuration, load_configuration
from gateway.app.doctor_mends import broker_mend
from gateway.app.doctor_store import check_store
from gateway.app.folders import data_folder
from gateway.app.status_remote import is_collector
from gateway.broker.mqtt import MqttBroker
from gateway.core.collection import Collection, EmbeddedStoreSettings
from gateway.core.errors import ConfigError, SinkUnavailable
from gateway.core.quantity import load_vocabulary
from gateway.core.site import BrokerSettings, LinkSettings
from gateway.document.validation import load

LEAST_FREE = 0.05
WORN = 9
"""Of ten steps of life that a flash chip tells; 1 is new."""
LONGEST_LATENCY_MS = 2
CONNECT_S = 5.0
_LATENCY = "bus/usb-serial/devices/{name}/latency_timer"
_WEAR = "block/mmcblk*/device/life_time"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one examination found."""

    what: str
    is_well: bool
    says: str
    mend: str = ""
    """What to do, where something is wrong."""

    def as_json(self) -> dict[str, object]:
        """Return it as the command prints it with --json."""
        return {"what": self.what, "ok": self.is_well, "says": self.says, "mend": self.mend}


async def examine(path: Path | None, *, environment: Mapping[str, str]) -> AsyncIterator[Verdict]:
    """Yield one verdict after the other.

    Args:
        path: Site or collector file; None to look at the machine alone.
        environment: Where the service manager names its folders and credentials.

    Raises:
        ConfigError: the file is wrong.
    """
    if path is None:
        yield check_clock(trusted=False)
        yield check_disk(Path.home())
    elif is_collector(path):
        yield check_clock(trusted=False)
        async for verdict in _collector(load(path, Collection), environment):
            yield verdict
    else:
        async for verdict in _site(load_configuration(path, load_vocabulary()), environment):
            yield verdict
    wear = check_wear(Path("/sys"))
    if wear is not None:
        yield wear


async def _site(configuration: Configuration, environment: Mapping[str, str]) -> AsyncIterator[Verdict]:
    site = configuration.site
    yield check_clock(trusted=site.clock == "trusted")
    folder = check_folder(site.data, site.site, environment)
    yield folder
    if folder.is_well:
        data = data_folder(site.data, site.site, environment)
        yield check_disk(data)
        place = Path(site.store.path) if site.store.path else data
        yield await check_store(EmbeddedStoreSettings(kind="embedded", path=str(place)), environment)
    for link in configuration.links:
        for verdict in check_serial(link) if link.serial else [await _reach(link)]:
            yield verdict
    if site.broker is not None:
        yield await check_broker(site.broker, environment)


async def _collector(collection: Collection, environment: Mapping[str, str]) -> AsyncIterator[Verdict]:
    folder = check_folder(collection.data, "collector", environment)
    yield folder
    if folder.is_well:
        yield check_disk(data_folder(collection.data, "collector", environment))
    yield await check_broker(collection.broker, environment)
    for settings in collection.stores:
        yield await check_store(settings, environment)


def check_clock(*, trusted: bool) -> Verdict:
    """Judge whether a time service keeps the clock."""
    return judge_clock(synchronised=SystemClock(trusted=trusted).synchronised())


def judge_clock(*, synchronised: bool) -> Verdict:
    """Judge a clock."""
    if synchronised:
        return Verdict("clock", is_well=True, says="synchronised")
    mend = "start a time service: timedatectl set-ntp true"
    return Verdict("clock", is_well=False, says="not synchronised: readouts wait up to 10 minutes for it", mend=mend)


def check_folder(configured: str | None, name: str, environment: Mapping[str, str]) -> Verdict:
    """Judge whether the data folder can be written."""
    try:
        folder = data_folder(configured, name, environment)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b"kvarter")
            file.flush()
            os.fsync(file.fileno())
    except (ConfigError, OSError) as exc:
        mend = "give the user of the service the right to write there, or set `data:` to another folder"
        return Verdict("data folder", is_well=False, says=str(exc), mend=mend)
    return Verdict("data folder", is_well=True, says=f"{folder} can be written")


def check_disk(folder: Path) -> Verdict:
    """Judge whether the disk has room."""
    usage = shutil.disk_usage(folder)
    return judge_disk(free_bytes=usage.free, size_bytes=usage.total)


def judge_disk(*, free_bytes: int, size_bytes: int) -> Verdict:
    """Judge how full a disk is."""
    says = f"{free_bytes / 2**30:.1f} GiB of {size_bytes / 2**30:.1f} GiB free"
    if free_bytes >= LEAST_FREE * size_bytes:
        return Verdict("disk space", is_well=True, says=says)
    mend = "remove what is not needed, or set a shorter `raw_retention:`"
    return Verdict("disk space", is_well=False, says=says, mend=mend)


def check_wear(sys: Path) -> Verdict | None:
    """Judge how worn the flash chip is, None where no chip tells."""
    steps: list[int] = []
    for path in sys.glob(_WEAR):
        with suppress(OSError, ValueError):
            steps += [int(word, 16) for word in path.read_text(encoding="ascii").split()]
    if not steps:
        return None
    says = f"{max(steps) * 10} % of the life of the flash is used"
    if max(steps) < WORN:
        return Verdict("disk wear", is_well=True, says=says)
    return Verdict("disk wear", is_well=False, says=says, mend="copy the card to a new one now")


def may_open(port: Path) -> bool:
    """Return whether this user may read and write a port."""
    return os.access(port, os.R_OK | os.W_OK)


def check_serial(
    link: LinkSettings, *, sys: Path = Path("/sys"), may_open: Callable[[Path], bool] = may_open
) -> Sequence[Verdict]:
    """Judge a serial port: there, ours to open, named so that it stays, and quick to answer."""
    port, what = Path(link.serial or ""), f"port {link.id}"
    if not port.exists():
        mend = "plug the adapter in, and look up its name under /dev/serial/by-id"
        return [Verdict(what, is_well=False, says=f"{port} does not exist", mend=mend)]
    found = []
    if not may_open(port):
        mend = "add the user to the group dialout: usermod -aG dialout USER, then log in anew"
        found.append(Verdict(what, is_well=False, says=f"{port} may not be opened", mend=mend))
    if "/by-id/" not in str(port) and port.resolve().name.startswith(("ttyUSB", "ttyACM")):
        mend = "name it by /dev/serial/by-id, which stays when other adapters are plugged in"
        found.append(Verdict(what, is_well=False, says=f"{port} may be another adapter tomorrow", mend=mend))
    latency = sys / _LATENCY.format(name=port.resolve().name)
    with suppress(OSError, ValueError):
        latency_ms = int(latency.read_text(encoding="ascii"))
        if latency_ms > LONGEST_LATENCY_MS:
            mend = "install systemd/60-kvarter.rules under /etc/udev/rules.d and plug the adapter in again"
            says = f"the adapter keeps answers back for {latency_ms} ms"
            found.append(Verdict(what, is_well=False, says=says, mend=mend))
    return found or [Verdict(what, is_well=True, says=f"{port} can be opened")]


async def _reach(link: LinkSettings) -> Verdict:
    """Judge whether somebody listens at a socket; nothing is sent."""
    what = f"port {link.id}"
    if link.tcp is None:
        return Verdict(what, is_well=True, says=f"{link.port}: UDP, which nobody can look at without asking")
    host, _, number = link.tcp.rpartition(":")
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(number))
    except OSError as exc:
        mend = "look at the address, at the power of the device, and whether it allows one more client"
        return Verdict(what, is_well=False, says=f"{link.tcp}: {_why(exc)}", mend=mend)
    writer.close()
    return Verdict(what, is_well=True, says=f"{link.tcp} accepts a connection")


def _why(refusal: OSError) -> str:
    if isinstance(refusal, TimeoutError):
        return f"no answer within {CONNECT_S:g} s"
    if isinstance(refusal, ConnectionRefusedError):
        return "nobody listens there"
    return (refusal.strerror or str(refusal)).lower()


async def check_broker(settings: BrokerSettings, environment: Mapping[str, str]) -> Verdict:
    """Judge whether the broker lets us in, with its certificate and our log-in."""
    try:
        client = f"kvarter-doctor-{SystemRandom().getrandbits(32):08x}"
        broker = MqttBroker(settings, mqtt_access(settings, client_id=client, environment=environment))
        async with broker.connect():
            secure = "encrypted" if settings.url.startswith("mqtts") else "not encrypted"
            return Verdict("broker", is_well=True, says=f"{settings.url} lets us in, {secure}")
    except (SinkUnavailable, ConfigError) as exc:
        return Verdict("broker", is_well=False, says=str(exc), mend=broker_mend(str(exc)))
