"""The pure parts of the scan: what is tried first, what is heard, which model it is, what an installer is told."""

import pytest

from drivers.catalog import Catalog
from drivers.profile import ModbusProfile, Table
from drivers.records.telegram import Damaged, Meter, Telegram
from drivers.scan.candidates import (
    MODBUS_SPEEDS,
    PROBE_S,
    TWICE,
    Speed,
    likely_units,
    parse_units,
    speeds,
    unit_order,
)
from drivers.scan.ear import Ear
from drivers.scan.fingerprint import candidate, is_lost, promising, questions, ranked, suits
from drivers.scan.found import Evidence, Findings, FoundDevice
from drivers.scan.survey import runs
from drivers.scan.verdict import verdict
from gateway.core.errors import ConfigError
from gateway.core.quantity import load_vocabulary
from tests.fakes_meter import VOLTAGE, modbus
from tests.fakes_stream import rtu

PROFILES = [file.profile for file in Catalog(load_vocabulary())]


def evidence(**noticed: object) -> Evidence:
    found = Evidence("/dev/ttyUSB0", "serial", asked=247)
    for name, value in noticed.items():
        setattr(found, name, value)
    return found


def test_a_full_scan_at_9600_baud_takes_under_two_minutes() -> None:
    """The arithmetic of the module: silence, request, shortest answer, waiting and draining of 247 silent units."""
    character_s = 10 / 9600
    silent_s = 3.5 * character_s + 15 * character_s + PROBE_S + 0.03
    assert silent_s <= 0.45
    assert (247 + TWICE) * silent_s < 120


def test_what_the_installer_knows_is_not_tried_otherwise() -> None:
    """A given baud rate or parity leaves only the speeds that have it; one that is in no list is tried, too."""
    assert speeds(MODBUS_SPEEDS, baudrate=9600, parity="none") == (Speed(9600),)
    assert {speed.baudrate for speed in speeds(MODBUS_SPEEDS, parity="even")} == {19200, 9600, 38400}
    assert speeds(MODBUS_SPEEDS, baudrate=1200) == (Speed(1200), Speed(1200, "even"))
    assert Speed(1200, "odd") in speeds(MODBUS_SPEEDS, baudrate=1200, parity="odd")
    assert {speed.parity for speed in speeds(MODBUS_SPEEDS, parity="odd")} == {"odd"}


def test_likely_units_come_first_and_none_is_left_out() -> None:
    """All 247 units are asked, each once, beginning with those that devices leave the factory with."""
    likely = likely_units(PROFILES)
    order = unit_order(None, likely, socket=False, quick=False)
    assert sorted(order) == list(range(1, 248))
    assert order[: len(likely)] == likely
    assert likely[0] == 1
    assert len(likely) <= TWICE


@pytest.mark.parametrize(("text", "units"), [("1-3", (1, 2, 3)), ("5", (5,)), ("0,255,2-3,2", (0, 255, 2, 3))])
def test_units_are_numbers_and_ranges(text: str, units: tuple[int, ...]) -> None:
    """Ranges and numbers are joined, each unit once."""
    assert parse_units(text) == units


@pytest.mark.parametrize("text", ["", "a", "3-1", "1-256", "1,,2", "-5"])
def test_wrong_units_are_refused(text: str) -> None:
    """What is no range of units is said with an example."""
    with pytest.raises(ConfigError, match="--units"):
        parse_units(text)


class Known:
    """A recogniser that knows one telegram by its bytes."""

    def __init__(self, mark: bytes, finding: Telegram | Damaged) -> None:
        self._mark, self._finding, self._held = mark, finding, b""

    def feed(self, chunk: bytes) -> list[Telegram | Damaged]:
        self._held += chunk
        if self._mark not in self._held:
            return []
        self._held = b""
        return [self._finding]

    def finish(self) -> list[Telegram | Damaged]:
        return []


def test_another_client_is_heard_with_the_units_it_asks() -> None:
    """Requests and answers of somebody else's RTU traffic are told apart, wherever the listening begins."""
    ear = Ear({})
    ear.feed(rtu(5, bytes((3, 0, 0, 0, 2)))[3:])
    ear.pause()
    ear.feed(rtu(7, bytes((4, 0, 0, 0, 2))) + rtu(7, bytes((4, 4, 1, 2, 3, 4))))
    assert ear.protocol == "modbus"
    assert (ear.asked, ear.answered) == ({7}, {7})


def test_noise_is_no_protocol() -> None:
    """Bytes without a frame are counted and understood as nothing."""
    ear = Ear({})
    ear.feed(bytes(range(200)))
    assert (ear.protocol, ear.octets, ear.is_understood) == (None, 200, False)


def test_a_telegram_names_its_meter_by_the_narrower_protocol() -> None:
    """Where P1 and its parent both know the bytes, they are P1."""
    meter = Meter(serial_number="42")
    ear = Ear({"d0": Known(b"/", Telegram("d0", meter, ())), "p1": Known(b"/", Telegram("p1", meter, ()))})
    ear.feed(b"/ISK5")
    assert ear.protocol == "p1"
    assert list(ear.telegrams()) == ["42"]


def test_an_encrypted_meter_is_heard_without_its_key() -> None:
    """A telegram that only lacks its key says which protocol it is, and what is missing."""
    ear = Ear({"dlms": Known(b"~", Damaged("encrypted, and there is no key for it"))})
    ear.feed(b"~")
    assert ear.protocol == "dlms"
    assert "key" in ear.wants_key


MODEL = {"address": 11, "type": "uint16", "table": "holding", "equals": [341]}
RANGE = {"address": 0, "type": "uint16", "table": "holding", "between": [200, 250]}


def profile(name: str, *conditions: dict[str, object]) -> ModbusProfile:
    return modbus([VOLTAGE], profile=f"test/{name}", fingerprint=list(conditions))


def test_a_model_register_weighs_more_than_a_range() -> None:
    """A device whose model register fits is the model, though its voltage is out of range; not the other way round."""
    both, held = profile("both", RANGE, MODEL), {}
    for question in questions(both):
        held[question.slot] = 341 if question.slot.address == 11 else 0
    found = candidate(both, held)
    assert found is not None
    assert found.confidence == 0.8
    held = {question.slot: 230 for question in questions(both)}
    assert candidate(both, held) is None
    assert is_lost(both, held)


def test_candidates_are_ranked_by_share_then_by_what_was_looked_at() -> None:
    """Of two that fit wholly, the one with more conditions comes first; the model register settles it."""
    held = {
        question.slot: 341 if question.slot.address == 11 else 230 for question in questions(profile("x", RANGE, MODEL))
    }
    found = ranked(candidate(each, held) for each in (profile("range", RANGE), profile("model", RANGE, MODEL)))
    assert [each.profile for each in found] == ["test/model", "test/range"]
    assert [each.is_certain for each in found] == [True, False]


def test_models_found_before_are_tried_first() -> None:
    """A bus of equal meters is recognised at the first question."""
    ordered = promising([profile("a", MODEL), profile("b", RANGE), profile("c")], known=["test/b"])
    assert [each.profile for each in ordered] == ["test/b", "test/a"]


def test_a_device_with_a_socket_only_is_not_looked_for_on_a_bus() -> None:
    """What has a TCP port and no baud rate is tried behind sockets alone."""
    charger = modbus([VOLTAGE], link_defaults={"tcp_port": 502})
    assert not suits(charger, serial=True)
    assert suits(charger, serial=False)
    assert suits(modbus([VOLTAGE]), serial=True)


def test_registers_are_listed_as_runs() -> None:
    """A survey's registers stand in rows without gaps."""
    rows = runs(Table.INPUT, {3: 30, 0: 1, 1: 2, 9: 90})
    assert [(row.address, row.registers) for row in rows] == [(0, (1, 2)), (3, (30,)), (9, (90,))]


@pytest.mark.parametrize(
    ("noticed", "words"),
    [
        ({}, "A and B swapped"),
        ({"noisy": True}, "termination"),
        ({"garbled": {7: 3}}, "Two devices on one address: the answers of unit 7"),
        (
            {"heard_protocol": "modbus", "heard_units": (1, 2), "asked_nothing": True},
            "Another client asks on this bus (units 1, 2)",
        ),
        ({"heard_octets": 12}, "12 bytes came without a question"),
        ({"no_path": 3}, "reaches nobody behind it"),
        ({"kind": "socket"}, "is it the Modbus port (502)"),
        ({"trouble": "cannot open"}, "The scan ended early: cannot open"),
        ({"interrupted": True, "asked": 3}, "stopped before its end"),
        ({"wants_key": "no key"}, "encrypted"),
        ({"late": (9,)}, "unit 9 answered late"),
        ({"asked": 0}, "before anybody was asked"),
    ],
)
def test_each_finding_has_a_verdict(noticed: dict[str, object], words: str) -> None:
    """What was noticed becomes a sentence that says what to do."""
    assert words in " ".join(verdict(Findings(evidence(**noticed))))


def test_a_doubt_between_two_models_is_said() -> None:
    """Two models that fit equally well are both named, and the label decides."""
    held = {question.slot: 230 for question in questions(profile("a", RANGE))}
    models = ranked(candidate(profile(name, RANGE), held) for name in ("a", "b"))
    findings = Findings(evidence(), [FoundDevice("modbus", 3, candidates=models)])
    said = verdict(findings)
    assert said[0] == "1 device answers on /dev/ttyUSB0."
    assert "compare with its label" in said[-1]
