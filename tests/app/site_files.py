"""Site files for tests."""

from pathlib import Path

GOOD = """\
site: test-site
links:
  - {id: rs485_1, serial: /dev/ttyUSB0}
  - {id: cabinet, tcp: '127.0.0.1:502'}
devices:
  - {id: main_meter, profile: eastron/sdm630, link: rs485_1, unit_id: 1}  # the grid
  - {id: charger, profile: keba/p30, link: cabinet, interval: 30s}
"""

CT_PROFILE = """\
profile: test/ct-meter
maker: Test
model: CT meter
kind: electricity_meter
source: [{document: made up for a test, version: "1"}]
protocol: modbus
modbus: {table: input, word_order: big}
interval: 10s
points:
  - {point: elec_power_active, address: 0, type: int16, unit: W, multiply_by: [ct_ratio]}
tests:
  - registers: {0: [5]}
    settings: {ct_ratio: 20}
    expect: {elec_power_active: 100}
"""


def write(folder: Path, text: str) -> Path:
    """Write a site file and return its path."""
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return path
