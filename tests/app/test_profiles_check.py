"""One profile file is checked: each fault with its line and key, its tests run, its requests planned."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivers.catalog import BUNDLED, Catalog
from gateway.app.profiles_check import Verdict, check_profile
from gateway.cli.profiles import app
from gateway.core.quantity import load_vocabulary

METER = """\
profile: acme/meter-1
maker: Acme
model: Meter 1
kind: electricity_meter
source:
  - {document: Acme registers, version: "1.2", note: input registers}
  - {document: a second source, version: "7", note: the same}
caveats: [none is known]
setup: [hold the button]
protocol: modbus
modbus: {table: input, word_order: big, max_registers: 60}
interval: 10s
fingerprint: [{address: 0x0000, type: float32, between: [200, 260]}]
points:
  - {point: elec_voltage_l1, address: 0x0000, type: float32, unit: V}
  - {point: elec_energy_import, address: 0x0048, type: uint32, unit: kWh, scale: 0.01, interval: 1min}
  - {point: pv_state, address: 0x0050, type: uint16, unit: "1", states: {0: 1, 1: 2}, absent: [0xFFFF]}
tests:
  - registers: {0x0000: [0x4366, 0x199A], 0x0048: [0x0012, 0xD687], 0x0050: [1]}
    expect: {elec_voltage_l1: 230.1, elec_energy_import: 12345.67, pv_state: 2}
    note: by hand
"""


def written(folder: Path, text: str) -> Path:
    """The file of a profile."""
    path = folder / "acme" / "meter-1.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def faults(verdict: Verdict) -> list[str]:
    """Faults without the name of the file, which differs from test to test."""
    return [str(fault).removeprefix(f"{verdict.path}:") for fault in verdict.faults]


async def test_bundled_profiles_are_right() -> None:
    """No profile that is delivered has a fault, and every value that its tests expect is read."""
    wrong, compared = [], 0
    for file in Catalog(load_vocabulary()):
        verdict = await check_profile(file.path)
        wrong += [str(fault) for fault in verdict.faults]
        compared += verdict.values
        assert verdict.plans or wrong
    assert wrong == []
    assert compared > 1500


async def test_right_profile_says_what_it_asks(tmp_path: Path) -> None:
    """The requests of each interval are planned on a serial bus of 9600 baud and on a socket."""
    verdict = await check_profile(written(tmp_path, METER))
    assert verdict.is_right
    assert verdict.values == 3
    assert verdict.summary == ("acme/meter-1: right. 3 points; 1 test gave the 3 values that their author expects")
    assert [row[:4] for row in verdict.plan_rows()] == [
        ("RTU, 9600 baud", "10s", "2", "input 0+2, input 80+1"),
        ("RTU, 9600 baud", "1min", "1", "input 72+2"),
        ("TCP", "10s", "2", "input 0+2, input 80+1"),
        ("TCP", "1min", "1", "input 72+2"),
    ]
    slow, fast = (
        sum(plan.plan.duration_s for plan in verdict.plans if plan.link == link) for link in ("RTU, 9600 baud", "TCP")
    )
    assert slow > fast > 0
    assert verdict.remarks == (
        "verified by nobody yet: compare the values with the display of a device, and say so under `verified`",
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("unit: V}", "unit: Volt}", "15: points[0].unit: unknown unit 'Volt': use one of V, mV, kV"),
        ("unit: V}", "unit: ''}", "15: points[0].unit: unknown unit '': use one of V, mV, kV"),
        (
            "interval: 10s\n",
            "interval: 10s\nlink_defaults: {baudrate: 2}\n",
            "13: link_defaults.baudrate: input should be greater than or equal to 300",
        ),
        ("unit: V}", "unit: V, scael: 2}", "15: points[0].scael: unknown key; did you mean scale?"),
        (
            "elec_voltage_l1, address",
            "elec_voltage_1, address",
            "15: points[0].point: 'elec_voltage_1' is not in the vocabulary; did you mean elec_voltage_l1?",
        ),
        (
            "word_order: big, ",
            "",
            "15: points[0]: word_order is stated neither here nor under modbus; it has no default",
        ),
        ("0x0048, type", "0x0001, type", "16: points[1]: elec_energy_import overlaps elec_voltage_l1: register 0x0001"),
        (
            "max_registers: 60",
            "max_registers: 1",
            "15: points[0]: elec_voltage_l1 takes 2 registers, and a request at most 1 (max_registers)",
        ),
        ("60}", "60, holes: [[72, 75]]}", "16: points[1]: elec_energy_import lies in the hole 0x0048 to 0x004B"),
        ("[0xFFFF]", "[-1]", "17: points[2].absent[0]: -1 does not fit into uint16; write it as an unsigned number"),
        (
            "0: 1, 1: 2}",
            "0: 1, 1: 99}",
            "17: points[2].states[1]: 99 is not a code of pv_state: 1, 2, 3, 4, 5, 6, 7, 8",
        ),
        ("type: uint16", "type: bit", "17: points[2]: bit cannot lie in table input"),
        ("230.1,", "231.1,", "20: tests[0].expect.elec_voltage_l1: is 230.1, where 231.1 is expected"),
        ("state: 2}", "state: null}", "20: tests[0].expect.pv_state: is 2, where no value is expected"),
        ("0x0050: [1]}", "0x0051: [1]}", "20: tests[0].expect.pv_state: the test does not give input 0x0050"),
        ("0x4366, 0x199A", "0x4566, 0x199A", "20: tests[0].expect.elec_voltage_l1: is 3681.6, where 230.1 is expected"),
        ("pv_state: 2}", "elec_current_l1: 2}", "20: tests[0].expect.elec_current_l1: is no point of this profile"),
        ("    note: by hand", "    instance: 2", "19: tests[0]: acme/meter-1 has 1 instance(s), not 2"),
        ("interval: 10s\n", "interval: 10\n", "12: interval: 10 has no unit: write for example 10s"),
    ],
)
async def test_fault_is_named_with_line_and_key(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """Whatever is wrong in a profile is said with its line, its key, and what to write instead where that is known."""
    assert METER.count(old) == 1
    verdict = await check_profile(written(tmp_path, METER.replace(old, new)))
    assert expected in faults(verdict)
    assert not verdict.is_right
    assert verdict.plans == ()


async def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    """Several faults come in one go, by line."""
    text = (
        METER.replace("unit: V}", "unit: Volt}")
        .replace("unit: kWh", "unit: kW")
        .replace("states: {0: 1", "states: {0: 99")
    )
    lines = [fault.line for fault in (await check_profile(written(tmp_path, text))).faults]
    assert lines == [15, 16, 17]


async def test_faulty_values_beside_good_ones(tmp_path: Path) -> None:
    """A value outside of the plausible range is a fault although it is the one that is expected."""
    text = METER.replace("unit: V}", "unit: V, limits: [100, 200]}")
    verdict = await check_profile(written(tmp_path, text))
    assert faults(verdict) == ["20: tests[0].expect.elec_voltage_l1: 230.1 lies outside of the plausible range"]


async def test_file_that_is_no_profile(tmp_path: Path) -> None:
    """What cannot be read or is no YAML is one fault of the file."""
    missing = await check_profile(tmp_path / "none.yaml")
    assert faults(missing) == [" cannot be read: No such file or directory"]
    torn = await check_profile(written(tmp_path, "profile: [\n"))
    assert torn.faults[0].line is not None
    assert "not valid YAML" in torn.faults[0].problem


async def test_remarks_are_no_faults(tmp_path: Path) -> None:
    """What others miss in a profile is said, and does not make it wrong."""
    text = METER.replace("caveats: [none is known]\n", "").replace("setup: [hold the button]\n", "")
    text = text.replace('  - {document: a second source, version: "7", note: the same}\n', "")
    path = tmp_path / "draft.yaml"
    path.write_text(text.replace(", pv_state: 2", ""), encoding="utf-8")
    verdict = await check_profile(path)
    assert verdict.is_right
    said = "\n".join(verdict.remarks)
    for word in ("acme/meter-1.yaml", "one source", "no caveats", "no setup", "pv_state", "fewer than 3"):
        assert word in said


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        ("heat_flow: 0.5", "heat_flow: 0.6", "tests[0].expect.heat_flow", "is 0.5, where 0.6 is expected"),
        ("40 3F 10 00 3C 03", "40 3F 10 00 3C 04", "tests[0]", "no kmp telegram: "),
        ("40 3F 10 00 3C 03", "40 3F 10 00 3C 0", "tests[0]", "the telegram is not hexadecimal: "),
        ("quantity: volume_flow}", "quantity: volume_flow, unit: kW}", "points[5].unit", "no conversion from 'kW'"),
    ],
)
async def test_telegrams_are_decoded(tmp_path: Path, old: str, new: str, key: str, problem: str) -> None:
    """A telegram of a test that says something else, or is damaged, is a fault at its place."""
    text = (BUNDLED / "kamstrup" / "multical-302-kmp.yaml").read_text(encoding="utf-8")
    assert old in text
    verdict = await check_profile(written(tmp_path, text.replace(old, new, 1)))
    assert [fault.key for fault in verdict.faults] == [key]
    assert problem in verdict.faults[0].problem


async def test_sunspec_points_must_be_in_their_model(tmp_path: Path) -> None:
    """A point that the named model does not have is a fault."""
    text = (BUNDLED / "sunspec" / "battery.yaml").read_text(encoding="utf-8")
    first = next(line for line in text.splitlines() if "name: " in line and "model: " in line)
    name = first.partition("name: ")[2].split(",")[0].split("}")[0]
    verdict = await check_profile(written(tmp_path, text.replace(f"name: {name}", "name: Nonsense", 1)))
    assert "has no point Nonsense" in verdict.faults[0].problem


def test_check_tells_by_its_exit_code(tmp_path: Path) -> None:
    """The command ends with 2 where the profile is wrong, and JSON has file, line and key."""
    assert CliRunner().invoke(app, ["check", str(written(tmp_path, METER))]).exit_code == 0
    path = written(tmp_path, METER.replace("unit: V}", "unit: Volt}"))
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 2
    assert f"error: {path}:15: points[0].unit: unknown unit" in result.stderr
    result = CliRunner().invoke(app, ["check", str(path), "--json"])
    assert result.exit_code == 2
    tree = json.loads(result.stdout)
    assert tree["ok"] is False
    assert tree["faults"][0] == {
        "file": str(path),
        "line": 15,
        "key": "points[0].unit",
        "problem": "unknown unit 'Volt': use one of V, mV, kV",
    }


def test_check_prints_its_plan_as_json(tmp_path: Path) -> None:
    """A program reads the planned requests of each link."""
    tree = json.loads(CliRunner().invoke(app, ["check", str(written(tmp_path, METER)), "--json"]).stdout)
    assert tree["ok"] is True
    assert tree["plans"][0]["requests"] == [
        {"table": "input", "address": 0, "count": 2},
        {"table": "input", "address": 80, "count": 1},
    ]
    assert {plan["link"] for plan in tree["plans"]} == {"RTU, 9600 baud", "TCP"}
