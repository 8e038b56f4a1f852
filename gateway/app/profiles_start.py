"""What a new profile can be begun from: the registers of a survey, or a capture of registers or telegrams."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from struct import unpack

from drivers.meters import STREAMS
from drivers.modbus.pdu import BIT_TABLES, FUNCTIONS, ReadRequest
from drivers.modbus.transports import framing_of
from drivers.profile import Table
from drivers.records.telegram import Damaged, Telegram
from drivers.scan.found import SurveyRow
from drivers.scan.survey import runs
from gateway.core.errors import ConfigError
from gateway.core.site import LinkSettings
from gateway.sim.capture import Capture, load_capture

_TABLES: Mapping[int, Table] = {function: table for table, function in FUNCTIONS.items()}
_REQUEST_BYTES = 5
_SPEED = re.compile(r"(?P<baudrate>\d+) (?P<data_bits>[78])(?P<parity>[NEO])(?P<stop_bits>[12])")
_CRC = re.compile(rb"![0-9A-F]{4}\s*\Z")
_P1_CODES = ("1-3:0.2.8", "0-0:1.0.0", "0-0:96.1.1")
"""Version, time and identifier of the equipment. Source: DSMR P1 Companion Standard, section 6.12."""
_PARITIES = {"N": "none", "E": "even", "O": "odd"}

LinkWords = Mapping[str, str | int]
"""Keys of `link_defaults`, as far as they are known."""


@dataclass(frozen=True, slots=True)
class Registers:
    """A Modbus device that answered."""

    unit_id: int
    rows: tuple[SurveyRow, ...]
    link: LinkWords = field(default_factory=dict)
    identity: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter that described itself."""

    telegram: Telegram
    """The one with the most records."""
    link: LinkWords = field(default_factory=dict)

    @property
    def serial_number(self) -> str:
        """What tells it from other meters in the same capture."""
        return self.telegram.meter.serial_number or self.telegram.meter.address or "?"


Start = Registers | Meter


def load_start(path: Path, *, unit: int | None = None, meter: str | None = None, key: bytes | None = None) -> Start:
    """Return the device in a survey or a capture.

    Args:
        path: What `kvarter scan --survey --json` printed, or what `kvarter trace --capture` wrote.
        unit: Which of several Modbus devices.
        meter: Serial number, which of several meters.
        key: What opens encrypted telegrams.

    Raises:
        ConfigError: the file is neither, or nothing in it answers, or one of several devices must be chosen.
    """
    text = _text(path)
    if '"kvarter_capture"' in text.partition("\n")[0]:
        return _from_capture(path, text, unit=unit, meter=meter, key=key)
    try:
        tree = json.loads(text)
        found = list(_surveyed(tree))
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise ConfigError(
            f"{path}: neither a survey (kvarter scan --survey --json) nor a capture (kvarter trace --capture)"
        ) from exc
    if not found:
        raise ConfigError(
            f"{path}: no device in it was surveyed: use --survey with kvarter scan; of a meter that describes itself, "
            "take a capture with kvarter trace"
        )
    return _chosen(path, found, unit)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: not text") from exc


def _surveyed(tree: object) -> Iterator[Registers]:
    """Yield the devices with registers in what a scan printed, or in one device of it."""
    devices = tree.get("devices", [tree]) if isinstance(tree, dict) else []
    if not isinstance(tree, dict) or not ("devices" in tree or "survey" in tree):
        raise ValueError("no survey")
    for device in devices:
        rows = tuple(
            SurveyRow(Table(row["table"]).value, int(row["address"]), tuple(int(word) for word in row["registers"]))
            for row in device["survey"]
        )
        if rows:
            link = {**_speed(str(device.get("settings") or "")), **_socket(str(tree.get("port") or ""))}
            identity = {str(name): str(text) for name, text in (device.get("identity") or {}).items()}
            yield Registers(int(device.get("unit_id") or 1), rows, link, identity)


def _speed(settings: str) -> dict[str, str | int]:
    match = _SPEED.match(settings)
    if match is None:
        return {}
    numbers = {name: int(match[name]) for name in ("baudrate", "stop_bits")}
    bits = {"data_bits": 7} if match["data_bits"] == "7" else {}
    return {"baudrate": numbers["baudrate"], "parity": _PARITIES[match["parity"]], **bits, **numbers}


def _socket(port: str) -> dict[str, str | int]:
    number = port.rpartition(":")[2]
    return {"tcp_port": int(number)} if ":" in port and "/" not in port and number.isdecimal() else {}


def _chosen(path: Path, found: Sequence[Registers], unit: int | None) -> Registers:
    units = ", ".join(str(each.unit_id) for each in found)
    fitting = [each for each in found if unit in (None, each.unit_id)]
    if not fitting:
        raise ConfigError(f"{path}: unit {unit} is not in it; it has {units}")
    if len(fitting) > 1:
        raise ConfigError(f"{path}: several devices answered; say which one with --unit: {units}")
    return fitting[0]


def _from_capture(path: Path, text: str, *, unit: int | None, meter: str | None, key: bytes | None) -> Start:
    capture = load_capture(path)
    head = json.loads(text.partition("\n")[0])
    link = {name: head[name] for name in ("baudrate", "parity") if head.get(name) is not None}
    link |= _socket(str(head.get("port") or ""))
    registers = list(_registers(capture, link))
    if registers and meter is None:
        return _chosen(path, registers, unit)
    telegrams, reasons = _telegrams(capture, key)
    meters: dict[str, Meter] = {}
    for telegram in telegrams:
        each = Meter(telegram, link)
        known = meters.get(each.serial_number)
        if known is None or len(telegram.records) > len(known.telegram.records):
            meters[each.serial_number] = each
    fitting = [each for number, each in meters.items() if meter in (None, number)]
    if len(fitting) == 1:
        return fitting[0]
    if meters:
        raise ConfigError(f"{path}: several meters, or another one; say which one with --meter: {', '.join(meters)}")
    wanted = [reason for reason in reasons if "key" in reason]
    raise ConfigError(f"{path}: no answer of a device is in it" + (f": {wanted[0]}" if wanted else ""))


def _registers(capture: Capture, link: LinkWords) -> Iterator[Registers]:
    """Yield each unit that gave registers, with the last content of each."""
    held: dict[int, dict[Table, dict[int, int]]] = {}
    for unit, request, payload in _exchanges(capture):
        if request.table in BIT_TABLES:
            words = [payload[index // 8] >> index % 8 & 1 for index in range(request.count)]
        else:
            words = list(unpack(f">{request.count}H", payload))
        table = held.setdefault(unit, {}).setdefault(request.table, {})
        table |= {request.address + index: word for index, word in enumerate(words)}
    for unit, tables in held.items():
        yield Registers(unit, tuple(row for table, each in tables.items() for row in runs(table, each)), link)


def _exchanges(capture: Capture) -> Iterator[tuple[int, ReadRequest, bytes]]:
    """Yield unit, request and registers of each request for registers that was answered."""
    settings = LinkSettings(id="capture", tcp="192.0.2.1:502", framing=capture.framing)
    heard = framing_of(settings)
    asked: dict[int, ReadRequest] = {}
    for chunk in capture.chunks:
        # Each request was written at once; what was heard of another client's comes in like the answers.
        frames = (framing_of(settings) if chunk.direction == "out" else heard).feed(chunk.octets)
        for frame in frames:
            request = asked.get(frame.unit)
            answer = request.answer(frame.pdu) if request is not None and chunk.direction == "in" else None
            if request is not None and isinstance(answer, bytes):
                yield frame.unit, request, answer
                del asked[frame.unit]
            elif (read := _request(frame.pdu)) is not None:
                asked[frame.unit] = read


def _request(pdu: bytes) -> ReadRequest | None:
    table = _TABLES.get(pdu[0])
    if table is None or len(pdu) != _REQUEST_BYTES:
        return None
    try:
        return ReadRequest(table, int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big"))
    except ValueError:
        return None


def _telegrams(capture: Capture, key: bytes | None) -> tuple[list[Telegram], list[str]]:
    """Return the telegrams of the protocol that most of what came in is of, and what is wrong with others."""
    found: dict[str, list[Telegram]] = {}
    reasons: list[str] = []
    for protocol, make in STREAMS.items():
        stream = make(key)
        chunks = (chunk for chunk in capture.chunks if chunk.direction == "in")
        findings = [finding for chunk in chunks for finding in stream.feed(chunk.octets)]
        findings += stream.finish()
        found[protocol] = [each for each in findings if isinstance(each, Telegram) and each.records]
        reasons += [each.reason for each in findings if isinstance(each, Damaged)]
    if found["p1"] and found["d0"] and not any(_is_p1(each) for each in found["p1"]):
        found["p1"] = []
    best = max(found.values(), key=lambda telegrams: sum(len(each.raw) for each in telegrams))
    return best, reasons


def _is_p1(telegram: Telegram) -> bool:
    """Return whether a readout that could be of either protocol has what only a P1 port sends."""
    codes = {record.code for record in telegram.records}
    return _CRC.search(telegram.raw) is not None or not codes.isdisjoint(_P1_CODES)
