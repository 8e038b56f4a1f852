"""Whether the values of one readout agree: what installers get wrong is sign, scale and wiring. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import log10, sqrt

Values = Mapping[str, float]
"""Point → value in the vocabulary's unit; points without value are absent."""

_PHASES = ("l1", "l2", "l3")
_LEAST_VA = 50.0
"""Below it a meter's own error is as large as what is compared."""
_TOLERANCE = 0.1
_HEAT_TOLERANCE = 0.2
_LEAST_HEAT_W = 500.0
_WATER_WH_PER_M3_K = 1163.0
"""Heat that a cubic metre of water carries per kelvin, near 4.19 kJ/(kg K) and 999 kg/m3."""
_ROTATED_SHARE = 0.2
_BALANCED_SHARE = 0.5
_TEN_TOLERANCE = 0.06
_ABSURDLY_LARGE, _ABSURDLY_SMALL = 1e11, 1e-9


@dataclass(frozen=True, slots=True)
class Finding:
    """One relation that was looked at."""

    text: str
    """What was compared; where it does not agree, what is wrong and what to do."""
    points: tuple[str, ...]
    """Those concerned."""
    agrees: bool = True


def judge(values: Values) -> tuple[Finding, ...]:
    """Return every relation between the values that could be checked."""
    checks: tuple[Callable[[Values], Iterator[Finding]], ...] = (
        _magnitudes,
        _rotation,
        _phase_powers,
        _direction,
        _total,
        _voltages,
        _heat,
        _pump_heat,
        _charging,
        _direct_current,
    )
    return tuple(finding for check in checks for finding in check(values))


def _wrong(text: str, points: tuple[str, ...]) -> Finding:
    return Finding(text, points, agrees=False)


def _magnitudes(values: Values) -> Iterator[Finding]:
    for point, value in values.items():
        if value and not _ABSURDLY_SMALL < abs(value) < _ABSURDLY_LARGE:
            text = f"{point} = {value:g} cannot be: the other order of words, or another type of register"
            yield _wrong(text, (point,))


def _rotation(values: Values) -> Iterator[Finding]:
    """Compare the sum of three balanced phases: with voltages and currents of different phases it cancels out."""
    apparent, active = _apparent(values), _active(values)
    if len(apparent) != len(_PHASES) or len(active) != len(_PHASES):
        return
    loads = list(apparent.values())
    if min(loads) < max(_LEAST_VA, _BALANCED_SHARE * max(loads)):
        return
    if abs(sum(active.values())) < _ROTATED_SHARE * sum(loads) and max(map(abs, active.values())) > 0.3 * max(loads):
        text = (
            "the powers of the three phases cancel out although each carries current: voltages and current "
            "transformers belong to different phases; move the transformers (or the voltage leads) one phase on"
        )
        yield _wrong(text, tuple(f"elec_power_active_{phase}" for phase in _PHASES))


def _phase_powers(values: Values) -> Iterator[Finding]:
    """Compare active power with voltage times current, phase by phase."""
    apparent = _apparent(values)
    for phase, power_w in _active(values).items():
        load_va = apparent.get(phase, 0.0)
        points = tuple(f"elec_{name}_{phase}" for name in ("power_active", "voltage", "current"))
        if max(load_va, abs(power_w)) < _LEAST_VA:
            continue
        stated = f"{phase.upper()}: P = {power_w:.0f} W, U·I = {load_va:.0f} VA"
        if abs(power_w) <= load_va * (1 + _TOLERANCE):
            yield Finding(f"{stated}, so cos φ = {abs(power_w) / load_va:.2f}", points)
        else:
            yield _wrong(f"{stated}: {_factor_advice(abs(power_w), load_va)}", points)


def _direction(values: Values) -> Iterator[Finding]:
    """Find a phase whose power flows against the other two."""
    active = {phase: power for phase, power in _active(values).items() if abs(power) >= _LEAST_VA}
    against = [phase for phase, power in active.items() if power < 0]
    if not against or len(against) == len(active):
        return
    if len(against) > len(active) / 2:
        against = [phase for phase in active if phase not in against]
    text = (
        f"{' and '.join(phase.upper() for phase in against)} flows against the other phases: without PV or battery on "
        "that phase its current transformer looks the other way; turn it round, or swap its two leads"
    )
    yield _wrong(text, tuple(f"elec_power_active_{phase}" for phase in against))


def _total(values: Values) -> Iterator[Finding]:
    """Compare the total with the sum of the phases, or with all U·I where there are no powers of phases."""
    total_w, active, apparent = values.get("elec_power_active"), _active(values), _apparent(values)
    if total_w is None:
        return
    if len(active) == len(_PHASES):
        summed_w = sum(active.values())
        if max(abs(summed_w), abs(total_w)) < _LEAST_VA:
            return
        agrees = abs(total_w - summed_w) <= _TOLERANCE * max(abs(summed_w), _LEAST_VA)
        text = f"total P = {total_w:.0f} W, sum of the phases = {summed_w:.0f} W"
        advice = f": {_total_advice(total_w, summed_w)}"
        yield Finding(text, ("elec_power_active",)) if agrees else _wrong(text + advice, ("elec_power_active",))
        return
    load_va = sum(apparent.values())
    if load_va < _LEAST_VA:
        return
    agrees = abs(total_w) <= load_va * (1 + _TOLERANCE)
    factor = values.get("elec_power_factor")
    text = f"total P = {total_w:.0f} W, sum of U·I = {load_va:.0f} VA"
    if not agrees:
        yield _wrong(f"{text}: {_factor_advice(abs(total_w), load_va)}", ("elec_power_active",))
    elif factor is not None and abs(abs(total_w) / load_va - abs(factor)) > 2 * _TOLERANCE:
        advice = "the power factor disagrees; is it in percent, or of one phase only?"
        yield _wrong(f"{text}, cos φ = {factor:.2f}: {advice}", ("elec_power_factor",))
    else:
        yield Finding(text, ("elec_power_active",))


def _voltages(values: Values) -> Iterator[Finding]:
    """Compare voltages between phases with those to neutral."""
    for first, second in (("l1", "l2"), ("l2", "l3"), ("l3", "l1")):
        between = values.get(f"elec_voltage_{first}{second[1]}")
        one, other = values.get(f"elec_voltage_{first}"), values.get(f"elec_voltage_{second}")
        if not between or not one or not other:
            continue
        expected = sqrt(one * one + other * other + one * other)
        agrees = abs(between - expected) <= _TOLERANCE * expected
        text = f"U {first.upper()}-{second.upper()} = {between:.0f} V, from the phases {expected:.0f} V"
        advice = ": two voltage leads on one phase, or a phase without voltage"
        yield (
            Finding(text, (f"elec_voltage_{first}{second[1]}",))
            if agrees
            else _wrong(text + advice, (f"elec_voltage_{first}{second[1]}",))
        )


def _heat(values: Values) -> Iterator[Finding]:
    points = ("heat_power", "heat_flow", "heat_temp_supply", "heat_temp_return")
    yield from _thermal(values, points, kind="heat meter")
    supply, back, stated = (values.get(f"heat_temp_{name}") for name in ("supply", "return", "diff"))
    if supply is not None and back is not None and stated is not None:
        agrees = abs(abs(supply - back) - abs(stated)) <= max(0.5, _TOLERANCE * abs(stated))
        text = f"ΔT = {stated:.1f} K, supply - return = {supply - back:.1f} K"
        advice = ": one of the three has the wrong scale"
        yield Finding(text, ("heat_temp_diff",)) if agrees else _wrong(text + advice, ("heat_temp_diff",))


def _pump_heat(values: Values) -> Iterator[Finding]:
    points = ("hp_heat_power", "hp_flow_sink", "hp_temp_sink_supply", "hp_temp_sink_return")
    yield from _thermal(values, points, kind="heat pump")


def _thermal(values: Values, points: tuple[str, str, str, str], *, kind: str) -> Iterator[Finding]:
    """Compare heat power with flow times temperature difference of water."""
    power_w, flow, supply, back = (values.get(point) for point in points)
    if power_w is None or flow is None or supply is None or back is None:
        return
    expected_w = flow * (supply - back) * _WATER_WH_PER_M3_K
    if max(abs(power_w), abs(expected_w)) < _LEAST_HEAT_W:
        return
    text = f"{kind}: P = {power_w / 1000:.2f} kW, flow * ΔT = {expected_w / 1000:.2f} kW"
    if abs(power_w - expected_w) <= _HEAT_TOLERANCE * max(abs(power_w), abs(expected_w)):
        yield Finding(text, points)
    elif expected_w < 0 < power_w and abs(power_w + expected_w) <= _HEAT_TOLERANCE * power_w:
        yield _wrong(f"{text}: supply and return sensor are exchanged", points)
    else:
        yield _wrong(f"{text}: {_factor_advice(abs(power_w), abs(expected_w), what='flow, power')}", points)


def _charging(values: Values) -> Iterator[Finding]:
    """Compare a charger's power with its currents at about 230 V."""
    power_w = values.get("ev_power")
    currents = [values[f"ev_current_{phase}"] for phase in _PHASES if f"ev_current_{phase}" in values]
    if power_w is None or not currents:
        return
    load_va = sum(abs(current) for current in currents) * 230.0
    if max(load_va, abs(power_w)) < 10 * _LEAST_VA:
        return
    agrees = 0.7 * load_va <= abs(power_w) <= 1.2 * load_va
    text = f"charger: P = {power_w:.0f} W, currents at 230 V = {load_va:.0f} VA"
    advice = f": {_factor_advice(abs(power_w), load_va)}"
    yield Finding(text, ("ev_power",)) if agrees else _wrong(text + advice, ("ev_power",))


def _direct_current(values: Values) -> Iterator[Finding]:
    """Compare direct-current power with voltage times current."""
    for power, voltage, current in (
        ("pv_power_dc", "pv_voltage_dc", "pv_current_dc"),
        ("bat_power", "bat_voltage", "bat_current"),
    ):
        if not {power, voltage, current} <= values.keys():
            continue
        expected_w = abs(values[voltage] * values[current])
        if max(abs(values[power]), expected_w) < 2 * _LEAST_VA:
            continue
        agrees = abs(abs(values[power]) - expected_w) <= _HEAT_TOLERANCE * max(abs(values[power]), expected_w)
        text = f"{power} = {values[power]:.0f} W, U·I = {expected_w:.0f} W"
        advice = f": {_factor_advice(abs(values[power]), expected_w)}"
        yield Finding(text, (power, voltage, current)) if agrees else _wrong(text + advice, (power, voltage, current))


def _apparent(values: Values) -> dict[str, float]:
    """Return phase → U·I."""
    return {
        phase: abs(values[f"elec_voltage_{phase}"] * values[f"elec_current_{phase}"])
        for phase in _PHASES
        if f"elec_voltage_{phase}" in values and f"elec_current_{phase}" in values
    }


def _active(values: Values) -> dict[str, float]:
    """Return phase → active power."""
    found = {phase: values.get(f"elec_power_active_{phase}") for phase in _PHASES}
    return {phase: power for phase, power in found.items() if power is not None}


def _factor_advice(found: float, expected: float, *, what: str = "voltage, current, power") -> str:
    """Say by which factor two numbers differ, and what such a factor comes from."""
    if not found or not expected:
        return f"one of {what} is missing or reads 0"
    factor = found / expected
    if abs(log10(factor) - round(log10(factor))) < _TEN_TOLERANCE and round(log10(factor)):
        return f"differs by a factor of {10.0 ** round(log10(factor)):g}: the scale of one of {what} is wrong"
    return f"differs by a factor of {factor:.3g}: a transformer ratio is missing or counted twice, or a scale is wrong"


def _total_advice(total_w: float, summed_w: float) -> str:
    if abs(total_w + summed_w) <= _TOLERANCE * max(abs(summed_w), _LEAST_VA):
        return "the signs are opposite: import and export are exchanged in one of them"
    return _factor_advice(abs(total_w), abs(summed_w), what="the total and the phases")
