"""A life that nobody chose: plausible, consistent, repeatable."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.quantity import Kind, load_vocabulary
from gateway.sim.course import DAY_MS, EPOCH_MS, NODES, STEP_MS, Course, total
from gateway.sim.life import Life
from gateway.sim.plan import plan_for

VOCABULARY = load_vocabulary()
KINDS = ("electricity_meter", "heat_meter", "heat_pump", "ev_charger", "pv_inverter", "battery", "indoor_climate")
NOW = 1_795_320_000_000
INSTANTS = st.integers(min_value=EPOCH_MS, max_value=EPOCH_MS + 2000 * DAY_MS)


@cache
def life(kind: str, seed: int = 1) -> Life:
    return Life(VOCABULARY, VOCABULARY, plan=plan_for(kind, seed), seed=seed)


def at(utc_ms: int, *names: str, kind: str) -> list[float]:
    values = life(kind).values(names, utc_ms=utc_ms)
    return [float(value) for name in names if (value := values[name]) is not None]


@pytest.mark.parametrize("kind", KINDS)
def test_every_quantity_has_a_plausible_behaviour(kind: str) -> None:
    """Any quantity of the vocabulary, in any kind of device, stays in its limits and in its states for a whole day."""
    for hour in range(24):
        for name, value in life(kind).values(VOCABULARY, utc_ms=NOW + hour * 3_600_000).items():
            quantity = VOCABULARY[name]
            low, high = quantity.limits
            assert value is not None
            assert low <= value <= high, name
            if quantity.kind is Kind.STATE:
                assert isinstance(value, int), name
                assert quantity.open_states or value in quantity.states, name


@given(st.sampled_from(KINDS), INSTANTS, st.integers(min_value=0, max_value=DAY_MS))
def test_counters_never_go_back(kind: str, utc_ms: int, later_ms: int) -> None:
    """At any two instants the later one has the higher or the same reading of every counter."""
    counters = [name for name, quantity in VOCABULARY.items() if quantity.kind is Kind.COUNTER]
    earlier, later = (life(kind).values(counters, utc_ms=instant) for instant in (utc_ms, utc_ms + later_ms))
    assert [name for name in counters if (later[name] or 0) < (earlier[name] or 0)] == []


@given(st.sampled_from(KINDS), INSTANTS)
def test_the_same_seed_and_instant_give_the_same_values(kind: str, utc_ms: int) -> None:
    """A life depends on nothing but seed and time, and another seed is another life."""
    again = Life(VOCABULARY, VOCABULARY, plan=plan_for(kind, 1), seed=1)
    assert again.values(VOCABULARY, utc_ms=utc_ms) == life(kind).values(VOCABULARY, utc_ms=utc_ms)
    assert life(kind, 2).values(VOCABULARY, utc_ms=utc_ms) != life(kind).values(VOCABULARY, utc_ms=utc_ms)


@given(INSTANTS)
def test_phases_sum_to_the_total(utc_ms: int) -> None:
    """Power and energy of three phases add up to those of all."""
    for quantity in ("elec_power_active", "elec_energy_import", "elec_energy_export"):
        whole, *phases = at(utc_ms, quantity, *(f"{quantity}_{phase}" for phase in ("l1", "l2", "l3")), kind="battery")
        assert sum(phases) == pytest.approx(whole)


def test_one_phase_carries_everything() -> None:
    """A device that names only the first phase has all its power in it."""
    single = Life(
        ["elec_power_active", "elec_power_active_l1"], VOCABULARY, plan=plan_for("electricity_meter", 1), seed=1
    ).values(["elec_power_active", "elec_power_active_l1"], utc_ms=NOW)
    assert single["elec_power_active_l1"] == single["elec_power_active"]


@pytest.mark.parametrize(
    ("kind", "power", "energy"),
    [
        ("electricity_meter", "elec_power_active", "elec_energy_import"),
        ("heat_pump", "hp_elec_power", "hp_elec_energy"),
        ("ev_charger", "ev_power", "ev_energy"),
        ("pv_inverter", "pv_power_ac", "pv_energy"),
        ("heat_meter", "heat_power", "heat_energy"),
    ],
)
def test_counters_integrate_power(kind: str, power: str, energy: str) -> None:
    """An hour of powers, a second apart, adds up to what the counter grew by."""
    noon = NOW - NOW % DAY_MS + DAY_MS // 2
    powers = [at(noon + second * 1000, power, kind=kind)[0] for second in range(3601)]
    hour_kwh = (sum(powers) - (powers[0] + powers[-1]) / 2) / 3.6e6
    first, last = (at(instant, energy, kind=kind)[0] for instant in (noon, noon + 3_600_000))
    assert last - first == pytest.approx(hour_kwh, rel=1e-6)
    assert hour_kwh > 0


def test_the_sun_rises_and_sets() -> None:
    """A photovoltaic inverter feeds at noon and sleeps at midnight."""
    midnight = NOW - NOW % DAY_MS
    assert at(midnight + DAY_MS // 2, "pv_power_ac", "pv_state", kind="pv_inverter")[1] == 4
    assert at(midnight + DAY_MS // 2, "pv_power_ac", kind="pv_inverter")[0] > 1000
    assert at(midnight, "pv_power_ac", "pv_state", kind="pv_inverter") == [0, 2]


def test_a_heat_pump_cycles() -> None:
    """In a day a heat pump heats, makes hot water, defrosts and waits, and takes power while it runs."""
    seen: dict[float, list[float]] = {}
    for node in range(NODES):
        mode, power, starts = at(
            EPOCH_MS + node * STEP_MS + STEP_MS // 2, "hp_operating_mode", "hp_elec_power", "hp_compressor_starts",
            kind="heat_pump",
        )  # fmt: skip
        seen.setdefault(mode, []).append(power)
    assert set(seen) == {1, 2, 4, 6}
    assert max(seen[6]) < 100 < min(seen[1])
    assert starts - at(EPOCH_MS, "hp_compressor_starts", kind="heat_pump")[0] > 10


def test_sessions_count_from_zero() -> None:
    """Energy of a session begins at 0 with each session, which has its own id, and grows while the vehicle charges."""
    sessions: dict[float, list[tuple[float, float, float]]] = {}
    for node in range(NODES):
        state, number, energy, power = at(
            EPOCH_MS + node * STEP_MS, "ev_state", "ev_session_id", "ev_energy_session", "ev_power", kind="ev_charger"
        )
        if number:
            sessions.setdefault(number, []).append((state, energy, power))
        assert (number == 0) is (state == 0)
    assert len(sessions) > 5
    for course in sessions.values():
        assert course[0][:2] == (1, 0)
        assert {state for state, _, _ in course} == {1, 2}
        assert [energy for _, energy, _ in course] == sorted(energy for _, energy, _ in course)
        assert all(power == 0 for state, _, power in course if state == 1)


@given(st.lists(st.integers(min_value=-10_000, max_value=10_000), min_size=4, max_size=4), st.integers(0, DAY_MS - 1))
def test_import_less_export_is_the_integral(pattern: list[int], elapsed_ms: int) -> None:
    """What was taken less what was returned is the area under the course, through every change of sign."""
    course = Course([pattern[index % 4] for index in range(NODES)])
    instant = EPOCH_MS + elapsed_ms
    index, rest = divmod(elapsed_ms, STEP_MS)
    first, second = course.nodes[index], course.nodes[(index + 1) % NODES]
    area = sum((course.nodes[each] + course.nodes[each + 1]) * STEP_MS / 2 for each in range(index))
    area += first * rest + (second - first) * rest * rest / (2 * STEP_MS)
    assert course.energy_uj(instant) - course.returned_uj(instant) == pytest.approx(area, abs=3 * NODES)


def test_courses_add_up() -> None:
    """The sum of courses has the sum of their powers at every instant."""
    courses = [plan_for(kind, 3).power for kind in ("electricity_meter", "pv_inverter", "ev_charger")]
    instant = NOW + 12_345
    assert total(courses).power_w(instant) == pytest.approx(sum(course.power_w(instant) for course in courses))


def test_a_course_has_a_whole_day() -> None:
    """A course that is not a whole day is refused."""
    with pytest.raises(ValueError, match="2880 nodes, not 2"):
        Course([1, 2])
