"""What Home Assistant must be told to find our devices: one retained message per device.

Needs a Home Assistant that takes device discovery payloads and knows every class named here.

Source: Home Assistant, MQTT integration, "MQTT discovery" and "MQTT sensor" (device discovery payload); sensor
integration, device classes with the units and state classes that each takes.
"""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from gateway.core.quantity import Kind, Quantity, Vocabulary
from gateway.wire.catalogue import Catalogue, CatalogueDevice
from gateway.wire.topics import Topics

PREFIX: Final = "homeassistant/device"
_LATE: Final = 5
_LEAST_PATIENCE_S: Final = 120
_DIAGNOSTIC: Final = "dev_"
"""Quantities of a device itself, not of what it measures, begin so."""

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
        "m3": ("volume", "m³"),
        "m3.Cel": ("", "m³·°C"),
        "m3/h": ("volume_flow_rate", "m³/h"),
        "mm": ("precipitation", "mm"),
        "ppb": ("volatile_organic_compounds_parts", "ppb"),
        "ppm": ("carbon_dioxide", "ppm"),
        "s": ("duration", "s"),
        "ug/m3": ("pm25", "\N{MICRO SIGN}g/m³"),
        "var": ("reactive_power", "var"),
    }
)
"""Unit of the vocabulary → device class and unit as Home Assistant spells them; no class where none would be true.

A difference of temperatures has none: as a temperature it would be shown 273 degrees off.
"""
_CLASSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bat_soc": "battery",
        "dev_battery": "battery",
        "indoor_rh": "humidity",
        "weather_rh": "humidity",
        "weather_wind_direction": "wind_direction",
        "water_volume": "water",
        "water_hot_volume": "water",
        "gas_volume": "gas",
        "elec_power_factor": "power_factor",
    }
)
"""Quantities whose class their unit does not say."""
_NO_STATISTICS: Final = frozenset({"wind_direction"})
"""Classes of which a mean would be wrong."""
_INSTANT: Final = "dev_clock_time"


def discovery_topic(site: str, device: str) -> str:
    """Return where a device is announced; site and device are levels of their own, so that no two devices share one."""
    return f"{PREFIX}/kvarter_{site}/{device}/config"


def discovery(
    catalogue: Catalogue,
    vocabulary: Vocabulary,
    *,
    version: str,
    language: str = "en",
    gone: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Mapping[str, bytes]:
    """Return topic → retained message, one for each device of a site.

    Args:
        catalogue: Of the site.
        vocabulary: What its points are.
        version: Of this program.
        language: Of the names of points and states.
        gone: Device → points that were announced once; those that the device has no more are taken back.
    """
    topics = Topics(catalogue.site)
    messages: dict[str, bytes] = {}
    for name, device in catalogue.devices.items():
        unique = f"kvarter.{catalogue.site}.{name}"
        sensors: dict[str, dict[str, object]] = {
            point: _sensor(unique, vocabulary[point], device, language)
            for point in device.points
            if point in vocabulary
        }
        removed: dict[str, dict[str, object]] = {
            point: {"platform": "sensor"} for point in gone.get(name, ()) if point not in sensors
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
            "state_topic": topics.live(name),
            "qos": 1,
            "components": sensors | removed,
        }
        text = json.dumps(tree, separators=(",", ":"), ensure_ascii=False)
        messages[discovery_topic(catalogue.site, name)] = text.encode()
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
    # A point that was not due is absent: the template then fails, and what is shown stays, in whatever unit.
    value = f"value_json['values']['{quantity.name}'] | is_defined"
    tree: dict[str, object] = {
        "platform": "sensor",
        "unique_id": f"{unique}.{quantity.name}",
        "name": quantity.labels[language],
        "expire_after": max(_LEAST_PATIENCE_S, _LATE * interval_ms // 1000),
    }
    if quantity.name.startswith(_DIAGNOSTIC):
        tree["entity_category"] = "diagnostic"
    if quantity.kind is Kind.STATE:
        labels = {code: words[language] for code, words in quantity.states.items()}
        if labels and not quantity.open_states and len(set(labels.values())) == len(labels):
            tree |= {"device_class": "enum", "options": list(labels.values())}
            listed = ", ".join(f"{code}: {json.dumps(label, ensure_ascii=False)}" for code, label in labels.items())
            return tree | {"value_template": f"{{{{ {{{listed}}}.get({value}, none) }}}}"}
        return tree | {"value_template": f"{{{{ {value} }}}}"}
    if quantity.name == _INSTANT:
        seconds = f"{value} | as_datetime if value_json['values']['{quantity.name}'] is not none else none"
        return tree | {"device_class": "timestamp", "value_template": f"{{{{ {seconds} }}}}"}
    device_class, unit = UNITS.get(quantity.unit, ("", "" if quantity.unit == "1" else quantity.unit))
    device_class = _CLASSES.get(quantity.name, device_class)
    tree |= {"device_class": device_class} if device_class else {}
    tree |= {"unit_of_measurement": unit} if unit else {}
    if device_class not in _NO_STATISTICS:
        is_total = quantity.kind in {Kind.COUNTER, Kind.SESSION}
        tree["state_class"] = "total_increasing" if is_total else "measurement"
    return tree | {"value_template": f"{{{{ {value} }}}}"}
