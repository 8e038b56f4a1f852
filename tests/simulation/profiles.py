"""The models of the simulated devices, and the site file that names them."""

from dataclasses import dataclass
from pathlib import Path

SITE = "house"

_HEAD = """\
profile: sim/{name}
maker: Simulation
model: {name}
kind: electricity_meter
source: [{{document: written for the simulation, version: "1"}}]
link_defaults: {{baudrate: 9600, parity: none, stop_bits: 1, unit_id: 1}}
interval: 60s
protocol: modbus
modbus: {{table: input, word_order: big, max_registers: 20}}
{more}points:
  - {{point: elec_energy_import, address: 0, type: uint32, unit: Wh}}
  - {{point: elec_power_active, address: {power}, type: int32, unit: W}}
  - {{point: elec_voltage_l1, address: 4, type: uint16, unit: V, scale: 0.1, absent: [0xFFFF]}}
tests:
  - registers: {{0: [0, 1000]}}
    expect: {{elec_energy_import: 1}}
"""
_IDENTITY = "identity:\n  serial_number: {address: 900, type: uint32}\n"

_PROFILES = {
    "block": _HEAD.format(name="block", power=2, more=""),
    "split": _HEAD.format(name="split", power=200, more=""),
    "known": _HEAD.format(name="known", power=2, more=_IDENTITY),
}


@dataclass(frozen=True, slots=True)
class Place:
    """One device of the site."""

    name: str
    link: str
    unit: int
    profile: str


LINKS = {"cabinet": "tcp", "bus": "rtu", "converter": "rtu"}
"""Link → framing."""
PLACES = (
    *(Place(f"tcp_{unit}", "cabinet", unit, profile) for unit, profile in ((1, "block"), (2, "split"), (3, "known"))),
    Place("tcp_4", "cabinet", 4, "block"),
    *(Place(f"rtu_{unit}", "bus", unit, profile) for unit, profile in ((1, "block"), (2, "split"), (3, "known"))),
    Place("rtu_4", "bus", 4, "block"),
    Place("conv_1", "converter", 1, "block"),
    Place("conv_2", "converter", 2, "split"),
)

_LINKS = """\
links:
  - {id: cabinet, tcp: '192.0.2.1:502'}
  - {id: bus, serial: /dev/ttySIM0, baudrate: 9600, parity: none}
  - {id: converter, tcp: '192.0.2.2:502', framing: rtu}
"""


def write_site(folder: Path) -> Path:
    """Write the site file and its profiles; return its path."""
    profiles = folder / "profiles" / "sim"
    profiles.mkdir(parents=True)
    for name, text in _PROFILES.items():
        (profiles / f"{name}.yaml").write_text(text, encoding="utf-8")
    devices = "".join(
        f"  - {{id: {each.name}, profile: sim/{each.profile}, link: {each.link}, unit_id: {each.unit}}}\n"
        for each in PLACES
    )
    path = folder / "site.yaml"
    head = f"site: {SITE}\ndata: {folder / 'data'}\nprofiles: [profiles]\nspool: {{size_mib: 8}}\n"
    path.write_text(f"{head}{_LINKS}devices:\n{devices}", encoding="utf-8")
    return path
