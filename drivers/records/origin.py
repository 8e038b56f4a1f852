"""How a stored value comes from a record, for whoever asks years later. Pure."""

from fractions import Fraction

from drivers.modbus.origin import Origin, Scaling
from drivers.modbus.points import opposite, straight_of
from drivers.profile_records import ObisPoint, QuantityPoint, RecordPoint, RecordProfile
from gateway.core.quantity import Vocabulary
from gateway.core.site import DeviceSettings


def record_scaling(profile: RecordProfile, settings: DeviceSettings, vocabulary: Vocabulary) -> dict[str, Scaling]:
    """Return the scaling of every point, beside the unit that the meter itself says with each value."""
    found = {}
    for point in profile.points:
        name = opposite(point.point) if settings.invert else point.point
        unit = vocabulary[name].unit
        if point.states is not None or point.clock is not None:
            found[name] = Scaling(unit, 1.0, 0.0, _origin(point))
            continue
        # What the meter says in the vocabulary's unit already is the case that the factor is stated for.
        said = point if point.unit else point.model_copy(update={"unit": unit})
        line = straight_of(said, settings, vocabulary, scale=Fraction(1))
        found[name] = Scaling(unit, line.factor, line.shift, _origin(point))
    return found


def _origin(point: RecordPoint) -> Origin:
    if point.clock is not None:
        return {"clock": point.clock}
    origin: Origin = {"unit": point.unit or "the meter's own"}
    if isinstance(point, ObisPoint):
        ways = (entry if isinstance(entry, str) else " + ".join(entry) for entry in point.obis)
        origin["obis"] = " or ".join(ways)
        if point.negate is not None:
            origin["minus"] = point.negate
    if isinstance(point, QuantityPoint) and point.quantity is not None:
        origin["quantity"] = point.quantity
        for key in ("storage", "tariff", "subunit"):
            if getattr(point, key):
                origin[key] = getattr(point, key)
        if point.function != "instantaneous":
            origin["function"] = point.function.value
        if point.qualifiers:
            origin["qualifiers"] = " ".join(point.qualifiers)
    if point.wrap is not None:
        origin["wrap"] = point.wrap
    return origin
