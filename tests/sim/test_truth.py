"""The log of what was served, and what it says."""

from pathlib import Path

import pytest

from drivers.profile import Table
from gateway.core.errors import ConfigError
from gateway.sim.truth import Served, TruthLog, points_served, read_log
from gateway.sim.values import FixedValues
from tests.fakes import FakeClock
from tests.sim.workbench import device_of, every_type

ANSWERS = [
    Served(1000, "meter", Table.HOLDING, 102, (0x4366, 0x199A)),
    Served(1010, "other", Table.COIL, 5, (1,)),
]
POINTS = every_type().points[1]


def served(*answers: tuple[int, tuple[int, ...]]) -> list[tuple[int, dict[str, float | int | None]]]:
    records = [
        Served(1000 + index, "meter", Table.HOLDING, address, words) for index, (address, words) in enumerate(answers)
    ]
    return [(time_ms, dict(values)) for time_ms, values in points_served(records, POINTS, device="meter")]


def test_a_log_is_read_back_as_written(tmp_path: Path) -> None:
    """What was noted is in the file once the log is closed, also when it was opened twice."""
    for answer in ANSWERS:
        with TruthLog(tmp_path / "truth.jsonl") as log:
            log.record(
                time_ms=answer.time_ms,
                device=answer.device,
                table=answer.table,
                address=answer.address,
                registers=answer.registers,
            )
    assert list(read_log(tmp_path / "truth.jsonl")) == ANSWERS


def test_every_answer_of_a_device_is_in_its_log(tmp_path: Path) -> None:
    """Values that a device served are read back from its log with their time, in the vocabulary's unit."""
    clock = FakeClock(utc_ms=5000)
    values = {"elec_voltage_l1": 230.5, "elec_voltage_l2": 230.1, "hp_operating_mode": 2, "ev_state": 4, "ev_error": 1}
    with TruthLog(tmp_path / "truth.jsonl") as log:
        device = device_of(every_type(), FixedValues(values), clock=clock, log=log)
        device.read(Table.HOLDING, 100, 4)
        clock.step_wall(7)
        device.read(Table.HOLDING, 200, 1)
        device.read(Table.HOLDING, 210, 1)
    log_of_device = points_served(read_log(tmp_path / "truth.jsonl"), POINTS, device="device_1")
    assert [(time_ms, dict(said)) for time_ms, said in log_of_device] == [
        (5000, {"elec_voltage_l1": 230.5, "elec_voltage_l2": 230.1}),
        (5007, {"hp_operating_mode": 2, "hp_alarm": 0}),
        (5007, {"ev_state": 4, "ev_error": 1}),
    ]


def test_only_the_device_asked_for_counts() -> None:
    """Answers of other devices say nothing of this one."""
    assert [time_ms for time_ms, _ in points_served(ANSWERS, POINTS, device="meter")] == [1000]


def test_a_part_of_a_value_is_no_value() -> None:
    """An answer with only one register of a value does not say it."""
    assert served((103, (0x199A,)), (102, (0x4366,))) == []


def test_parts_of_a_sum_may_come_apart() -> None:
    """A sum is said by the answer that brings its last part, and again only when all parts came again."""
    assert served((180, (345,)), (190, (12,)), (190, (13,)), (180, (1,))) == [
        (1001, {"hp_elec_energy": 12345}),
        (1003, {"hp_elec_energy": 13001}),
    ]


def test_a_value_and_its_exponent_come_together() -> None:
    """A value whose exponent was not in the same answer is not known."""
    assert served((173, (1,)), (170, (5, 6))) == []
    assert served((170, (5, 6)), (173, (1,))) == []


def test_no_value_is_said_as_none() -> None:
    """A device that served its code for 'no value' said none."""
    assert served((110, (0xFFFF, 0x8000))) == [(1000, {"elec_current_l1": None, "elec_current_l2": None})]


@pytest.mark.parametrize("line", ["{}", "[1,2]", '[1,"a","nowhere",0,[]]', "no json"])
def test_what_is_no_log_is_said(tmp_path: Path, line: str) -> None:
    """A line that is no answer is named with its number."""
    path = tmp_path / "truth.jsonl"
    path.write_text('[1,"a","coil",0,[]]\n' + line + "\n")
    with pytest.raises(ConfigError, match=r"truth.jsonl:2: not a line"):
        list(read_log(path))


def test_a_log_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A log that cannot be read is a configuration error."""
    with pytest.raises(ConfigError, match="cannot be read"):
        list(read_log(tmp_path / "truth.jsonl"))
