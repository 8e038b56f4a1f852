"""A profile is begun from what a device said, and completed by a person."""

import json
import re
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivers.catalog import Catalog
from drivers.modbus.checksum import crc16
from drivers.profile_records import KmpProfile, MbusProfile, ObisProfile, TelegramTest
from drivers.scan.found import SurveyRow
from gateway.app.profiles_check import check_profile
from gateway.app.profiles_guess import candidates
from gateway.app.profiles_new import begin_profile
from gateway.app.profiles_start import Meter, Registers, load_start
from gateway.cli.profiles import app
from gateway.core.errors import ConfigError
from gateway.core.quantity import load_vocabulary

VOCABULARY = load_vocabulary()
CATALOG = Catalog(VOCABULARY)
RECORD_PROFILES = [
    file.profile
    for file in CATALOG
    if isinstance(file.profile, MbusProfile | KmpProfile | ObisProfile)
    and not getattr(getattr(file.profile, "obis", None), "device_type", ())
    and not any(test.key for test in file.profile.tests)
]
TIME = "2026-11-22T10:00:00.000Z"


def survey(*devices: tuple[int, list[tuple[str, int, list[int]]]]) -> str:
    """What `kvarter scan --survey --json` prints of some units."""
    found = [
        {
            "protocol": "modbus",
            "unit_id": unit,
            "settings": "19200 8E1",
            "identity": {"maker": "Acme"},
            "survey": [{"table": table, "address": address, "registers": words} for table, address, words in rows],
        }
        for unit, rows in devices
    ]
    return json.dumps({"port": "/dev/ttyUSB0", "devices": found, "verdict": []}, indent=2)


def capture(*chunks: tuple[str, bytes], framing: str = "rtu", port: str = "/dev/ttyUSB0") -> str:
    """What `kvarter trace --capture` writes."""
    head = {"kvarter_capture": 1, "port": port, "framing": framing, "baudrate": 2400, "parity": "even"}
    lines = [{"time": TIME, "direction": direction, "hex": octets.hex()} for direction, octets in chunks]
    return "\n".join(json.dumps(each) for each in (head, *lines)) + "\n"


def rtu(unit: int, pdu: bytes) -> bytes:
    """A frame on a serial bus."""
    body = bytes((unit,)) + pdu
    return body + crc16(body).to_bytes(2, "little")


def asked(unit: int, function: int, first: int, words: Sequence[int]) -> list[tuple[str, bytes]]:
    """A request for registers and its answer."""
    answer = struct.pack(f">BB{len(words)}H", function, 2 * len(words), *words)
    return [("out", rtu(unit, struct.pack(">BHH", function, first, len(words)))), ("in", rtu(unit, answer))]


def fullest(profile: MbusProfile | KmpProfile | ObisProfile) -> TelegramTest:
    """The test of a profile that expects most values."""
    return max(profile.tests, key=lambda test: sum(value is not None for value in test.expect.values()))


def telegram_of(profile: MbusProfile | KmpProfile | ObisProfile) -> bytes:
    """The bytes of that test."""
    text = fullest(profile).telegram
    if profile.protocol in ("p1", "d0"):
        return text.replace("\r", "").replace("\n", "\r\n").encode("latin-1")
    return bytes.fromhex(text)


def kept(folder: Path, text: str) -> Path:
    """The file of a survey or capture."""
    path = folder / "what-answered.json"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ([0x4366, 0x199A], ["# 4366 199A: uint16 17254; big uint32 1130764698, float32 230.1"]),
        ([0x199A, 0x4366], ["type: float32, word_order: little, unit: UNIT}  # 199A 4366: "]),
        ([0xFF38], ["type: int16, unit: UNIT}  # FF38: uint16 65336, int16 -200"]),
        ([0x0012, 0xD687], ["type: uint16, unit: UNIT}  # 0012: uint16 18; big uint32 1234567;", "type: int16"]),
        ([0, 0, 0, 7], ["0x0010 to 0x0012: 0", "type: uint16"]),
        ([0x4163, 0x6D65, 0x2031], ["type: string, count: 3, unit: UNIT}  # 'Acme 1'"]),
    ],
)  # fmt: skip
def test_registers_are_read_in_each_way(words: list[int], lines: list[str]) -> None:
    """Each register is offered as the number or text that it most likely is, beside all other ways of reading it."""
    found = list(candidates(SurveyRow("holding", 0x10, tuple(words))))
    assert len(found) == len(lines)
    assert all(wanted in line and line.startswith("# ") for wanted, line in zip(lines, found, strict=True))


def test_bits_are_bits() -> None:
    """Coils and discrete inputs are offered one by one."""
    assert list(candidates(SurveyRow("coil", 4, (1, 0)))) == [
        "# - {point: POINT, address: 0x0004, type: bit, unit: UNIT}  # 1",
        "# - {point: POINT, address: 0x0005, type: bit, unit: UNIT}  # 0",
    ]


async def test_survey_becomes_a_profile(tmp_path: Path) -> None:
    """The lines of a draft, uncommented and completed, are a profile that is right."""
    words = [0x4366, 0x199A, 0x0000, 0x0000]
    source = kept(tmp_path, survey((7, [("input", 0, words), ("holding", 0x100, [0xFF38])])))
    output = tmp_path / "acme" / "meter-2.yaml"
    result = CliRunner().invoke(app, ["new", "--from", str(source), "-o", str(output)])
    assert result.exit_code == 0, result.output
    draft = output.read_text(encoding="utf-8")
    assert "link_defaults: {baudrate: 19200, parity: even, stop_bits: 1, unit_id: 7}" in draft
    missing = [fault.key for fault in (await check_profile(output)).faults]
    assert missing == ["source", "points", "tests[0].registers", "tests[0].expect", "tests[0].note"]
    done = draft.replace("source: []", "source: [{document: Acme registers, version: '1', note: all}]")
    done = re.sub(r"# (- \{point: )POINT(, address: 0x0000.*unit: )UNIT", r"\1elec_voltage_l1\2V", done)
    done = re.sub(r"# (- \{point: )POINT(, address: 0x0100.*unit: )UNIT", r"\1indoor_temp\2Cel, scale: 0.1", done)
    done = done.replace("      # 0x0000: [", "      0x0000: [")
    done = done.replace("expect:", "expect: {elec_voltage_l1: 230.1}").replace("note:\n", "note: of the display\n")
    output.write_text(done, encoding="utf-8")
    verdict = await check_profile(output)
    assert [str(fault) for fault in verdict.faults] == []
    assert verdict.profile is not None
    assert [point.point for point in verdict.profile.points] == ["elec_voltage_l1", "indoor_temp"]


def test_capture_of_registers(tmp_path: Path) -> None:
    """What a bus was asked and answered gives the registers of the unit, what came last, and no refusals."""
    refused = [("out", rtu(3, struct.pack(">BHH", 4, 500, 2))), ("in", rtu(3, b"\x84\x02"))]
    chunks = [*asked(3, 4, 0, [1, 2]), *asked(3, 3, 10, [9]), *refused, *asked(3, 4, 1, [5, 6])]
    start = load_start(kept(tmp_path, capture(*chunks)))
    assert isinstance(start, Registers)
    assert start.unit_id == 3
    assert {(row.table, row.address): row.registers for row in start.rows} == {
        ("input", 0): (1, 5, 6),
        ("holding", 10): (9,),
    }
    assert dict(start.link) == {"baudrate": 2400, "parity": "even"}


def test_capture_that_only_listened(tmp_path: Path) -> None:
    """Requests of another client, which came in like their answers, give the registers as well."""
    heard = [("in", octets) for _, octets in asked(3, 3, 10, [9, 8])]
    start = load_start(kept(tmp_path, capture(*heard)))
    assert isinstance(start, Registers)
    assert [(row.table, row.address, row.registers) for row in start.rows] == [("holding", 10, (9, 8))]


def test_capture_of_a_socket(tmp_path: Path) -> None:
    """Modbus TCP is understood, bits included, and the port becomes the profile's."""
    request = bytes.fromhex("000100000006 01 01 0003 0003")
    answer = bytes.fromhex("000100000004 01 01 01 05")
    start = load_start(kept(tmp_path, capture(("out", request), ("in", answer), framing="tcp", port="192.0.2.1:502")))
    assert isinstance(start, Registers)
    assert [(row.table, row.address, row.registers) for row in start.rows] == [("coil", 3, (1, 0, 1))]
    assert start.link["tcp_port"] == 502


@pytest.mark.parametrize("profile", RECORD_PROFILES, ids=lambda profile: profile.profile)
async def test_telegram_becomes_a_profile(tmp_path: Path, profile: MbusProfile | KmpProfile | ObisProfile) -> None:
    """A draft from a meter's telegram, completed with the values of its display, is a profile that reads them."""
    octets = telegram_of(profile)
    pieces = [("in", octets[start : start + 40]) for start in range(0, len(octets), 40)]
    start = load_start(kept(tmp_path, capture(*pieces)))
    assert isinstance(start, Meter)
    assert start.telegram.protocol == profile.protocol
    output = tmp_path / "acme" / "meter-3.yaml"
    output.parent.mkdir()
    draft = begin_profile(start, output, CATALOG, came_from="capture", vocabulary=VOCABULARY)
    values = {name: value for name, value in fullest(profile).expect.items() if value is not None}
    done = draft.replace("source: []", "source: [{document: Acme, version: '1', note: all}]")
    for name, value in values.items():
        done = done.replace(f"      # {name}:\n", f"      {name}: {value}\n")
    named = [name for name in values if re.search(rf"^      {name}: ", done, re.MULTILINE)]
    assert named
    output.write_text(done.replace("    note:\n", "    note: of the display\n"), encoding="utf-8")
    verdict = await check_profile(output)
    assert [str(fault) for fault in verdict.faults] == []
    assert verdict.values == len(named)


async def test_record_without_a_name_is_offered(tmp_path: Path) -> None:
    """What no profile knows of a telegram stands there as a comment, with all that selects it."""
    profile = next(each for each in RECORD_PROFILES if each.profile == "kamstrup/multical-403")
    start = load_start(kept(tmp_path, capture(("in", telegram_of(profile)))))
    text = begin_profile(start, tmp_path / "a" / "b.yaml", CATALOG, came_from="capture", vocabulary=VOCABULARY)
    assert "mbus: {maker: KAM, medium: [heat]}" in text
    assert "  - {point: heat_flow, quantity: volume_flow}  # 0.100 m3/h" in text
    assert "  # - {point: POINT, quantity: energy, storage: 1}  # 40960000000 J" in text
    assert "minimum_interval: 1h" in text


def test_one_of_several_is_chosen(tmp_path: Path) -> None:
    """Where several devices answered, one is named; the message lists them."""
    source = kept(tmp_path, survey((1, [("input", 0, [1])]), (2, [("input", 0, [2])])))
    with pytest.raises(ConfigError, match=r"--unit: 1, 2"):
        load_start(source)
    start = load_start(source, unit=2)
    assert isinstance(start, Registers)
    assert start.rows[0].registers == (2,)
    with pytest.raises(ConfigError, match="unit 9 is not in it"):
        load_start(source, unit=9)


def test_one_of_several_meters_is_chosen(tmp_path: Path) -> None:
    """Meters on one line are told apart by their serial number."""
    first = telegram_of(next(each for each in RECORD_PROFILES if each.profile == "kamstrup/multical-403"))
    body = first[4:7] + bytes.fromhex("21436587") + first[11:-2]
    second = first[:4] + body + bytes((sum(body) & 0xFF, 0x16))
    source = kept(tmp_path, capture(("in", first), ("in", second)))
    with pytest.raises(ConfigError, match="--meter") as caught:
        load_start(source)
    assert str(caught.value).endswith("--meter: 12345678, 87654321")
    start = load_start(source, meter="87654321")
    assert isinstance(start, Meter)
    assert start.telegram.raw == second


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "neither a survey"),
        ("[1, 2]", "neither a survey"),
        ('{"devices": [{"unit_id": 1}]}', "neither a survey"),
        (survey((1, [])), "no device in it was surveyed"),
        (capture(("in", b"\x00" * 40)), "no answer of a device is in it"),
    ],
)
def test_file_that_holds_no_device(tmp_path: Path, text: str, message: str) -> None:
    """What is no survey and no capture, or holds nothing, is said in one sentence."""
    with pytest.raises(ConfigError, match=message):
        load_start(kept(tmp_path, text))


def test_profile_is_never_written_over(tmp_path: Path) -> None:
    """A file that exists, or a name that cannot be an id, is refused."""
    source = kept(tmp_path, survey((1, [("input", 0, [1])])))
    output = tmp_path / "acme" / "meter-1.yaml"
    output.parent.mkdir()
    output.write_text("mine", encoding="utf-8")
    result = CliRunner().invoke(app, ["new", "--from", str(source), "-o", str(output)])
    assert isinstance(result.exception, ConfigError)
    assert output.read_text(encoding="utf-8") == "mine"
    result = CliRunner().invoke(app, ["new", "--from", str(source), "-o", str(tmp_path / "Acme" / "Meter 1.yaml")])
    assert "MAKER/MODEL.yaml" in str(result.exception)
