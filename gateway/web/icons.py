"""One small drawing for each kind of device. Pure."""

from collections.abc import Mapping

from gateway.web.html import Markup, tag

_PATHS: Mapping[str, str] = {
    "electricity_meter": "M11 2 4 11h5l-1 7 7-9h-5z",
    "heat_meter": "M10 2c1 4 5 5 5 10a5 5 0 0 1-10 0c0-2 1-3 2-4 0 2 1 3 2 3 0-4-1-6 1-9z",
    "water_meter": "M10 2c3 4 5 7 5 10a5 5 0 0 1-10 0c0-3 2-6 5-10z",
    "gas_meter": "M10 2c1 4 5 5 5 10a5 5 0 0 1-10 0c0-2 1-3 2-4 0 2 1 3 2 3 0-4-1-6 1-9z",
    "heat_pump": "M3 4h14v12H3zM10 7a3 3 0 1 0 .01 0M10 5v2M10 13v2M7 10H5M15 10h-2",
    "ev_charger": (
        "M4 18V4a2 2 0 0 1 2-2h5a2 2 0 0 1 2 2v14zM3 18h11M13 9h2v5a1.5 1.5 0 0 0 3 0V7l-2-2M9 5 6.5 10H9l-1 4"
    ),
    "pv_inverter": (
        "M10 6.5a3.5 3.5 0 1 0 .01 0M10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2"
        "M4 4l1.4 1.4M14.6 14.6 16 16M4 16l1.4-1.4M14.6 5.4 16 4"
    ),
    "battery": "M2 6h14v8H2zM18 9v2M5 8v4M8 8v4M11 8v4",
    "ventilation": "M10 10c0-4 1-7 4-7s3 5-4 7c4 0 7 1 7 4s-5 3-7-4c0 4-1 7-4 7s-3-5 4-7c-4 0-7-1-7-4s5-3 7 4z",
    "indoor_climate": "M12 11V4a2 2 0 0 0-4 0v7a4 4 0 1 0 4 0zM10 8v6",
    "weather_station": "M6 15a3.5 3.5 0 0 1 0-7 5 5 0 0 1 9.5 1A3 3 0 0 1 15 15z",
}
_OTHER = "M4 4h12v12H4zM8 8h4v4H8z"


def icon(kind: str) -> Markup:
    """Return the drawing of a kind of device; the text beside it says what it is."""
    path = tag("path", d=_PATHS.get(kind, _OTHER))
    return tag("svg", path, viewBox="0 0 20 20", class_="icon", aria_hidden="true")
