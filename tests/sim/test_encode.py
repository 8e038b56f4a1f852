"""A value in the vocabulary's unit ↔ a device's registers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sim.cluster import clusters
from gateway.sim.encode import Value, decode, encode
from gateway.sim.words import bounds
from tests.sim.workbench import every_type, points_by_name

POINTS = points_by_name(every_type())
CLUSTERS = {placed.name: cluster for cluster in clusters(POINTS.values()) for placed in cluster.points}
PLAIN = sorted(
    name
    for name, placed in POINTS.items()
    if placed.point.states is None and placed.exponent is None and not placed.slots[0].is_text and not placed.point.wrap
)


def said(name: str, value: Value) -> dict[int, tuple[int, ...]]:
    return {slot.address: words for slot, words in encode(POINTS[name], value)}


@pytest.mark.parametrize(
    ("name", "value", "registers"),
    [
        ("elec_voltage_l1", 230.5, {100: (2305, 0)}),
        ("elec_voltage_l2", 230.1, {102: (0x4366, 0x199A)}),
        ("elec_current_l1", 4.66, {110: (0x3412,)}),
        ("elec_current_l2", -1.23, {111: (0xFF85,)}),
        ("elec_energy_import", 1234.567, {120: (0xD687, 0x0012, 0)}),
        ("elec_energy_reactive_import", 1234.5, {130: (0x0001, 0x2345)}),
        ("elec_energy_reactive_export", 123.456789, {132: (3457, 12, 0)}),
        ("heat_energy", 12345678.0, {140: (0, 0, 0x1234, 0x5678)}),
        ("hp_elec_energy", 12345, {180: (345,), 190: (12,)}),
        ("weather_temp", 20.0, {220: (1080,)}),
        ("indoor_rh", 45.25, {230: (0x3435, 0x2E32, 0x3500)}),
        ("gas_volume", 100, {250: (0, 200)}),
        ("water_hot_volume", 25.0, {252: (500,)}),
        ("dev_link_up", 1, {5: (1,)}),
    ],
)
def test_known_registers(name: str, value: float, registers: dict[int, tuple[int, ...]]) -> None:
    """Registers worked out by hand from scale, offset, unit, parts and word order are what the device says."""
    assert said(name, value) == registers


@given(st.sampled_from(PLAIN), st.floats(min_value=0, max_value=1))
def test_numbers_come_back_within_one_step(name: str, part: float) -> None:
    """What a device says of any number that it can say is that number, to its own resolution."""
    placed = POINTS[name]
    low, high = (limit * abs(placed.point.scale) for limit in bounds(placed.slots[0]))
    if placed.slots[0].is_float:
        low, high = -1e6, 1e6
    device = low + part * 0.99 * (high - low) + placed.point.offset
    value = placed.conversion.apply(device) * placed.ratio
    back = decode(placed, dict(encode(placed, value, clip=True)))
    assert isinstance(back, (int, float))
    # A code for 'no value' costs a second step.
    step = 0.0 if placed.slots[0].is_float else 1.51 * abs(placed.point.scale * placed.conversion.factor) * placed.ratio
    assert math.isclose(back, value, rel_tol=1e-6, abs_tol=step + 1e-9)


@given(st.floats(min_value=-3e5, max_value=3e5), st.floats(min_value=0, max_value=6e5))
def test_one_exponent_serves_all_values_that_share_it(active: float, apparent: float) -> None:
    """Two powers with one exponent come back to within the resolution that the larger of them leaves."""
    cluster = CLUSTERS["elec_power_active"]
    assert {placed.name for placed in cluster.points} == {"elec_power_active", "elec_power_apparent"}
    registers = dict(cluster.encode({"elec_power_active": active, "elec_power_apparent": apparent}))
    step = max(abs(active) / 32767, apparent / 65535) * 10
    for placed, value in zip(cluster.points, (active, apparent), strict=True):
        back = decode(placed, registers)
        assert back is not None
        assert abs(back - value) <= max(step, 0.01)


def test_the_exponent_follows_the_value() -> None:
    """Small values get a finer exponent than large ones, so that it changes while the device runs."""
    cluster = CLUSTERS["elec_power_active"]
    exponents = []
    for power in (100.0, 1000.0, 100_000.0):
        registers = cluster.encode({"elec_power_active": power, "elec_power_apparent": power})
        exponents += [words[0] for slot, words in registers if slot.address == 173]
    assert exponents == [0xFFFE, 0xFFFF, 1]


def test_no_value_at_all_means_no_exponent() -> None:
    """An exponent that serves nothing is the code for 'no exponent', and the values are then not available."""
    cluster = CLUSTERS["elec_power_active"]
    registers = dict(cluster.encode({}))
    assert {slot.address: words for slot, words in registers.items()}[173] == (0x8000,)
    assert [decode(placed, registers) for placed in cluster.points] == [None, None]


@pytest.mark.parametrize(
    ("mode", "alarm", "register"), [(4, 0, 1 << 9), (2, 1, 1 << 5 | 1 << 15), (6, 0, 0), (6, 1, 1 << 15)]
)
def test_points_share_the_bits_of_a_register(mode: int, alarm: int, register: int) -> None:
    """Two points that read different bits of one register are both said."""
    cluster = CLUSTERS["hp_alarm"]
    registers = dict(cluster.encode({"hp_operating_mode": mode, "hp_alarm": alarm}))
    assert list(registers.values()) == [(register,)]
    assert {placed.name: decode(placed, registers) for placed in cluster.points} == {
        "hp_operating_mode": mode,
        "hp_alarm": alarm,
    }


@pytest.mark.parametrize(("state", "error"), [(0, 0), (2, 0), (4, 1)])
def test_points_share_a_text(state: int, error: int) -> None:
    """Two points that read the same two characters are both said."""
    registers = dict(CLUSTERS["ev_state"].encode({"ev_state": state, "ev_error": error}))
    assert [decode(POINTS[name], registers) for name in ("ev_state", "ev_error")] == [state, error]


def test_a_state_that_the_device_lacks_is_refused() -> None:
    """A code of the vocabulary that no code of the device means is refused, with the ones it has."""
    with pytest.raises(ValueError, match="no code for 7; it knows 1, 2, 4, 6"):
        encode(POINTS["hp_operating_mode"], 7)


@pytest.mark.parametrize(
    ("name", "registers"),
    [
        ("elec_current_l1", {110: (0xFFFF,)}),
        ("elec_current_l2", {111: (0x8000,)}),
        ("elec_energy_export", {124: (0xFFFF,) * 4}),
        ("hp_elec_energy", {180: (0x8000,), 190: (0x8000,)}),
        ("elec_voltage_l2", {102: (0x7FC0, 0)}),
    ],
)
def test_no_value_has_its_code(name: str, registers: dict[int, tuple[int, ...]]) -> None:
    """'No value' is said by the profile's code, or by NaN, and is read as no value."""
    assert said(name, None) == registers
    assert decode(POINTS[name], dict(encode(POINTS[name], None))) is None


def test_no_value_without_a_code_is_refused() -> None:
    """A device without a code for 'no value' cannot say it."""
    with pytest.raises(ValueError, match="no code for 'no value'"):
        encode(POINTS["elec_voltage_l1"], None)


def test_a_number_is_never_said_as_no_value() -> None:
    """A number whose register would be the code for "no value" is refused, or moved by one step if nobody chose it."""
    with pytest.raises(ValueError, match="code for 'no value'"):
        encode(POINTS["elec_current_l1"], 65.535)
    assert decode(POINTS["elec_current_l1"], dict(encode(POINTS["elec_current_l1"], 70.0, clip=True))) == 65.534


def test_a_counter_begins_again_after_its_last_number() -> None:
    """A counter that wraps at 10,000 litres says 9990, and then 0."""
    assert [said("water_hot_volume", volume) for volume in (9.99, 10.0, 10.01)] == [
        {252: (999,)},
        {252: (0,)},
        {252: (1,)},
    ]


def test_clusters_keep_unrelated_points_apart() -> None:
    """Only points that share an exponent or a whole register are written together."""
    together = [sorted(placed.name for placed in each.points) for each in clusters(POINTS.values())]
    assert [names for names in together if len(names) > 1] == [
        ["elec_power_active", "elec_power_apparent"],
        ["hp_alarm", "hp_operating_mode"],
        ["ev_error", "ev_state"],
    ]
