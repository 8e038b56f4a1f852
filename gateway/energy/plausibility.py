"""Whether the values of one readout agree: what installers get wrong is sign, scale and wiring. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import log10, sqrt

from gateway.core.sentences import Sentence, say

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

    compared: Sentence
    """What was compared."""
    points: tuple[str, ...]
    """Those concerned."""
    agrees: bool = True
    advice: Sentence | None = None
    """Where it does not agree: what is wrong and what to do, unless the first sentence says it."""

    @property
    def said(self) -> tuple[Sentence, ...]:
        """Everything that there is to say."""
        return (self.compared,) if self.advice is None else (self.compared, self.advice)

    @property
    def text(self) -> str:
        """The same in English."""
        return ": ".join(map(say, self.said))


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


def _said(code: str, **words: str) -> Sentence:
    return Sentence(f"finding.{code}", words)


def _advice(code: str, **words: str) -> Sentence:
    return Sentence(f"advice.{code}", words)


def _finding(compared: Sentence, points: tuple[str, ...], advice: Sentence | None) -> Finding:
    """Return what agrees where there is nothing to advise."""
    return Finding(compared, points, agrees=advice is None, advice=advice)


def _magnitudes(values: Values) -> Iterator[Finding]:
    for point, value in values.items():
        if value and not _ABSURDLY_SMALL < abs(value) < _ABSURDLY_LARGE:
            yield Finding(_said("magnitude", point=point, value=f"{value:g}"), (point,), agrees=False)


def _rotation(values: Values) -> Iterator[Finding]:
    """Compare the sum of three balanced phases: with voltages and currents of different phases it cancels out."""
    apparent, active = _apparent(values), _active(values)
    if len(apparent) != len(_PHASES) or len(active) != len(_PHASES):
        return
    loads = list(apparent.values())
    if min(loads) < max(_LEAST_VA, _BALANCED_SHARE * max(loads)):
        return
    if abs(sum(active.values())) < _ROTATED_SHARE * sum(loads) and max(map(abs, active.values())) > 0.3 * max(loads):
        yield Finding(_said("rotation"), tuple(f"elec_power_active_{phase}" for phase in _PHASES), agrees=False)


def _phase_powers(values: Values) -> Iterator[Finding]:
    """Compare active power with voltage times current, phase by phase."""
    apparent = _apparent(values)
    for phase, power_w in _active(values).items():
        load_va = apparent.get(phase, 0.0)
        points = tuple(f"elec_{name}_{phase}" for name in ("power_active", "voltage", "current"))
        if max(load_va, abs(power_w)) < _LEAST_VA:
            continue
        words = {"phase": phase.upper(), "power": f"{power_w:.0f}", "load": f"{load_va:.0f}"}
        if abs(power_w) <= load_va * (1 + _TOLERANCE):
            yield Finding(_said("phase_factor", **words, factor=f"{abs(power_w) / load_va:.2f}"), points)
        else:
            yield _finding(_said("phase", **words), points, _factor_advice(abs(power_w), load_va))


def _direction(values: Values) -> Iterator[Finding]:
    """Find a phase whose power flows against the other two."""
    active = {phase: power for phase, power in _active(values).items() if abs(power) >= _LEAST_VA}
    against = [phase for phase, power in active.items() if power < 0]
    if not against or len(against) == len(active):
        return
    if len(against) > len(active) / 2:
        against = [phase for phase in active if phase not in against]
    points = tuple(f"elec_power_active_{phase}" for phase in against)
    yield Finding(_said("direction", phase=", ".join(phase.upper() for phase in against)), points, agrees=False)


def _total(values: Values) -> Iterator[Finding]:
    """Compare the total with the sum of the phases, or with all U·I where there are no powers of phases."""
    total_w, active = values.get("elec_power_active"), _active(values)
    if total_w is None:
        return
    if len(active) != len(_PHASES):
        yield from _total_of_loads(values, total_w)
        return
    summed_w = sum(active.values())
    if max(abs(summed_w), abs(total_w)) < _LEAST_VA:
        return
    agrees = abs(total_w - summed_w) <= _TOLERANCE * max(abs(summed_w), _LEAST_VA)
    said = _said("total_phases", power=f"{total_w:.0f}", sum=f"{summed_w:.0f}")
    yield _finding(said, ("elec_power_active",), None if agrees else _total_advice(total_w, summed_w))


def _total_of_loads(values: Values, total_w: float) -> Iterator[Finding]:
    load_va = sum(_apparent(values).values())
    if load_va < _LEAST_VA:
        return
    factor = values.get("elec_power_factor")
    words = {"power": f"{total_w:.0f}", "load": f"{load_va:.0f}"}
    if abs(total_w) > load_va * (1 + _TOLERANCE):
        advice = _factor_advice(abs(total_w), load_va)
        yield _finding(_said("total_load", **words), ("elec_power_active",), advice)
    elif factor is not None and abs(abs(total_w) / load_va - abs(factor)) > 2 * _TOLERANCE:
        said = _said("total_factor", **words, factor=f"{factor:.2f}")
        yield _finding(said, ("elec_power_factor",), _advice("power_factor"))
    else:
        yield Finding(_said("total_load", **words), ("elec_power_active",))


def _voltages(values: Values) -> Iterator[Finding]:
    """Compare voltages between phases with those to neutral."""
    for first, second in (("l1", "l2"), ("l2", "l3"), ("l3", "l1")):
        point = f"elec_voltage_{first}{second[1]}"
        between = values.get(point)
        one, other = values.get(f"elec_voltage_{first}"), values.get(f"elec_voltage_{second}")
        if not between or not one or not other:
            continue
        expected = sqrt(one * one + other * other + one * other)
        agrees = abs(between - expected) <= _TOLERANCE * expected
        pair = f"{first.upper()}-{second.upper()}"
        said = _said("between", pair=pair, found=f"{between:.0f}", expected=f"{expected:.0f}")
        yield _finding(said, (point,), None if agrees else _advice("leads"))


def _heat(values: Values) -> Iterator[Finding]:
    points = ("heat_power", "heat_flow", "heat_temp_supply", "heat_temp_return")
    yield from _thermal(values, points, kind="heat_meter")
    supply, back, stated = (values.get(f"heat_temp_{name}") for name in ("supply", "return", "diff"))
    if supply is not None and back is not None and stated is not None:
        agrees = abs(abs(supply - back) - abs(stated)) <= max(0.5, _TOLERANCE * abs(stated))
        said = _said("heat_difference", stated=f"{stated:.1f}", found=f"{supply - back:.1f}")
        yield _finding(said, ("heat_temp_diff",), None if agrees else _advice("one_scale"))


def _pump_heat(values: Values) -> Iterator[Finding]:
    points = ("hp_heat_power", "hp_flow_sink", "hp_temp_sink_supply", "hp_temp_sink_return")
    yield from _thermal(values, points, kind="heat_pump")


def _thermal(values: Values, points: tuple[str, str, str, str], *, kind: str) -> Iterator[Finding]:
    """Compare heat power with flow times temperature difference of water."""
    power_w, flow, supply, back = (values.get(point) for point in points)
    if power_w is None or flow is None or supply is None or back is None:
        return
    expected_w = flow * (supply - back) * _WATER_WH_PER_M3_K
    if max(abs(power_w), abs(expected_w)) < _LEAST_HEAT_W:
        return
    words = {"power": f"{power_w / 1000:.2f}", "expected": f"{expected_w / 1000:.2f}"}
    said = _said("heat", kind=f"finding.word.{kind}", **words)
    if abs(power_w - expected_w) <= _HEAT_TOLERANCE * max(abs(power_w), abs(expected_w)):
        yield Finding(said, points)
    elif expected_w < 0 < power_w and abs(power_w + expected_w) <= _HEAT_TOLERANCE * power_w:
        yield _finding(said, points, _advice("sensors"))
    else:
        yield _finding(said, points, _factor_advice(abs(power_w), abs(expected_w), what="thermal"))


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
    said = _said("charger", power=f"{power_w:.0f}", load=f"{load_va:.0f}")
    yield _finding(said, ("ev_power",), None if agrees else _factor_advice(abs(power_w), load_va))


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
        said = _said("direct", point=power, power=f"{values[power]:.0f}", load=f"{expected_w:.0f}")
        advice = None if agrees else _factor_advice(abs(values[power]), expected_w)
        yield _finding(said, (power, voltage, current), advice)


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


def _factor_advice(found: float, expected: float, *, what: str = "electric") -> Sentence:
    """Say by which factor two numbers differ, and what such a factor comes from."""
    named = f"finding.word.{what}"
    if not found or not expected:
        return _advice("missing", what=named)
    factor = found / expected
    if abs(log10(factor) - round(log10(factor))) < _TEN_TOLERANCE and round(log10(factor)):
        return _advice("ten", factor=f"{10.0 ** round(log10(factor)):g}", what=named)
    return _advice("ratio", factor=f"{factor:.3g}")


def _total_advice(total_w: float, summed_w: float) -> Sentence:
    if abs(total_w + summed_w) <= _TOLERANCE * max(abs(summed_w), _LEAST_VA):
        return _advice("signs")
    return _factor_advice(abs(total_w), abs(summed_w), what="totals")
