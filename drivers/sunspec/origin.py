"""How a stored value comes from a SunSpec model, for whoever asks years later. Pure."""

from collections.abc import Mapping

from drivers.modbus.origin import Origin, Scaling, scaling_of
from drivers.modbus.points import opposite
from drivers.profile import SunspecModel, SunspecPoint, SunspecProfile
from drivers.sunspec.points import Located, expected, locate, sunspec_specs
from gateway.core.quantity import Vocabulary
from gateway.core.site import DeviceSettings

_ROLLS_OVER = {"acc32": 1 << 32, "acc64": 1 << 64}


def sunspec_scaling(
    profile: SunspecProfile, settings: DeviceSettings, vocabulary: Vocabulary, *, models: Mapping[int, SunspecModel]
) -> dict[str, Scaling]:
    """Return the scaling of every point that a known model carries; addresses are the device's own and not fixed."""
    held = expected(profile, models)
    first = settings.model_copy(update={"instance": None})
    specs = sunspec_specs(profile, first, vocabulary, held=held, models=models)
    found = {}
    for point in profile.points:
        name = opposite(point.point) if settings.invert else point.point
        located = locate(point, held, models)
        if located is not None:
            found[name] = scaling_of(specs[name], vocabulary[name].unit, _origin(point, located, settings))
    return found


def _origin(point: SunspecPoint, located: Located, settings: DeviceSettings) -> Origin:
    field, here = located.field, located.point
    origin: Origin = {"models": ", ".join(map(str, point.model)), "name": here.name, "type": field.type}
    if isinstance(field.sf, str):
        origin["exponent"] = field.sf
    if field.type in _ROLLS_OVER:
        origin["raw_wrap"] = _ROLLS_OVER[field.type]
    if here.wrap is not None:
        origin["wrap"] = here.wrap
    if settings.instance is not None:
        origin["instance"] = settings.instance
    if point.groups is not None:
        origin["groups"] = "all" if point.groups == "all" else ", ".join(map(str, point.groups))
    return origin
