"""Write config/grafana/kvarter.json anew from the vocabulary: `make grafana`."""

import json
from pathlib import Path

from gateway.core.quantity import Kind, Quantity, load_vocabulary

PAGE = Path(__file__).parents[2] / "config" / "grafana" / "kvarter.json"
GROUPS = {
    "elec": "Electricity", "heat": "Heat", "hp": "Heat pump", "ev": "Charging", "pv": "Photovoltaics", "bat": "Battery",
    "indoor": "Indoor climate", "vent": "Ventilation", "weather": "Weather", "water": "Water", "gas": "Gas",
    "dev": "Devices",
}  # fmt: skip
UNITS = {
    "%": "percent", "A": "amp", "Cel": "celsius", "Hz": "hertz", "K": "kelvin", "V": "volt", "VA": "voltamp",
    "W": "watt", "W/m2": "Wm2", "dBm": "dBm", "deg": "degree", "h": "h", "hPa": "pressurehpa", "kWh": "kwatth",
    "kvarh": "kvoltampreact", "lx": "lux", "m/s": "velocityms", "m3": "m3", "m3/h": "flowcms", "mm": "lengthmm",
    "ppb": "conppb", "ppm": "ppm", "s": "s", "ug/m3": "conμgm3", "var": "voltampreact", "1": "none",
}  # fmt: skip
"""Unit of the vocabulary → Grafana's name of it; `suffix:` and the unit where Grafana has none."""
_WRONG = {"m3/h", "kvarh"}
"""Grafana's nearest unit has another scale."""
SOURCE = {"type": "influxdb", "uid": "${source}"}
_WHERE = '"site" =~ /^$site$/ AND "device" =~ /^$device$/ AND $timeFilter'


def dashboard() -> str:
    """Return the text of the dashboard."""
    panels: list[dict[str, object]] = []
    row = 0
    for group, title in GROUPS.items():
        quantities = [q for q in load_vocabulary().values() if q.name.split("_")[0] == group]
        bands: dict[tuple[str, str], list[Quantity]] = {}
        for quantity in quantities:
            bands.setdefault((_kind(quantity), quantity.unit), []).append(quantity)
        panels.append({"type": "row", "title": title, "id": len(panels) + 1, "gridPos": _place(row, 0, 24, 1)})
        row += 1
        for number, ((kind, unit), band) in enumerate(bands.items()):
            place = _place(row + 8 * (number // 2), 12 * (number % 2), 12, 8)
            panels.append(_panel(len(panels) + 1, f"{title}: {kind}, {unit}", band, place))
        row += 8 * ((len(bands) + 1) // 2)
    tree = {
        "title": "Kvarter",
        "uid": "kvarter",
        "schemaVersion": 39,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": [_source(), _tag("site", ""), _tag("device", ' WHERE "site" =~ /^$site$/')]},
        "panels": panels,
    }
    return json.dumps(tree, indent=1, ensure_ascii=False) + "\n"


def _kind(quantity: Quantity) -> str:
    return "energy and counts per hour" if quantity.kind is Kind.COUNTER else quantity.kind.value


def _place(y: int, x: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(number: int, title: str, band: list[Quantity], place: dict[str, int]) -> dict[str, object]:
    unit = band[0].unit
    named = UNITS.get(unit, "") if unit not in _WRONG else ""
    bars = band[0].kind is Kind.COUNTER
    style = {"drawStyle": "bars" if bars else "line", "spanNulls": False, "fillOpacity": 60 if bars else 0}
    if band[0].kind is Kind.STATE:
        style |= {"lineInterpolation": "stepAfter"}
    return {
        "type": "timeseries",
        "id": number,
        "title": title,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": named or f"suffix:{unit}", "custom": style}, "overrides": []},
        "targets": [_target(index, quantity) for index, quantity in enumerate(band)],
    }


def _target(index: int, quantity: Quantity) -> dict[str, object]:
    if quantity.kind is Kind.COUNTER:
        chosen, step = f'non_negative_difference(last("{quantity.name}"))', "1h"
    else:
        chosen = f'{"mean" if quantity.kind is Kind.GAUGE else "last"}("{quantity.name}")'
        step = "$__interval"
    return {
        "refId": f"Q{index}",
        "datasource": SOURCE,
        "rawQuery": True,
        "resultFormat": "time_series",
        "alias": f"$tag_device {quantity.labels['en']}",
        "query": f'SELECT {chosen} FROM "kvarter" WHERE {_WHERE} GROUP BY time({step}), "device" fill(null)',  # noqa: S608 - names are ours
    }


def _source() -> dict[str, object]:
    return {"name": "source", "type": "datasource", "query": "influxdb", "label": "Store"}


def _tag(name: str, where: str) -> dict[str, object]:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "query": f'SHOW TAG VALUES FROM "kvarter" WITH KEY = "{name}"{where}',
        "refresh": 2,
        "multi": True,
        "includeAll": True,
    }


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(dashboard(), encoding="utf-8")
