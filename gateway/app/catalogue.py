"""The catalogue of a site: what makes every stored value traceable to its register."""

from drivers.factory import scaling

from gateway import __version__
from gateway.app.configuration import Configuration, PlannedDevice
from gateway.wire.catalogue import Catalogue, CatalogueDevice, CataloguePoint

_SETTINGS = ("ct_ratio", "vt_ratio", "pulse_weight", "instance", "unit_id")


def build_catalogue(configuration: Configuration) -> Catalogue:
    """Return the catalogue of a checked site."""
    site = configuration.site
    return Catalogue(
        site=site.site,
        name=site.name,
        timezone=site.timezone,
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
        points={
            point: CataloguePoint(unit=found.unit, factor=found.factor, offset=found.offset, origin=dict(found.origin))
            for point, found in scalings.items()
            if point in device.points
        },
    )
