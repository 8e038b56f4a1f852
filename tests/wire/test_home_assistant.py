"""What Home Assistant is told, against the keys of its documentation."""

import json
from pathlib import Path
from typing import Any

import jsonschema

from gateway.app.catalogue import build_catalogue
from gateway.app.configuration import load_configuration
from gateway.core.quantity import load_vocabulary
from gateway.wire.home_assistant import UNITS, discovery

CLASSES = {
    "apparent_power", "atmospheric_pressure", "battery", "carbon_dioxide", "current", "duration", "energy", "enum",
    "frequency", "gas", "humidity", "illuminance", "irradiance", "pm25", "power", "power_factor", "precipitation",
    "reactive_energy", "reactive_power", "signal_strength", "temperature", "voltage", "volume_flow_rate", "water",
    "volatile_organic_compounds_parts", "wind_speed",
}  # fmt: skip
TEXT = {"type": "string", "minLength": 1}
SENSOR = {
    "type": "object",
    "additionalProperties": False,
    "required": ["platform", "unique_id", "name", "value_template"],
    "properties": {
        "platform": {"const": "sensor"},
        "unique_id": {"type": "string", "pattern": "^[a-z0-9_-]+$"},
        "name": TEXT,
        "value_template": {"type": "string", "pattern": r"^\{\{ .* \}\}$"},
        "expire_after": {"type": "integer", "minimum": 1},
        "device_class": {"enum": sorted(CLASSES)},
        "state_class": {"enum": ["measurement", "total", "total_increasing"]},
        "unit_of_measurement": TEXT,
        "options": {"type": "array", "items": TEXT, "uniqueItems": True, "minItems": 1},
    },
    "dependentSchemas": {"options": {"not": {"required": ["state_class"]}}},
}
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
        "origin": {"type": "object", "required": ["name"], "properties": {"name": TEXT, "sw_version": TEXT}},
        "availability": {
            "type": "array",
            "items": {"type": "object", "required": ["topic"], "properties": {"topic": TEXT, "value_template": TEXT}},
        },
        "availability_mode": {"enum": ["all", "any", "latest"]},
        "payload_available": TEXT,
        "payload_not_available": TEXT,
        "state_topic": TEXT,
        "qos": {"enum": [0, 1, 2]},
        "components": {"type": "object", "minProperties": 1, "additionalProperties": SENSOR},
    },
}
"""Source: Home Assistant, MQTT integration: device discovery payload; MQTT sensor; sensor device classes."""
BUILDING = Path(__file__).parents[2] / "config" / "building.yaml"


def messages() -> dict[str, Any]:
    vocabulary = load_vocabulary()
    catalogue = build_catalogue(load_configuration(BUILDING, vocabulary))
    found = discovery(catalogue, vocabulary, version="1.0")
    return {topic.split("/")[2]: json.loads(text) for topic, text in found.items()}


def test_every_message_follows_the_documented_schema() -> None:
    """Each device of the example building is one message with documented keys and device classes only."""
    found = messages()
    assert len(found) == 6
    for tree in found.values():
        jsonschema.validate(tree, SCHEMA)


def test_energy_counters_fit_the_energy_dashboard() -> None:
    """A counter of energy is total_increasing in kWh, power is a measurement in W, and both read the live topic."""
    meter = messages()["kvarter_kloevermarken-12_main_meter"]
    assert meter["state_topic"] == "kvarter/1/kloevermarken-12/live/main_meter"
    energy, power = meter["components"]["elec_energy_import"], meter["components"]["elec_power_active"]
    assert (energy["device_class"], energy["state_class"], energy["unit_of_measurement"]) == (
        "energy", "total_increasing", "kWh",
    )  # fmt: skip
    assert (power["device_class"], power["state_class"], power["unit_of_measurement"]) == ("power", "measurement", "W")


def test_every_quantity_has_a_unit_that_its_device_class_takes() -> None:
    """No quantity of the vocabulary falls through to a unit that nobody chose, but for those that have no class."""
    chosen = {q.unit for q in load_vocabulary().values()} - {"1", "m3.Cel"}
    assert chosen <= set(UNITS)


def test_states_are_words() -> None:
    """A closed set of codes becomes an enum whose template names each of its options."""
    charger = messages()["kvarter_kloevermarken-12_charger_1"]["components"]["ev_state"]
    if charger.get("device_class") == "enum":
        options = charger["options"]
        assert isinstance(options, list)
        assert all(json.dumps(option, ensure_ascii=False) in str(charger["value_template"]) for option in options)
    assert "ev_state" in str(charger["value_template"])
