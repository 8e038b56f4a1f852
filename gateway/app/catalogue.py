"""The catalogue of a site: what makes every stored value traceable to its register."""

from drivers.factory import Scaling, scaling
from gateway import __version__
from gateway.app.configuration import Configuration, PlannedDevice
from gateway.wire.catalogue import Catalogue, CatalogueDevice, CataloguePoint

_SETTINGS = ("ct_ratio", "vt_ratio", "pulse_weight", "instance", "unit_id", "meter_address")


def build_catalogue(configuration: Configuration) -> Catalogue:
    """Return the catalogue of a checked site."""
    site = configuration.site
    return Catalogue(
        site=site.site,
        name=site.name,
        timezone=site.timezone,
        area_m2=site.area_m2,
        software=f"kvarter {__version__}",
        vocabulary=configuration.vocabulary.version,
        devices={device.settings.id: _entry(configuration, device) for device in configuration.devices},
    )


def _entry(configuration: Configuration, device: PlannedDevice) -> CatalogueDevice:
    settings, profile = device.settings, device.file.profile
    chosen = {key: getattr(settings, key) for key in _SETTINGS if getattr(settings, key) is not None}
    scalings = scaling(profile, settings, configuration.vocabulary)
    return CatalogueDevice(
        profile=profile.profile,
        profile_digest=device.file.digest,
        maker=profile.maker,
        model=profile.model,
        kind=profile.kind,
        role=settings.role or "",
        label=settings.label,
        serial_number=settings.serial_number or "",
        interval_ms=round(min(group.interval_s for group in device.groups) * 1000),
        settings={**chosen, **({"invert": 1} if settings.invert else {})},
        points={point: _point(device, point, scalings[point]) for point in device.points},
    )


def _point(device: PlannedDevice, point: str, found: Scaling) -> CataloguePoint:
    interval_s = next(group.interval_s for group in device.groups if point in group.points)
    stated = next((p for p in device.file.profile.points if p.point == point), None)
    wrap = found.origin.get("wrap")
    scale = stated.scale if stated else 1.0
    return CataloguePoint(
        unit=found.unit,
        factor=found.factor,
        offset=found.offset,
        origin=dict(found.origin),
        interval_ms=round(interval_s * 1000),
        wrap=None if wrap is None else float(wrap) * abs(found.factor) / scale,
    )
