"""Conversion from a device's unit to the vocabulary's."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.quantity import load_vocabulary
from gateway.core.units import Conversion, conversion

DIMENSIONS = (
    ("W", "kW", "MW"),
    ("Wh", "kWh", "MWh", "GWh", "J", "kJ", "MJ", "GJ", "kcal", "Mcal", "Gcal"),
    ("var", "kvar"),
    ("VA", "kVA"),
    ("varh", "kvarh"),
    ("V", "mV", "kV"),
    ("A", "mA"),
    ("Hz",),
    ("Cel", "degF"),
    ("K",),
    ("m3", "l"),
    ("m3/h", "l/h", "l/min", "l/s", "m3/s"),
    ("m3.Cel",),
    ("%", "1"),
    ("hPa", "Pa", "kPa", "bar", "mbar"),
    ("h", "min", "s", "d"),
    ("lx",),
    ("W/m2",),
    ("m/s", "km/h"),
    ("deg",),
    ("mm",),
    ("ppm", "ppb"),
    ("ug/m3",),
    ("dBm",),
)
UNITS = [unit for dimension in DIMENSIONS for unit in dimension]
PAIRS = [pair for dimension in DIMENSIONS for pair in product(dimension, repeat=2)]
VALUES = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False).filter(
    lambda value: abs(value) > 1e-9 or not value
)


@pytest.mark.parametrize(
    ("device_unit", "vocabulary_unit", "factor"),
    [
        ("kW", "W", 1000.0),
        ("MW", "W", 1e6),
        ("Wh", "kWh", 0.001),
        ("MWh", "kWh", 1000.0),
        ("GJ", "kWh", 1e9 / 3.6e6),
        ("MJ", "kWh", 1 / 3.6),
        ("kJ", "kWh", 1 / 3600),
        ("J", "kWh", 1 / 3.6e6),
        ("Gcal", "kWh", 1163.0),
        ("Mcal", "kWh", 1.163),
        ("kcal", "kWh", 0.001163),
        ("kvar", "var", 1000.0),
        ("kVA", "VA", 1000.0),
        ("varh", "kvarh", 0.001),
        ("mV", "V", 0.001),
        ("kV", "V", 1000.0),
        ("mA", "A", 0.001),
        ("l", "m3", 0.001),
        ("l/h", "m3/h", 0.001),
        ("l/min", "m3/h", 0.06),
        ("l/s", "m3/h", 3.6),
        ("m3/s", "m3/h", 3600.0),
        ("%", "1", 0.01),
        ("1", "%", 100.0),
        ("Pa", "hPa", 0.01),
        ("kPa", "hPa", 10.0),
        ("bar", "hPa", 1000.0),
        ("mbar", "hPa", 1.0),
        ("min", "h", 1 / 60),
        ("s", "h", 1 / 3600),
        ("d", "h", 24.0),
        ("km/h", "m/s", 1 / 3.6),
        ("ppm", "ppb", 1000.0),
    ],
)
def test_factors(device_unit: str, vocabulary_unit: str, factor: float) -> None:
    """A factor is the float nearest to the exact ratio of the two units."""
    assert conversion(device_unit, vocabulary_unit) == Conversion(factor=factor, offset=0.0)


@pytest.mark.parametrize(("fahrenheit", "celsius"), [(32.0, 0.0), (212.0, 100.0), (-40.0, -40.0), (50.0, 10.0)])
def test_fahrenheit(fahrenheit: float, celsius: float) -> None:
    """Fixed points of the two temperature scales meet, both ways."""
    line = conversion("degF", "Cel")
    assert line.apply(fahrenheit) == pytest.approx(celsius, abs=1e-12)
    assert line.invert(celsius) == pytest.approx(fahrenheit, abs=1e-12)


@given(energy_gj=st.floats(min_value=0, max_value=1e9))
@settings(deadline=None)
def test_gigajoules_and_kilowatt_hours_agree(energy_gj: float) -> None:
    """A heat meter that counts in GJ, in MJ or in MWh gives the same kWh."""
    expected = energy_gj * 1000 / 3.6
    assert conversion("GJ", "kWh").apply(energy_gj) == pytest.approx(expected, rel=1e-15)
    assert conversion("MJ", "kWh").apply(energy_gj * 1000) == pytest.approx(expected, rel=1e-15)
    assert conversion("MWh", "kWh").apply(energy_gj / 3.6) == pytest.approx(expected, rel=1e-15)


@given(pair=st.sampled_from(PAIRS), value=VALUES)
@settings(deadline=None)
def test_round_trip(pair: tuple[str, str], value: float) -> None:
    """What is converted and inverted is the same to 12 digits, through either direction."""
    device_unit, vocabulary_unit = pair
    line, back = conversion(device_unit, vocabulary_unit), conversion(vocabulary_unit, device_unit)
    assert line.invert(line.apply(value)) == pytest.approx(value, rel=1e-12, abs=1e-12)
    assert back.apply(line.apply(value)) == pytest.approx(value, rel=1e-12, abs=1e-12)


@given(unit=st.sampled_from(UNITS), value=VALUES)
@settings(deadline=None)
def test_the_same_unit_changes_nothing(unit: str, value: float) -> None:
    """The same unit twice has factor 1.0 and offset 0.0, and gives back the very same number."""
    line = conversion(unit, unit)
    assert (line.factor, line.offset) == (1.0, 0.0)
    assert line.apply(value) == value
    assert line.invert(value) == value


def test_only_like_converts_to_like() -> None:
    """Between any two units of different dimensions there is no conversion."""
    for device_unit, vocabulary_unit in set(product(UNITS, repeat=2)) - set(PAIRS):
        with pytest.raises(ValueError, match="no conversion from"):
            conversion(device_unit, vocabulary_unit)


def test_a_temperature_is_not_a_difference() -> None:
    """Degrees Celsius never become kelvin, since a point in K is a difference."""
    with pytest.raises(ValueError, match="no conversion from 'K' to 'Cel': use one of Cel, degF"):
        conversion("K", "Cel")
    with pytest.raises(ValueError, match="no conversion from 'Cel' to 'K': use one of K"):
        conversion("Cel", "K")


@pytest.mark.parametrize(
    ("word", "vocabulary_unit", "advice"),
    [
        ("kwh", "kWh", "did you mean 'kWh'"),
        ("KWH", "kWh", "did you mean 'kWh'"),
        ("mw", "W", "did you mean 'MW'"),
        ("MV", "V", "did you mean 'mV'"),
        ("°C", "Cel", "did you mean 'Cel'"),
        ("℃", "Cel", "did you mean 'Cel'"),
        ("degC", "Cel", "did you mean 'Cel'"),
        ("°F", "Cel", "did you mean 'degF'"),
        ("m³/h", "m3/h", "did you mean 'm3/h'"),
        ("µg/m³", "ug/m3", "did you mean 'ug/m3'"),
        ("W/m²", "W/m2", "did you mean 'W/m2'"),
        (" V ", "V", "did you mean 'V'"),
        ("KVARH", "kvarh", "did you mean 'kvarh'"),
        ("percent", "%", "did you mean '%'"),
        ("furlong", "W", "use one of W, kW, MW"),
        ("", "W", "use one of W, kW, MW"),
    ],
)
def test_unknown_units_get_advice(word: str, vocabulary_unit: str, advice: str) -> None:
    """An unknown unit is refused with the unit that was meant, or with those to choose from."""
    with pytest.raises(ValueError, match=rf"unknown unit {word!r}: {advice}"):
        conversion(word, vocabulary_unit)


def test_an_unknown_vocabulary_unit_is_refused() -> None:
    """A unit that is unknown on both sides is refused too, the vocabulary's first."""
    with pytest.raises(ValueError, match="unknown unit 'parsec': use one of W, kW"):
        conversion("parsec", "parsec")


def test_every_unit_of_the_vocabulary_is_known() -> None:
    """A device that speaks the vocabulary's own unit is always understood."""
    units = {quantity.unit for quantity in load_vocabulary().values()}
    assert units <= set(UNITS)
