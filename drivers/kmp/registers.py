"""What the registers of Kamstrup meters are, and the units in which they stand. Facts only.

Source: Kamstrup, Technical Descriptions of MULTICAL 402 (5512-742 M1, section 12.1.1), MULTICAL 302 (5512-1334 F1,
section 13.1.1) and MULTICAL 62 (5512-1036 D1, section 12.1.1) for the numbers of registers. The energies E2 and E4 to
E7, masses, pressures, T3, T4 and the second flow sensor: list of MULTICAL 601 in ErikBooij/kamstrup-meter-reader.
Numbers of units: the same, and esphome/esphome (kamstrup_kmp), which agree on all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from drivers.records.telegram import Function

DATE = 1003
CLOCK = 1002
_AVERAGE, _DATE, _HIGH_RESOLUTION = "average", "date", "high_resolution"
_YEAR, _MONTH, _INTEGRATION = "this_year", "this_month", "last_integration"


@dataclass(frozen=True, slots=True)
class Register:
    """What one register means."""

    code: str
    function: Function = Function.INSTANTANEOUS
    tariff: int = 0
    subunit: int = 0
    """1 for the second flow sensor."""
    qualifiers: tuple[str, ...] = ()


class Form(Enum):
    """How the digits of a value are to be read."""

    NUMBER = "number"
    HOUR_MINUTE_SECOND = "hh:mm:ss"
    YEAR_MONTH_DAY = "yy-mm-dd"
    FULL_YEAR_MONTH_DAY = "yyyy-mm-dd"
    MONTH_DAY = "mm-dd"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Unit:
    """What the unit byte of a value means."""

    name: str
    """A unit of `gateway.core.units` where that knows it."""
    tens: int = 0
    """Power of ten by which the unit is greater than its name says."""
    form: Form = Form.NUMBER


def _extremes(first: int, period: str) -> dict[int, Register]:
    """Return the eight registers of a period: date and value of greatest and smallest flow and power."""
    found = {}
    for step, (code, function) in enumerate(
        (code, function) for code in ("volume_flow", "power") for function in (Function.MAXIMUM, Function.MINIMUM)
    ):
        found[first + 2 * step] = Register(code, function, qualifiers=(period, _DATE))
        found[first + 2 * step + 1] = Register(code, function, qualifiers=(period,))
    return found


REGISTERS: Mapping[int, Register] = MappingProxyType(
    {
        60: Register("energy"),
        61: Register("flow_energy"),
        62: Register("return_energy"),
        63: Register("cooling_energy"),
        64: Register("energy", tariff=2),
        65: Register("energy", tariff=3),
        66: Register("tariff_limit", tariff=2),
        67: Register("tariff_limit", tariff=3),
        68: Register("volume"),
        69: Register("volume", subunit=1),
        72: Register("mass"),
        73: Register("mass", subunit=1),
        74: Register("volume_flow"),
        75: Register("volume_flow", subunit=1),
        80: Register("power"),
        84: Register("input_a"),
        85: Register("input_b"),
        86: Register("flow_temperature"),
        87: Register("return_temperature"),
        88: Register("temperature_3"),
        89: Register("temperature_difference"),
        91: Register("flow_pressure"),
        92: Register("return_pressure"),
        94: Register("control_energy"),
        95: Register("tap_water_energy"),
        96: Register("heat_energy_y"),
        97: Register("volume_flow_temperature"),
        98: Register("target_date"),
        99: Register("info_code"),
        104: Register("input_b_meter_number"),
        110: Register("volume_return_temperature"),
        112: Register("customer_number_high"),
        113: Register("info_event_counter"),
        114: Register("input_a_meter_number"),
        122: Register("temperature_4"),
        **_extremes(123, _YEAR),
        **_extremes(138, _MONTH),
        146: Register("flow_temperature", qualifiers=(_YEAR, _AVERAGE)),
        147: Register("return_temperature", qualifiers=(_YEAR, _AVERAGE)),
        149: Register("flow_temperature", qualifiers=(_MONTH, _AVERAGE)),
        150: Register("return_temperature", qualifiers=(_MONTH, _AVERAGE)),
        152: Register("program_number"),
        153: Register("configuration_number_1"),
        154: Register("software_checksum"),
        155: Register("energy", qualifiers=(_HIGH_RESOLUTION,)),
        157: Register("top_module"),
        158: Register("base_module"),
        168: Register("configuration_number_2"),
        175: Register("error_hours"),
        184: Register("mbus_primary_address"),
        185: Register("mbus_secondary_address"),
        223: Register("volume", qualifiers=(_HIGH_RESOLUTION,)),
        229: Register("flow_temperature", qualifiers=(_INTEGRATION, _AVERAGE)),
        230: Register("return_temperature", qualifiers=(_INTEGRATION, _AVERAGE)),
        234: Register("input_a_pulse_value"),
        235: Register("input_b_pulse_value"),
        239: Register("volume", qualifiers=(_HIGH_RESOLUTION,)),
        266: Register("energy", qualifiers=(_HIGH_RESOLUTION,)),
        267: Register("cooling_energy", qualifiers=(_HIGH_RESOLUTION,)),
        1001: Register("serial_number"),
        CLOCK: Register("clock"),
        DATE: Register("date"),
        1004: Register("operating_time"),
        1005: Register("meter_type"),
        1010: Register("customer_number_low"),
    }
)

# The readers call both 21 and 22 kW, and 25 and 26 kvar. Every other run goes from the plain unit upwards by thousands.
_RUNS: Mapping[int, Sequence[str]] = {
    1: ("Wh", "kWh", "MWh", "GWh"),
    5: ("J", "kJ", "MJ", "GJ"),
    9: ("cal", "kcal", "Mcal", "Gcal"),
    13: ("varh", "kvarh", "Mvarh", "Gvarh"),
    17: ("VAh", "kVAh", "MVAh", "GVAh"),
    21: ("W", "kW", "MW", "GW"),
    25: ("var", "kvar", "Mvar", "Gvar"),
    29: ("VA", "kVA", "MVA", "GVA"),
    33: ("V", "A", "kV", "kA", "Cel", "K"),
    39: ("l", "m3", "l/h", "m3/h", "m3.Cel", "t", "t/h", "h"),
    51: ("", "bar", "RTC"),
    58: ("min", "", "s", "ms", "d", "RTC-Q", "date and time"),
}
UNITS: Mapping[int, Unit] = MappingProxyType(
    {
        0: Unit(""),
        **{first + step: Unit(name) for first, names in _RUNS.items() for step, name in enumerate(names)},
        47: Unit("", form=Form.HOUR_MINUTE_SECOND),
        48: Unit("", form=Form.YEAR_MONTH_DAY),
        49: Unit("", form=Form.FULL_YEAR_MONTH_DAY),
        50: Unit("", form=Form.MONTH_DAY),
        54: Unit("", form=Form.TEXT),
        55: Unit("m3", tens=1),
        56: Unit("t", tens=1),
        57: Unit("GJ", tens=1),
    }
)
