"""Wrong words, signs, scales and wiring are found in one readout, and a sound one is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.energy.plausibility import judge

SOUND = {
    **{f"elec_voltage_l{phase}": 230.0 for phase in (1, 2, 3)},
    **{f"elec_current_l{phase}": 10.0 for phase in (1, 2, 3)},
    **{f"elec_power_active_l{phase}": 2200.0 for phase in (1, 2, 3)},
    **{f"elec_voltage_l{pair}": 398.4 for pair in (12, 23, 31)},
    "elec_power_active": 6600.0,
    "elec_power_factor": 0.957,
    "elec_frequency": 50.0,
}
HEAT = {
    "heat_power": 11_630.0,
    "heat_flow": 1.0,
    "heat_temp_supply": 45.0,
    "heat_temp_return": 35.0,
    "heat_temp_diff": 10.0,
}


def wrong(values: dict[str, float]) -> list[tuple[str, tuple[str, ...]]]:
    return [(finding.text, finding.points) for finding in judge(values) if not finding.agrees]


@pytest.mark.parametrize("values", [SOUND, HEAT, {}, {"elec_power_active": 5.0}, {**SOUND, **HEAT}])
def test_sound_values_are_left_alone(values: dict[str, float]) -> None:
    """Values that agree, or that cannot be compared, give no complaint."""
    assert wrong(values) == []


def test_says_what_it_compared() -> None:
    """Each relation that agrees is named, so that an installer can write it down."""
    texts = [finding.text for finding in judge(SOUND)]
    assert texts[:3] == [f"L{phase}: P = 2200 W, U\u00b7I = 2300 VA, so cos \u03c6 = 0.96" for phase in (1, 2, 3)]
    assert "total P = 6600 W, sum of the phases = 6600 W" in texts


@pytest.mark.parametrize(
    ("change", "words", "point"),
    [
        ({"elec_energy_import": 3.1e-34}, "other order of words", "elec_energy_import"),
        ({"elec_current_l2": 0.1, "elec_power_active": 6600.0}, "factor of 100", "elec_current_l2"),
        ({"elec_power_active_l3": -2200.0, "elec_power_active": 2200.0}, "L3 flows against", "elec_power_active_l3"),
        ({"elec_power_active": -6600.0}, "import and export are exchanged", "elec_power_active"),
        ({"elec_power_active": 330.0}, "transformer ratio", "elec_power_active"),
        ({"elec_voltage_l12": 230.0}, "two voltage leads on one phase", "elec_voltage_l12"),
        (
            {"elec_power_active_l1": 1150.0, "elec_power_active_l2": 1150.0, "elec_power_active_l3": -2300.0,
             "elec_power_active": 0.0},
            "belong to different phases", "elec_power_active_l1",
        ),
    ],
)  # fmt: skip
def test_electrical_mistakes(change: dict[str, float], words: str, point: str) -> None:
    """Each mistake of wiring, sign or scale is named with the points that it concerns."""
    found = wrong({**SOUND, **change})
    assert any(words in text and point in points for text, points in found), found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"heat_temp_supply": 35.0, "heat_temp_return": 45.0}, "supply and return sensor are exchanged"),
        ({"heat_flow": 1000.0}, "factor of 0.001"),
        ({"heat_temp_diff": 1.0}, "one of the three has the wrong scale"),
    ],
)
def test_thermal_mistakes(change: dict[str, float], words: str) -> None:
    """Exchanged sensors and wrong scales of a heat meter are named."""
    assert any(words in text for text, _ in wrong({**HEAT, **change}))


def test_other_devices() -> None:
    """A charger, a PV string and a battery are compared with what their voltage and current say."""
    assert wrong({"ev_power": 11_000.0, "ev_current_l1": 16.0, "ev_current_l2": 16.0, "ev_current_l3": 16.0}) == []
    assert wrong({"ev_power": 11.0, "ev_current_l1": 16.0, "ev_current_l2": 16.0, "ev_current_l3": 16.0})
    assert wrong({"pv_power_dc": 3000.0, "pv_voltage_dc": 600.0, "pv_current_dc": 5.0}) == []
    assert wrong({"bat_power": -300.0, "bat_voltage": 400.0, "bat_current": -7.5})


POINTS = sorted({*SOUND, *HEAT, "ev_power", "ev_current_l1", "bat_power", "bat_voltage", "bat_current"})


@given(st.dictionaries(st.sampled_from(POINTS), st.floats(allow_nan=False, allow_infinity=False, width=32)))
def test_any_values_are_judged(values: dict[str, float]) -> None:
    """No combination of numbers stops the judgement."""
    judge(values)
