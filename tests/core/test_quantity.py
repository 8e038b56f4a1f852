"""The packaged vocabulary."""

from collections import Counter
from types import MappingProxyType

import pytest

from gateway.core.quantity import Aggregate, Kind, Quantity, Vocabulary, load_vocabulary

NAMES_PER_GROUP = {
    "elec": 32,
    "heat": 12,
    "hp": 22,
    "ev": 10,
    "pv": 8,
    "bat": 10,
    "indoor": 8,
    "vent": 5,
    "weather": 7,
    "water": 3,
    "gas": 2,
    "dev": 6,
}

# Source: UN/ECE Recommendation 20, revision 17; none of these is marked deprecated there.
UNECE_CODES = {
    "s": "SEC",
    "%": "P1",
    "1": "C62",
    "A": "AMP",
    "Cel": "CEL",
    "Hz": "HTZ",
    "K": "KEL",
    "V": "VLT",
    "VA": "D46",
    "W": "WTT",
    "W/m2": "D54",
    "dBm": "DBM",
    "deg": "DD",
    "h": "HUR",
    "hPa": "A97",
    "kWh": "KWH",
    "kvarh": "K3",
    "lx": "LUX",
    "m/s": "MTS",
    "m3": "MTQ",
    "m3/h": "MQH",
    "mm": "MMT",
    "ppb": "61",
    "ppm": "59",
    "ug/m3": "GQ",
    "var": "D44",
}
WITHOUT_UNECE_CODE = {"heat_volume_temp_supply", "heat_volume_temp_return", "ev_session_id"}

STATE_CODES = {
    "elec_tariff": [1, 2, 3, 4],
    "heat_info_code": [],
    "hp_operating_mode": [0, 1, 2, 3, 4, 5, 6, 7],
    "hp_sg_ready": [1, 2, 3, 4],
    "hp_alarm": [0, 1],
    "ev_state": [0, 1, 2, 3, 4, 5],
    "ev_session_id": [],
    "ev_error": [0, 1],
    "pv_state": [1, 2, 3, 4, 5, 6, 7, 8],
    "bat_state": [1, 2, 3, 4, 5, 6, 7],
    "indoor_occupancy": [],
    "dev_link_up": [0, 1],
}
OPEN_STATES = {"elec_tariff", "heat_info_code", "ev_session_id", "indoor_occupancy"}


@pytest.fixture
def vocabulary() -> Vocabulary:
    return load_vocabulary()


def test_every_group_has_its_names(vocabulary: Vocabulary) -> None:
    """The vocabulary holds 125 names: as many in each group as the requirements list, and two of device clocks."""
    assert Counter(name.split("_")[0] for name in vocabulary) == NAMES_PER_GROUP
    assert len(vocabulary) == sum(NAMES_PER_GROUP.values()) == 125
    assert vocabulary.version == 2


def test_an_entry_carries_what_the_file_says(vocabulary: Vocabulary) -> None:
    """Every column of one row of the requirements arrives in its quantity."""
    assert vocabulary["elec_energy_export_l2"] == Quantity(
        name="elec_energy_export_l2",
        unit="kWh",
        unece="KWH",
        kind=Kind.COUNTER,
        limits=(0.0, 1e12),
        labels={
            "en": "Active energy export L2",
            "da": "Eksporteret aktiv energi L2",
            "et": "Eksporditud aktiivenergia L2",
            "es": "Energía activa exportada L2",
        },
        states={},
        open_states=False,
        aggregates=(Aggregate.DELTA,),
        personal=False,
        sign=None,
        model="ThreePhaseAcMeasurement.activeEnergyExport.L2",
        brick="Electric_Energy_Sensor",
        brick_approximate=True,
        saref="Energy",
    )


def test_every_language_is_present(vocabulary: Vocabulary) -> None:
    """Each label of each quantity and state exists in English, Danish, Estonian and Spanish."""
    for quantity in vocabulary.values():
        for labels in (quantity.labels, *quantity.states.values()):
            assert list(labels) == ["en", "da", "et", "es"], quantity.name


def test_no_two_quantities_share_a_label(vocabulary: Vocabulary) -> None:
    """A person who reads only labels can tell any two quantities of one group apart."""
    seen = Counter(
        (quantity.name.split("_")[0], *text) for quantity in vocabulary.values() for text in quantity.labels.items()
    )
    assert [text for text, count in seen.items() if count > 1] == []


def test_no_two_states_of_a_quantity_share_a_label(vocabulary: Vocabulary) -> None:
    """A person who reads only labels can tell any two states of one quantity apart."""
    for quantity in vocabulary.values():
        seen = Counter(text for labels in quantity.states.values() for text in labels.items())
        assert [text for text, count in seen.items() if count > 1] == [], quantity.name


def test_unece_codes_are_current(vocabulary: Vocabulary) -> None:
    """Every unit has the current code of Recommendation 20, and only three entries have none."""
    assert {name for name in vocabulary if vocabulary[name].unece is None} == WITHOUT_UNECE_CODE
    for quantity in vocabulary.values():
        if quantity.unece is not None:
            assert quantity.unece == UNECE_CODES[quantity.unit], quantity.name


def test_state_codes_are_for_ever(vocabulary: Vocabulary) -> None:
    """Exactly the states travel as integers, with the codes that stored series already use."""
    states = {name: list(vocabulary[name].states) for name in vocabulary if vocabulary[name].is_integer}
    assert states == STATE_CODES
    assert {name for name in vocabulary if vocabulary[name].open_states} == OPEN_STATES


@pytest.mark.parametrize(
    ("name", "code", "label"),
    [
        ("hp_operating_mode", 4, "Defrost"),
        ("hp_operating_mode", 7, "Fault"),
        ("ev_state", 2, "C: charging"),
        ("pv_state", 6, "Shutting down"),
        ("bat_state", 3, "Discharging"),
        ("dev_link_up", 1, "Connected"),
    ],
)
def test_state_labels(vocabulary: Vocabulary, name: str, code: int, label: str) -> None:
    """A code has the meaning that SunSpec, IEC 61851-1 or the vocabulary gave it."""
    assert vocabulary[name].states[code]["en"] == label


def test_signs(vocabulary: Vocabulary) -> None:
    """Where the requirements give a sign, negative values are plausible and the sign is said in words."""
    signs = {quantity.name: quantity.sign for quantity in vocabulary.values() if quantity.sign is not None}
    assert signs == {
        **dict.fromkeys(
            [
                "elec_power_active",
                "elec_power_active_l1",
                "elec_power_active_l2",
                "elec_power_active_l3",
                "elec_power_reactive",
            ],
            "+ = import, into the metered installation",
        ),
        "ev_power": "+ = into the vehicle",
        "pv_power_ac": "+ = generation",
        "pv_power_dc": "+ = generation",
        "bat_power": "+ = charging",
    }
    assert all(vocabulary[name].limits[0] < 0 for name in signs)


def test_what_tells_about_people_is_marked(vocabulary: Vocabulary) -> None:
    """Rooms people live in and vehicles they drive are personal; the weather and the machines are not."""
    personal = {name for name in vocabulary if vocabulary[name].personal}
    assert {name for name in vocabulary if name.startswith("indoor_")} <= personal
    assert {"ev_energy_session", "ev_state", "ev_session_id"} <= personal
    assert {name.split("_")[0] for name in personal} == {"indoor", "ev"}


def test_ordinary_values_are_plausible(vocabulary: Vocabulary) -> None:
    """Values of an ordinary day lie inside the limits, and codes of a failed sensor outside."""
    ordinary = {
        "elec_voltage_l1": 230.1,
        "elec_frequency": 49.98,
        "elec_power_active": -4200.0,
        "elec_power_factor": -0.97,
        "heat_temp_supply": 68.4,
        "weather_temp": -31.0,
        "weather_pressure": 1013.25,
        "indoor_co2": 420.0,
        "dev_rssi": -97.0,
    }
    failed = {"elec_voltage_l1": 6553.5, "heat_temp_supply": 3276.7, "weather_temp": 850.0, "bat_soc": 255.0}
    for name, value in ordinary.items():
        low, high = vocabulary[name].limits
        assert low <= value <= high, name
    for name, value in failed.items():
        low, high = vocabulary[name].limits
        assert not low <= value <= high, name


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("power_active", "elec_power_active"),
        ("elec_voltage_L1", "elec_voltage_l1"),
        ("elec-energy-import", "elec_energy_import"),
        ("heat_flow_temp_supply", "heat_temp_supply"),
        ("xyzzy", None),
        ("", None),
    ],
)
def test_nearest(vocabulary: Vocabulary, word: str, name: str | None) -> None:
    """A misspelt name finds the one that was meant, and nonsense finds none."""
    assert vocabulary.nearest(word) == name


def test_looking_up(vocabulary: Vocabulary) -> None:
    """The vocabulary is a mapping: membership, lookup and order of the file."""
    assert "pv_energy" in vocabulary
    assert "pv_enrgy" not in vocabulary
    assert vocabulary["pv_energy"].name == "pv_energy"
    assert next(iter(vocabulary)) == "elec_energy_import"
    with pytest.raises(KeyError, match="pv_enrgy"):
        vocabulary["pv_enrgy"]


def test_nobody_can_change_it(vocabulary: Vocabulary) -> None:
    """What is shared by the whole process is read-only and can be a key."""
    quantity = vocabulary["ev_state"]
    assert isinstance(quantity.labels, MappingProxyType)
    assert isinstance(quantity.states, MappingProxyType)
    assert isinstance(quantity.states[0], MappingProxyType)
    assert {quantity: 1}[quantity] == 1
    assert load_vocabulary() is vocabulary
