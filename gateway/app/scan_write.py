"""What a scan found → entries of a site file; what stands there stays as it is, comments too."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from drivers.catalog import Catalog
from drivers.factory import missing_settings
from drivers.scan.candidates import Speed
from drivers.scan.found import Findings, FoundDevice
from gateway.app.configuration import load_configuration
from gateway.core.errors import ConfigError
from gateway.core.quantity import load_vocabulary
from gateway.core.site import DeviceSettings, LinkSettings, Site
from gateway.document.edit import append_item
from gateway.document.tree import Document, load_document, parse_document
from gateway.document.validation import validate

_BY_ID = Path("/dev/serial/by-id")
_LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the devices."""

    added: tuple[str, ...]
    """Ids in the site file."""
    left_out: tuple[str, ...]
    """Why others are not in it, one sentence each."""


Chosen = Mapping[int, Mapping[str, object]]
"""Number of a device among those found → keys of its entry that somebody chose: id, label, role, ratios."""


def write_site(path: Path, findings: Findings, link: LinkSettings, *, chosen: Chosen = MappingProxyType({})) -> Written:
    """Add what was found to the site file, or begin one; nothing that stands there is changed.

    Args:
        path: The site file.
        findings: What was found.
        link: The port that was scanned.
        chosen: What no scan can know; where it is not empty, only those devices are added.

    Raises:
        ConfigError: the file or a choice is wrong, or the file cannot be written.
    """
    document = load_document(path) if path.exists() else _beginning(path)
    site = validate(document, Site)
    there = _same_port(site.links, link)
    added: list[str] = []
    left_out: list[str] = []
    known = {(each.link, each.unit_id, each.meter_address) for each in site.devices}
    speed = _speed_of(there, findings)
    link_id = there.id if there is not None else _free(_link_name(link), [each.id for each in site.links])
    ids = [device.id for device in site.devices]
    for number, device in enumerate(findings.devices):
        if chosen and number not in chosen:
            continue
        name = device.identity.get("model") or device.address or f"unit {device.unit_id}"
        entry = _entry(device, link_id, ids)
        if entry is not None:
            entry |= chosen.get(number, {})
        if entry is None:
            left_out.append(f"{name} ({where_found(device)}): its model is not known; `kvarter scan --survey` shows it")
        elif speed and device.speed and (device.speed.baudrate, device.speed.parity) != (speed.baudrate, speed.parity):
            left_out.append(
                f"{entry['id']} ({where_found(device)}): answers at {device.speed}, the others at {speed}; set all "
                "devices of a bus to one speed, and scan again"
            )
        elif (link_id, entry.get("unit_id"), entry.get("meter_address")) in known:
            left_out.append(f"{entry['id']} ({where_found(device)}): stands in the file already")
        elif lacking := lacking_settings(path, site, entry):
            left_out.append(
                f"{entry['id']} ({where_found(device)}): needs {', '.join(lacking)}; add {_flow(entry)} with it"
            )
        else:
            document = _added(document, "devices", _flow(entry), _remark(device))
            ids.append(str(entry["id"]))
            added.append(str(entry["id"]))
    if there is None and added:
        document = _added(document, "links", _flow(_link_entry(link_id, link, findings)))
    if added:
        _save(path, document)
    return Written(tuple(added), tuple(left_out))


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of a device that was found."""

    id: str
    """That it would get; empty where its model is not known."""
    needs: tuple[str, ...] = ()
    present: bool = False
    """Stands in the file already."""


def preview(path: Path, findings: Findings, link: LinkSettings) -> list[Preview]:
    """Return for each device that was found what `write_site` would make of it.

    Raises:
        ConfigError: the site file is wrong.
    """
    site = validate(load_document(path) if path.exists() else _beginning(path), Site)
    there = _same_port(site.links, link)
    known = {(each.link, each.unit_id, each.meter_address) for each in site.devices}
    ids = [device.id for device in site.devices]
    seen: list[Preview] = []
    for device in findings.devices:
        entry = _entry(device, there.id if there is not None else "link", ids)
        if entry is None:
            seen.append(Preview(""))
            continue
        present = (entry["link"], entry.get("unit_id"), entry.get("meter_address")) in known
        ids.append(str(entry["id"]))
        seen.append(Preview(str(entry["id"]), lacking_settings(path, site, entry), present))
    return seen


def _beginning(path: Path) -> Document:
    site = re.sub(r"[^a-z0-9_-]+", "-", path.stem.lower()).strip("-")[:_LONGEST_ID] or "site"
    return parse_document(f"site: {site}\nlinks: []\ndevices: []\n", name=str(path))


def _added(document: Document, key: str, item: str, remark: str = "") -> Document:
    return parse_document(append_item(document, key, item, remark=remark), name=document.name)


def _save(path: Path, document: Document) -> None:
    """Put the new text in place of the old one at once, if it is a good site file.

    Raises:
        ConfigError: it is not, or the disk refuses it.
    """
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(document.text, encoding="utf-8")
        if path.exists():
            beside.chmod(path.stat().st_mode & 0o777)
        load_configuration(beside, load_vocabulary())
        beside.replace(path)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be written: {exc.strerror}") from exc
    finally:
        beside.unlink(missing_ok=True)


def _same_port(links: Sequence[LinkSettings], wanted: LinkSettings) -> LinkSettings | None:
    real = _real(wanted)
    return next((link for link in links if _real(link) == real), None)


def _real(link: LinkSettings) -> str:
    return os.path.realpath(link.port) if link.serial else link.port


def _speed_of(there: LinkSettings | None, findings: Findings) -> Speed | None:
    """Return the one speed at which a bus is read: that of the site file, else that of the device found first."""
    if there is not None and there.baudrate is not None and there.parity is not None:
        return Speed(there.baudrate, there.parity)
    return next((device.speed for device in findings.devices if device.speed is not None), None)


def _link_name(link: LinkSettings) -> str:
    return "rs485_1" if link.serial else "net_1"


def _link_entry(link_id: str, link: LinkSettings, findings: Findings) -> Mapping[str, object]:
    if link.serial is None:
        entry: dict[str, object] = {"id": link_id, "tcp": link.tcp}
        return entry | ({"framing": link.framing} if link.framing else {})
    entry = {"id": link_id, "serial": _stable(link.serial)}
    speed = _speed_of(None, findings)
    if speed is None:
        return entry
    entry |= {"baudrate": speed.baudrate, "parity": speed.parity}
    return entry | ({"data_bits": speed.data_bits} if speed.data_bits == 7 else {})  # noqa: PLR2004 - 8 is the rule


def _stable(port: str) -> str:
    """Return the name of a port that stays the same when adapters change places."""
    same = (
        sorted(each for each in _BY_ID.glob("*") if each.resolve() == Path(port).resolve()) if _BY_ID.is_dir() else []
    )
    return str(same[0]) if same else port


def _entry(device: FoundDevice, link: str, ids: Sequence[str]) -> dict[str, object] | None:
    if device.best is None:
        return None
    model = device.best.profile.rpartition("/")[2].replace(".", "-")
    entry: dict[str, object] = {"id": _free(model, ids), "profile": device.best.profile, "link": link}
    if device.unit_id is not None:
        entry["unit_id"] = device.unit_id
    elif device.protocol == "mbus" and device.address:
        is_primary = device.address.isdecimal() and int(device.address) <= 250  # noqa: PLR2004 - the last primary one
        entry |= {"unit_id": int(device.address)} if is_primary else {"meter_address": device.address}
    return entry


def lacking_settings(path: Path, site: Site, entry: Mapping[str, object]) -> tuple[str, ...]:
    """Return the settings that the profile demands and that no scan can know."""
    folders = tuple(path.parent / folder for folder in site.profiles)
    profile = Catalog(load_vocabulary(), folders).find(str(entry["profile"])).profile
    try:
        settings = DeviceSettings.model_validate(entry)
    except ValidationError as exc:
        first = exc.errors()[0]
        raise ConfigError(f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}") from exc
    return missing_settings(profile, settings)


def _remark(device: FoundDevice) -> str:
    if device.best is None or (device.best.is_certain and len(device.candidates) == 1):
        return ""
    others = [each for each in device.candidates[1:] if each.confidence == device.best.confidence]
    doubt = f", or {', '.join(each.profile for each in others[:2])}" if others else ""
    return f"found by a scan, {device.best.confidence:.0%}{doubt}"


def where_found(device: FoundDevice) -> str:
    """Return where a device answered, in words."""
    return f"unit {device.unit_id}" if device.unit_id is not None else device.address or device.protocol


def _free(name: str, ids: Sequence[str]) -> str:
    """Return the name, with a number where it is taken."""
    return next(each for each in _numbered(name) if each not in ids)


def _numbered(name: str) -> Iterator[str]:
    stem = re.sub(r"_\d+$", "", name)
    yield name
    for number in range(2, 1000):
        yield f"{stem[: _LONGEST_ID - 4]}_{number}"


def _flow(entry: Mapping[str, object]) -> str:
    return "{" + ", ".join(f"{key}: {_plain(value)}" for key, value in entry.items()) + "}"


def _plain(value: object) -> str:
    text = str(value)
    is_plain = isinstance(value, int) or re.fullmatch(r"[A-Za-z/][\w./-]*", text)
    return text if is_plain else "'" + text.replace("'", "''") + "'"
