"""The codes behind VIF FB and FD. Pure."""

from typing import Final

from drivers.mbus.vif import Kind, Vif, durations, scaled, table


def _unsigned(*codes: str) -> tuple[Vif, ...]:
    return tuple(Vif(code, kind=Kind.UNSIGNED) for code in codes)


def _plain(*codes: str) -> tuple[Vif, ...]:
    return tuple(Vif(code) for code in codes)


def _long(code: str, *units: str) -> tuple[Vif, ...]:
    return tuple(Vif(code, unit) for unit in units)


FB: Final = table({
    0x00: scaled("energy", "MWh", -1, 2),
    0x02: scaled("reactive_energy", "kvarh", 0, 2),
    0x04: scaled("apparent_energy", "kVAh", 0, 2),
    0x08: scaled("energy", "GJ", -1, 2),
    0x0C: scaled("energy", "Mcal", -1, 4),
    0x10: scaled("volume", "m3", 2, 2),
    0x14: scaled("reactive_power", "kvar", -3, 4),
    0x18: scaled("mass", "kg", 5, 2),
    0x1A: scaled("relative_humidity", "%", -1, 2),
    0x20: (
        Vif("volume", "ft3"), Vif("volume", "ft3", -1), Vif("volume", "gal", -1), Vif("volume", "gal"),
        Vif("volume_flow", "gal/min", -3), Vif("volume_flow", "gal/min"), Vif("volume_flow", "gal/h"),
    ),
    0x28: scaled("power", "MW", -1, 2),
    0x2A: (Vif("phase_angle_voltage", "deg", -1), Vif("phase_angle_current", "deg", -1)),
    0x2C: scaled("frequency", "Hz", -3, 4),
    0x30: scaled("power", "GJ/h", -1, 2),
    0x34: scaled("apparent_power", "kVA", -3, 4),
    0x58: scaled("flow_temperature", "degF", -3, 4),
    0x5C: scaled("return_temperature", "degF", -3, 4),
    0x60: scaled("temperature_difference", "degF", -3, 4),
    0x64: scaled("external_temperature", "degF", -3, 4),
    0x70: scaled("temperature_limit", "degF", -3, 4),
    0x74: scaled("temperature_limit", "Cel", -3, 4),
    0x78: scaled("cumulated_maximum_power", "W", -3, 8),
})  # fmt: skip
"""Source: EN 13757-3:2018, table 14 (alternate extended VIF codes); 20 to 26 and 58 to 73 of its 2004 edition."""

FD: Final = table({
    0x00: scaled("credit", "currency", -3, 4),
    0x04: scaled("debit", "currency", -3, 4),
    0x08: _unsigned(
        "transmission_count", "device_type", "manufacturer", "parameter_set_id", "model_version", "hardware_version",
        "firmware_version", "software_version", "customer_location", "customer", "access_code_user",
        "access_code_operator", "access_code_system_operator", "access_code_developer", "password", "error_flags",
        "error_mask", "security_key", "digital_output", "digital_input",
    ),
    0x1C: (Vif("baudrate", kind=Kind.UNSIGNED), Vif("response_delay", kind=Kind.UNSIGNED),
           Vif("retry", kind=Kind.UNSIGNED), Vif("remote_control", kind=Kind.UNSIGNED)),
    0x20: _unsigned("first_storage", "last_storage", "storage_block_size", "tariff_and_subunit"),
    0x24: durations("storage_interval"),
    0x28: _long("storage_interval", "mo", "a"),
    0x2A: _plain("operator_specific", "time_point_second"),
    0x2C: durations("duration_since_readout"),
    0x30: (Vif("tariff_start", kind=Kind.DATETIME), *durations("tariff_duration")[1:]),
    0x34: durations("tariff_period"),
    0x38: _long("tariff_period", "mo", "a"),
    0x3A: (Vif("dimensionless", "1"), Vif("wireless_container")),
    0x3C: durations("transmission_period"),
    0x40: scaled("voltage", "V", -9, 16),
    0x50: scaled("current", "A", -12, 16),
    0x60: _unsigned("reset_counter", "cumulation_counter", "control_signal", "day_of_week", "week_number"),
    0x65: (*_plain("day_change"), *_unsigned("parameter_activation", "special_supplier")),
    0x68: _long("duration_since_cumulation", "h", "d", "mo", "a"),
    0x6C: _long("battery_operating_time", "h", "d", "mo", "a"),
    0x70: (Vif("battery_change", kind=Kind.DATETIME), Vif("rf_level", "dBm"), Vif("daylight_saving"),
           Vif("listening_window")),
    0x74: (Vif("battery_remaining", "d"), Vif("stop_count", kind=Kind.UNSIGNED), Vif("manufacturer_container")),
})  # fmt: skip
"""Source: EN 13757-3:2018, table 12 (main VIFE code extension)."""

FD_FD: Final = table(
    {
        0x00: _unsigned("selected_application"),
        0x02: _long("battery_remaining", "mo", "a"),
    }
)
"""Source: EN 13757-3:2018, table 13 (second level extension behind FD FD)."""
