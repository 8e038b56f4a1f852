"""The strict loader of the vocabulary's file."""

import pytest

from gateway.core.quantity import parse_vocabulary

SMALL = """
version = 3

[quantity.elec_power_active]
unit = "W"
unece = "WTT"
kind = "gauge"
aggregates = ["mean", "min", "max"]
limits = [-1e8, 1e8]
sign = "+ = import"
model = "ThreePhaseAcMeasurement.totalActivePower"
brick = "Active_Power_Sensor"
saref = "Power"
label = { en = "Active power", da = "Aktiv effekt", et = "Aktiivvõimsus", es = "Potencia activa" }

[quantity.hp_alarm]
unit = "1"
unece = "C62"
kind = "state"
aggregates = ["last"]
limits = [0, 1]
label = { en = "Alarm", da = "Alarm", et = "Häire", es = "Alarma" }

[quantity.hp_alarm.states]
0 = { en = "No alarm", da = "Ingen alarm", et = "Häire puudub", es = "Sin alarma" }
1 = { en = "Alarm active", da = "Alarm aktiv", et = "Häire aktiivne", es = "Alarma activa" }
"""


def test_parsing_is_pure() -> None:
    """The same text gives equal quantities, with the version of the text."""
    first, second = parse_vocabulary(SMALL), parse_vocabulary(SMALL)
    assert first.version == 3
    assert list(first) == ["elec_power_active", "hp_alarm"]
    assert dict(first) == dict(second)
    assert not first["elec_power_active"].is_integer
    assert first["hp_alarm"].is_integer


LABEL = 'label = { en = "Active power", da = "Aktiv effekt", et = "Aktiivvõimsus", es = "Potencia activa" }'


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("version = 3", "", "version: Field required"),
        ("version = 3", "version = 0", "version: "),
        ("version = 3", 'version = "3"', "version: "),
        ("version = 3", "version = 3\nauthor = 1", "author: Extra inputs are not permitted"),
        ('saref = "Power"', 'sarref = "Power"', r"quantity\.elec_power_active\.sarref: Extra inputs"),
        ('unit = "W"', "", r"quantity\.elec_power_active\.unit: Field required"),
        ('unit = "W"', 'unit = "w"', r"quantity\.elec_power_active: unknown unit 'w': did you mean 'W'"),
        ("elec_power_active]", "power_active]", r"quantity\.power_active\.\[key\]: String should match"),
        ("elec_power_active]", "elec_Power]", r"quantity\.elec_Power\.\[key\]: String should match"),
        (
            "elec_power_active]",
            "elec_power_suspect]",
            r"^vocabulary: quantity\.elec_power_suspect: the wire keeps names",
        ),
        ('kind = "gauge"', 'kind = "guage"', r"quantity\.elec_power_active\.kind: "),
        ('kind = "gauge"', 'kind = "counter"', r"quantity\.elec_power_active: a counter is never negative"),
        ('["mean", "min", "max"]', '["delta"]', r"quantity\.elec_power_active: a gauge has no aggregate delta"),
        ('["mean", "min", "max"]', "[]", r"quantity\.elec_power_active: aggregates must name"),
        ('["mean", "min", "max"]', '["mean", "mean"]', r"quantity\.elec_power_active: aggregates must name"),
        ('["mean", "min", "max"]', '["median"]', r"quantity\.elec_power_active\.aggregates\.0: "),
        ("[-1e8, 1e8]", "[1e8, -1e8]", r"quantity\.elec_power_active: limits 1e\+08 to -1e\+08: write"),
        ("[-1e8, 1e8]", "[-1e8]", r"quantity\.elec_power_active\.limits\.1: Field required"),
        ("[-1e8, 1e8]", "[-inf, 1e8]", r"quantity\.elec_power_active\.limits\.0: Input should be a finite"),
        ("[-1e8, 1e8]", '["-1e8", 1e8]', r"quantity\.elec_power_active\.limits\.0: Input should be a valid number"),
        ('brick = "Active_Power_Sensor"', "brick_approximate = true", "brick_approximate needs brick"),
        ('sign = "+ = import"', 'sign = ""', r"quantity\.elec_power_active\.sign: "),
        ('sign = "+ = import"', "personal = 1", r"quantity\.elec_power_active\.personal: "),
        ('sign = "+ = import"', "open = true", r"quantity\.elec_power_active: a gauge has no states"),
        (' et = "Aktiivvõimsus",', "", r"quantity\.elec_power_active\.label\.et: Field required"),
        ('es = "Potencia activa"', 'es = " "', r"quantity\.elec_power_active\.label\.es: "),
        ('es = "Potencia activa"', 'es = "a", fr = "b"', r"quantity\.elec_power_active\.label\.fr: Extra inputs"),
        (LABEL, "", r"quantity\.elec_power_active\.label: Field required"),
        ('et = "Häire puudub", ', "", r"quantity\.hp_alarm\.states\.0\.et: Field required"),
        ("limits = [0, 1]", "limits = [1, 2]", r"quantity\.hp_alarm: states \[0\] lie outside limits 1 to 2"),
        ("\n1 = {", "\n01 = {", r"quantity\.hp_alarm\.states\.01\.\[key\]: '01' is not a state code"),
        ("\n1 = {", "\non = {", r"quantity\.hp_alarm\.states\.on\.\[key\]: 'on' is not a state code"),
        ('unit = "1"\nunece = "C62"', 'unit = "%"', r"quantity\.hp_alarm: a state has unit '1', not '%'"),
        ("version = 3", "version = = 3", "not TOML: .*line 2"),
    ],
)
def test_mistakes_are_refused_by_name(old: str, new: str, complaint: str) -> None:
    """A wrong vocabulary is refused with the path of the entry and what is wrong with it."""
    assert old in SMALL
    with pytest.raises(ValueError, match=complaint):
        parse_vocabulary(SMALL.replace(old, new, 1))


@pytest.mark.parametrize(
    ("trap", "truth"),
    [("GJ", "gigajoule is GV"), ("HPA", "hectopascal is A97"), ("K5", "kilovar is KVR")],
)
def test_deceptive_unit_codes_are_refused(trap: str, truth: str) -> None:
    """A code that looks like the unit but means something else is refused, and the right one is named."""
    with pytest.raises(ValueError, match=rf"quantity\.elec_power_active: unece '{trap}' .*{truth}"):
        parse_vocabulary(SMALL.replace('"WTT"', f'"{trap}"'))


def test_one_unit_has_one_code() -> None:
    """Two entries of the same unit cannot carry different codes."""
    second = SMALL[SMALL.index("[quantity.elec") : SMALL.index("[quantity.hp")]
    text = SMALL + second.replace("elec_power_active", "pv_power_ac").replace('"WTT"', '"KWT"')
    with pytest.raises(
        ValueError, match=r"quantity\.pv_power_ac: unit 'W' has unece 'WTT' in quantity\.elec_power_act"
    ):
        parse_vocabulary(text)


def test_a_closed_state_needs_codes() -> None:
    """A state without codes is refused unless it is open."""
    closed = SMALL[: SMALL.index("[quantity.hp_alarm.states]")]
    with pytest.raises(ValueError, match=r"quantity\.hp_alarm: a state needs states"):
        parse_vocabulary(closed)
    opened = parse_vocabulary(closed + "open = true\n")["hp_alarm"]
    assert opened.open_states
    assert opened.states == {}


def test_all_mistakes_are_told_at_once() -> None:
    """Two wrong entries give one message that names both."""
    text = SMALL.replace('unit = "W"', 'unit = "Q"').replace('es = "Alarma" }', 'es = "" }')
    with pytest.raises(ValueError, match=r"quantity\.elec_power_active: .*; quantity\.hp_alarm\.label\.es: "):
        parse_vocabulary(text)
