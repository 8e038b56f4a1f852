"""What Home Assistant is told, against the facts of its documentation."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gateway.app.catalogue import build_catalogue
from gateway.app.configuration import load_configuration
from gateway.core.quantity import Kind, load_vocabulary
from gateway.wire.catalogue import Catalogue, CatalogueDevice, CataloguePoint
from gateway.wire.home_assistant import UNITS, discovery

MEASURED, COUNTED = frozenset({"measurement"}), frozenset({"total", "total_increasing"})
ANY, NONE = MEASURED | COUNTED, frozenset[str]()
FACTS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "apparent_power": (frozenset({"mVA", "VA"}), MEASURED),
    "atmospheric_pressure": (
        frozenset({"cbar", "bar", "hPa", "mmHg", "inHg", "kPa", "mbar", "Pa", "psi"}), MEASURED,
    ),
    "battery": (frozenset({"%"}), MEASURED),
    "carbon_dioxide": (frozenset({"ppm"}), MEASURED),
    "current": (frozenset({"A", "mA"}), MEASURED),
    "duration": (frozenset({"d", "h", "min", "s", "ms"}), ANY),
    "energy": (
        frozenset({"J", "kJ", "MJ", "GJ", "mWh", "Wh", "kWh", "MWh", "GWh", "TWh", "cal", "kcal", "Mcal", "Gcal"}),
        COUNTED,
    ),
    "enum": (NONE, NONE),
    "frequency": (frozenset({"Hz", "kHz", "MHz", "GHz"}), MEASURED),
    "gas": (frozenset({"m³", "ft³", "CCF"}), COUNTED),
    "humidity": (frozenset({"%"}), MEASURED),
    "illuminance": (frozenset({"lx"}), MEASURED),
    "irradiance": (frozenset({"W/m²", "BTU/(h⋅ft²)"}), MEASURED),
    "pm25": (frozenset({"\u00b5g/m³"}), MEASURED),
    "power": (frozenset({"mW", "W", "kW", "MW", "GW", "TW"}), MEASURED),
    "power_factor": (frozenset({"", "%"}), MEASURED),
    "precipitation": (frozenset({"cm", "in", "mm"}), ANY),
    "reactive_energy": (frozenset({"varh", "kvarh"}), COUNTED),
    "reactive_power": (frozenset({"var", "kvar"}), MEASURED),
    "signal_strength": (frozenset({"dB", "dBm"}), MEASURED),
    "temperature": (frozenset({"°C", "°F", "K"}), MEASURED),
    "timestamp": (NONE, NONE),
    "volatile_organic_compounds_parts": (frozenset({"ppm", "ppb"}), MEASURED),
    "voltage": (frozenset({"V", "mV", "\u00b5V", "kV", "MV"}), MEASURED),
    "volume": (frozenset({"L", "mL", "gal", "fl. oz.", "m³", "ft³", "CCF"}), COUNTED),
    "volume_flow_rate": (frozenset({"m³/h", "m³/s", "ft³/min", "L/h", "L/min", "L/s", "gal/min", "mL/s"}), MEASURED),
    "water": (frozenset({"L", "gal", "m³", "ft³", "CCF"}), COUNTED),
    "wind_direction": (frozenset({"°"}), NONE),
    "wind_speed": (frozenset({"Beaufort", "ft/s", "km/h", "kn", "m/s", "mph"}), MEASURED),
}  # fmt: skip
"""Device class → units that it takes, "" for none, and state classes beside none.

Source: Home Assistant, documentation of the sensor integration, "Device class"; home-assistant/core,
homeassistant/components/sensor/const.py, DEVICE_CLASS_UNITS and DEVICE_CLASS_STATE_CLASSES. A message with a pair
outside these tables is refused since 2025.7 (core issue 148061). The micro sign is U+00B5: earlier versions ask for it,
and later ones translate it (core pull request 144853).
"""
TEXT = {"type": "string", "minLength": 1}
SENSOR = {
    "type": "object",
    "additionalProperties": False,
    "required": ["platform", "unique_id", "name", "value_template"],
    "properties": {
        "platform": {"const": "sensor"},
        "unique_id": {"type": "string", "pattern": "^kvarter(\\.[a-z0-9_-]+){3}$"},
        "name": TEXT,
        "value_template": {"type": "string", "pattern": r"^\{\{ .* \}\}$"},
        "expire_after": {"type": "integer", "minimum": 1},
        "entity_category": {"const": "diagnostic"},
        "device_class": {"enum": sorted(FACTS)},
        "state_class": {"enum": ["measurement", "total", "total_increasing"]},
        "unit_of_measurement": TEXT,
        "options": {"type": "array", "items": TEXT, "uniqueItems": True, "minItems": 1},
    },
    "dependentSchemas": {
        "options": {
            "properties": {"device_class": {"const": "enum"}},
            "required": ["device_class"],
            "not": {"anyOf": [{"required": ["state_class"]}, {"required": ["unit_of_measurement"]}]},
        }
    },
}
REMOVED = {"type": "object", "additionalProperties": False, "properties": {"platform": {"const": "sensor"}}}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["device", "origin", "components"],
    "properties": {
        "device": {
            "type": "object",
            "additionalProperties": False,
            "required": ["identifiers", "name"],
            "properties": {
                "identifiers": {"type": "array", "items": TEXT, "minItems": 1},
                **dict.fromkeys(("name", "manufacturer", "model", "serial_number", "suggested_area"), TEXT),
            },
        },
        "origin": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {"name": TEXT, "sw_version": TEXT},
        },
        "availability": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["topic"],
                "properties": {"topic": TEXT, "value_template": TEXT},
            },
        },
        "availability_mode": {"enum": ["all", "any", "latest"]},
        "state_topic": TEXT,
        "qos": {"enum": [0, 1, 2]},
        "components": {"type": "object", "minProperties": 1, "additionalProperties": {"anyOf": [SENSOR, REMOVED]}},
    },
}
"""Source: Home Assistant, MQTT integration, "Device discovery payload" and "MQTT sensor", configuration variables.

An availability entry without payloads of its own takes `online` and `offline`.
"""
BUILDING = Path(__file__).parents[2] / "config" / "building.yaml"
LANGUAGES = ("en", "da", "et", "es")
POINT = CataloguePoint(unit="", factor=1.0)
DEVICE = CatalogueDevice(
    profile="a/b", profile_digest="0" * 8, maker="A", model="B", kind="electricity_meter", interval_ms=1000,
    points={"elec_power_active": POINT},
)  # fmt: skip
CATALOGUE = Catalogue(site="site", vocabulary=1, devices={"meter": DEVICE})


def messages() -> dict[str, Any]:
    vocabulary = load_vocabulary()
    catalogue = build_catalogue(load_configuration(BUILDING, vocabulary))
    found = discovery(catalogue, vocabulary, version="1.0")
    return {topic.removeprefix("homeassistant/device/"): json.loads(text) for topic, text in found.items()}


def whole_vocabulary(language: str) -> Any:  # noqa: ANN401 - JSON
    """Return what is told of a device that has every point there is."""
    vocabulary = load_vocabulary()
    points = dict.fromkeys(vocabulary, POINT)
    device = DEVICE.model_copy(update={"points": points})
    catalogue = CATALOGUE.model_copy(update={"devices": {"all": device}})
    (text,) = discovery(catalogue, vocabulary, version="1.0", language=language).values()
    return json.loads(text)


def test_every_message_follows_the_documented_schema() -> None:
    """Each device of the example building is one message with documented keys and device classes only."""
    found = messages()
    assert len(found) == 6
    for tree in found.values():
        jsonschema.validate(tree, SCHEMA)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_quantity_has_a_class_that_takes_its_unit_and_its_statistics(language: str) -> None:
    """No quantity of the vocabulary, in no language, comes with a triple that Home Assistant refuses."""
    tree = whole_vocabulary(language)
    jsonschema.validate(tree, SCHEMA)
    assert set(tree["components"]) == set(load_vocabulary())
    for name, sensor in tree["components"].items():
        if "device_class" not in sensor:
            continue
        units, state_classes = FACTS[sensor["device_class"]]
        assert sensor.get("unit_of_measurement", "") in (units or {""}), name
        assert sensor.get("state_class") in {None, *state_classes}, name


def test_every_counter_has_statistics_that_only_grow_and_no_state_has_any() -> None:
    """What is counted is total_increasing, what is measured is a measurement, and a state is neither."""
    sensors = whole_vocabulary("en")["components"]
    for name, quantity in load_vocabulary().items():
        expected = {Kind.COUNTER: "total_increasing", Kind.SESSION: "total_increasing", Kind.STATE: None}
        if name not in {"weather_wind_direction", "dev_clock_time"}:
            assert sensors[name].get("state_class") == expected.get(quantity.kind, "measurement"), name
    assert "device_class" not in sensors["heat_temp_diff"]
    assert sensors["dev_battery"]["entity_category"] == "diagnostic"
    assert sensors["dev_clock_time"]["device_class"] == "timestamp"


def test_energy_counters_fit_the_energy_dashboard() -> None:
    """A counter of energy is total_increasing in kWh, power is a measurement in W, and both read the live topic."""
    meter = messages()["kvarter_kloevermarken-12/main_meter/config"]
    assert meter["state_topic"] == "kvarter/1/kloevermarken-12/live/main_meter"
    energy, power = meter["components"]["elec_energy_import"], meter["components"]["elec_power_active"]
    assert (energy["device_class"], energy["state_class"], energy["unit_of_measurement"]) == (
        "energy", "total_increasing", "kWh",
    )  # fmt: skip
    assert (power["device_class"], power["state_class"], power["unit_of_measurement"]) == ("power", "measurement", "W")


def test_a_device_is_there_while_the_gateway_and_the_device_are() -> None:
    """Availability asks for both: the retained status of the gateway and the status of the device's last readout."""
    meter = messages()["kvarter_kloevermarken-12/main_meter/config"]
    assert meter["availability_mode"] == "all"
    assert [each["topic"] for each in meter["availability"]] == [
        "kvarter/1/kloevermarken-12/status",
        "kvarter/1/kloevermarken-12/live/main_meter",
    ]


def test_no_two_devices_share_a_topic_or_an_id() -> None:
    """Site a_b with device c is another than site a with device b_c."""
    vocabulary = load_vocabulary()
    told = [
        discovery(CATALOGUE.model_copy(update={"site": site, "devices": {name: DEVICE}}), vocabulary, version="1.0")
        for site, name in (("a_b", "c"), ("a", "b_c"))
    ]
    assert not set(told[0]) & set(told[1])
    ids = [json.loads(text)["device"]["identifiers"] for each in told for text in each.values()]
    assert ids[0] != ids[1]


def test_every_unit_of_the_vocabulary_was_chosen() -> None:
    """No unit falls through to a spelling that nobody looked at, and no class is named that has no facts here."""
    assert {q.unit for q in load_vocabulary().values()} - {"1"} <= set(UNITS)
    assert {device_class for device_class, _ in UNITS.values() if device_class} <= set(FACTS)


def test_what_is_not_due_leaves_what_is_shown() -> None:
    """Every template fails on an absent point, and none reads back what is shown, which may be in another unit."""
    for name, sensor in whole_vocabulary("en")["components"].items():
        assert f"value_json['values']['{name}'] | is_defined" in sensor["value_template"]
        assert "this." not in sensor["value_template"]


def test_a_point_that_a_device_lost_is_taken_back() -> None:
    """A component of a platform alone removes it; those that the device still has stay whole."""
    gone = {"meter": ["elec_power_active", "elec_frequency"]}
    device = DEVICE.model_copy(update={"points": {"elec_power_active": POINT}})
    catalogue = CATALOGUE.model_copy(update={"devices": {"meter": device}})
    (text,) = discovery(catalogue, load_vocabulary(), version="1.0", gone=gone).values()
    tree = json.loads(text)
    jsonschema.validate(tree, SCHEMA)
    assert tree["components"]["elec_frequency"] == {"platform": "sensor"}
    assert "value_template" in tree["components"]["elec_power_active"]


def test_states_are_words() -> None:
    """A closed set of codes becomes an enum whose template names each of its options."""
    charger = messages()["kvarter_kloevermarken-12/charger_1/config"]["components"]["ev_state"]
    assert charger["device_class"] == "enum"
    options = charger["options"]
    assert isinstance(options, list)
    assert all(json.dumps(option, ensure_ascii=False) in str(charger["value_template"]) for option in options)
