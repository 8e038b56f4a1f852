"""What a display may differ by."""

import pytest

from gateway.core.quantity import load_vocabulary
from gateway.energy.display import Display, compare, parse_display

VOCABULARY = load_vocabulary()


@pytest.mark.parametrize(
    ("text", "unit", "value", "digit"),
    [
        ("10234.5", "kWh", 10234.5, 0.1),
        ("10 234,56", "kWh", 10234.56, 0.01),
        (" 12.345 MWh ", "kWh", 12345.0, 1.0),
        ("-1.2 kW", "W", -1200.0, 100.0),
        ("\u22121200", "W", -1200.0, 1.0),
        ("230", "V", 230.0, 1.0),
    ],
)
def test_what_is_typed_is_understood(text: str, unit: str, value: float, digit: float) -> None:
    """Numbers are taken as people of four countries type them, with the unit that the display shows."""
    found = parse_display(text, unit)
    assert found.value == pytest.approx(value)
    assert found.digit == pytest.approx(digit)


@pytest.mark.parametrize("text", ["", "abc", "1.2.3", "12 apples", "1e400", "5 kWh", "9" * 30])
def test_what_is_no_number_is_refused(text: str) -> None:
    """Anything but a number in a unit of the same kind is an error."""
    with pytest.raises(ValueError, match=r"."):
        parse_display(text, "V")


def test_a_gauge_may_differ_by_the_class_of_the_meter() -> None:
    """An electricity meter agrees within one per cent of what it shows, and no further."""
    quantity = VOCABULARY["elec_voltage_l1"]
    near = compare(quantity, Display(230.0, 0.1), {quantity.name: 231.9}, kind="electricity_meter", time_ms=1)
    far = compare(quantity, Display(230.0, 0.1), {quantity.name: 233.0}, kind="electricity_meter", time_ms=1)
    assert (near.agrees, near.reason, near.deviation) == (True, "class", 1.9)
    assert not far.agrees
    assert far.allowed == pytest.approx(2.3)
    assert far.deviation_percent == pytest.approx(1.304, abs=0.001)


def test_a_counter_may_differ_by_its_last_digits_only() -> None:
    """A hundredth of a counter is a fault although one per cent of it would be much more."""
    quantity = VOCABULARY["elec_energy_import"]
    near = compare(quantity, Display(10234.5, 0.1), {quantity.name: 10234.56}, kind="electricity_meter", time_ms=1)
    far = compare(quantity, Display(10234.5, 0.1), {quantity.name: 10240.0}, kind="electricity_meter", time_ms=1)
    assert (near.agrees, near.reason) == (True, "resolution")
    assert not far.agrees


def test_a_counter_that_runs_may_differ_by_what_flows_meanwhile() -> None:
    """At 60 kW a minute of typing is worth a kilowatt-hour."""
    quantity = VOCABULARY["elec_energy_import"]
    values = {quantity.name: 501.0, "elec_power_active": 60_000.0}
    check = compare(quantity, Display(500.05, 0.01), values, kind="electricity_meter", time_ms=1)
    assert (check.agrees, check.reason) == (True, "drift")
    assert check.allowed == pytest.approx(1.02)


def test_a_register_of_whole_numbers_is_no_finer_than_its_count() -> None:
    """Where one count is worth 1 kWh, a display with decimals may be 2 kWh away."""
    quantity = VOCABULARY["heat_energy"]
    check = compare(quantity, Display(871.44, 0.01), {quantity.name: 870.0}, kind="heat_meter", time_ms=1, step=1.0)
    assert check.agrees


def test_a_factor_of_ten_is_never_within_what_is_allowed() -> None:
    """The fault that installers make most is always seen."""
    for name in ("elec_energy_import", "elec_power_active", "heat_temp_supply"):
        check = compare(VOCABULARY[name], Display(50.0, 1.0), {name: 500.0}, kind="heat_meter", time_ms=1)
        assert not check.agrees


def test_a_display_of_zero_has_no_percentage() -> None:
    """Nothing is divided by zero."""
    name = "elec_energy_export"
    check = compare(VOCABULARY[name], Display(0.0, 0.1), {name: 0.0}, kind="electricity_meter", time_ms=1)
    assert (check.agrees, check.deviation_percent) == (True, None)
