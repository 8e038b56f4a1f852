"""What Home Assistant must be told to find our devices: one retained message per device.

Source: Home Assistant, MQTT integration, "MQTT discovery" and "MQTT sensor" (device discovery payload).
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.core.quantity import Kind, Quantity, Vocabulary
from gateway.wire.catalogue import Catalogue, CatalogueDevice
from gateway.wire.topics import Topics

PREFIX: Final = "homeassistant/device"
_LATE: Final = 5
_LEAST_PATIENCE_S: Final = 120

UNITS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "%": ("", "%"),
        "A": ("current", "A"),
        "Cel": ("temperature", "°C"),
        "Hz": ("frequency", "Hz"),
        "K": ("", "K"),
        "V": ("voltage", "V"),
        "VA": ("apparent_power", "VA"),
        "W": ("power", "W"),
        "W/m2": ("irradiance", "W/m²"),
        "dBm": ("signal_strength", "dBm"),
        "deg": ("", "°"),
        "h": ("duration", "h"),
        "hPa": ("atmospheric_pressure", "hPa"),
        "kWh": ("energy", "kWh"),
        "kvarh": ("reactive_energy", "kvarh"),
        "lx": ("illuminance", "lx"),
        "m/s": ("wind_speed", "m/s"),
        "m3": ("", "m³"),
        "m3/h": ("volume_flow_rate", "m³/h"),
        "mm": ("precipitation", "mm"),
        "ppb": ("volatile_organic_compounds_parts", "ppb"),
        "ppm": ("carbon_dioxide", "ppm"),
        "s": ("duration", "s"),
        "ug/m3": ("pm25", "µg/m³"),
        "var": ("reactive_power", "var"),
    }
)
"""Unit of the vocabulary → device class and unit as Home Assistant spells them; no class where it has none."""
_CLASSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bat_soc": "battery",
        "indoor_rh": "humidity",
        "weather_rh": "humidity",
        "water_volume": "water",
        "water_hot_volume": "water",
        "gas_volume": "gas",
        "elec_power_factor": "power_factor",
    }
)
"""Quantities whose class their unit does not say."""


def discovery(
    catalogue: Catalogue, vocabulary: Vocabulary, *, version: str, language: str = "en"
) -> Mapping[str, bytes]:
    """Return topic → retained message, one for each device of a site.

    Args:
        catalogue: Of the site.
        vocabulary: What its points are.
        version: Of this program.
        language: Of the names of points and states.
    """
    topics = Topics(catalogue.site)
    messages: dict[str, bytes] = {}
    for name, device in catalogue.devices.items():
        unique = f"kvarter_{catalogue.site}_{name}"
        sensors = {
            point: _sensor(unique, vocabulary[point], device, language)
            for point in device.points
            if point in vocabulary
        }
        tree = {
            "device": _device(catalogue, name, device, unique),
            "origin": {"name": "Kvarter", "sw_version": version},
            "availability": [
                {"topic": topics.status, "value_template": "{{ value_json.state }}"},
                {
                    "topic": topics.live(name),
                    "value_template": "{{ 'online' if value_json.status in (0, 1) else 'offline' }}",
                },
            ],
            "availability_mode": "all",
            "payload_available": "online",
            "payload_not_available": "offline",
            "state_topic": topics.live(name),
            "qos": 1,
            "components": sensors,
        }
        messages[f"{PREFIX}/{unique}/config"] = json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode()
    return messages


def _device(catalogue: Catalogue, name: str, device: CatalogueDevice, unique: str) -> dict[str, object]:
    tree: dict[str, object] = {
        "identifiers": [unique],
        "name": device.label or name,
        "manufacturer": device.maker,
        "model": device.model,
        "suggested_area": catalogue.name or catalogue.site,
    }
    return tree | ({"serial_number": device.serial_number} if device.serial_number else {})


def _sensor(unique: str, quantity: Quantity, device: CatalogueDevice, language: str) -> dict[str, object]:
    interval_ms = device.points[quantity.name].interval_ms or device.interval_ms
    value = f"value_json['values'].get('{quantity.name}')"
    # A point that was not due is absent from the message, and then keeps the value that it had.
    kept = f"this.state if '{quantity.name}' not in value_json['values'] else"
    tree: dict[str, object] = {
        "platform": "sensor",
        "unique_id": f"{unique}_{quantity.name}",
        "name": quantity.labels[language],
        "expire_after": max(_LEAST_PATIENCE_S, _LATE * interval_ms // 1000),
    }
    if quantity.kind is Kind.STATE:
        labels = {code: words[language] for code, words in quantity.states.items()}
        if labels and not quantity.open_states and len(set(labels.values())) == len(labels):
            tree |= {"device_class": "enum", "options": list(labels.values())}
            listed = ", ".join(f"{code}: {json.dumps(label, ensure_ascii=False)}" for code, label in labels.items())
            return tree | {"value_template": f"{{{{ {kept} {{{listed}}}.get({value}, none) }}}}"}
        return tree | {"value_template": f"{{{{ {kept} {value} }}}}"}
    device_class, unit = UNITS.get(quantity.unit, ("", "" if quantity.unit == "1" else quantity.unit))
    device_class = _CLASSES.get(quantity.name, device_class)
    tree |= {"device_class": device_class} if device_class else {}
    tree |= {"unit_of_measurement": unit} if unit else {}
    tree |= {"state_class": "total_increasing" if quantity.kind in {Kind.COUNTER, Kind.SESSION} else "measurement"}
    return tree | {"value_template": f"{{{{ {kept} {value} }}}}"}
