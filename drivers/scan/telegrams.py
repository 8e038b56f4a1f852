"""Which model a meter is that describes itself: its telegram against the profiles. Pure."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from drivers.profile_records import KmpProfile, MbusProfile, ObisProfile, RecordProfile
from drivers.records.obis import parse_obis
from drivers.records.telegram import Meter, Record, Telegram
from drivers.scan.fingerprint import CODES_WEIGHT, LEAST, MODEL_WEIGHT, RANGE_WEIGHT, Candidate, ranked


def telegram_candidates(telegram: Telegram, profiles: Iterable[RecordProfile]) -> tuple[Candidate, ...]:
    """Return the models whose telegram this may be, the likeliest first."""
    fitting = [profile for profile in profiles if profile.protocol == telegram.protocol]
    return ranked(_candidate(profile, telegram) for profile in fitting)


def meter_candidates(meter: Meter, profiles: Iterable[MbusProfile]) -> tuple[Candidate, ...]:
    """Return the models that the header of an M-Bus telegram fits, the likeliest first."""
    return ranked(_scored(profile, _mbus_tests(profile, meter)) for profile in profiles)


def meter_identity(meter: Meter) -> dict[str, str]:
    """Return what a meter says about itself."""
    said = {
        "maker": meter.maker,
        "model": meter.model,
        "serial_number": meter.serial_number,
        "medium": meter.medium,
        "firmware": meter.version,
    }
    return {name: text for name, text in said.items() if text}


def _candidate(profile: RecordProfile, telegram: Telegram) -> Candidate | None:
    tests = [(RANGE_WEIGHT, _is_there(point_codes, telegram)) for point_codes in _codes(profile)]
    if isinstance(profile, MbusProfile):
        tests += _mbus_tests(profile, telegram.meter)
    elif isinstance(profile, ObisProfile):
        if profile.obis.device_type:
            return None  # a sub-meter is found behind the meter that carries it
        pattern = profile.obis.identification
        if pattern is not None:
            names = (telegram.meter.model, f"{telegram.meter.maker}{telegram.meter.model}")
            tests.append((MODEL_WEIGHT, any(fnmatchcase(name, pattern) for name in names)))
    return _scored(profile, tests)


def _scored(profile: RecordProfile, tests: list[tuple[int, bool]]) -> Candidate | None:
    total = sum(weight for weight, _ in tests)
    held = sum(weight for weight, is_so in tests if is_so)
    if not total or held / total < LEAST:
        return None
    return Candidate(profile.profile, f"{profile.maker} {profile.model}", held / total, held)


def _mbus_tests(profile: MbusProfile, meter: Meter) -> list[tuple[int, bool]]:
    traits, tests = profile.mbus, list[tuple[int, bool]]()
    if traits.maker is not None:
        tests.append((MODEL_WEIGHT, traits.maker == meter.maker))
    if traits.medium:
        tests.append((CODES_WEIGHT, meter.medium in traits.medium))
    if traits.version:
        tests.append((CODES_WEIGHT, meter.version in {str(version) for version in traits.version}))
    return tests


def _codes(profile: RecordProfile) -> list[tuple[str, ...]]:
    """Return for each point that must be there the codes of which one suffices."""
    due = [point for point in profile.points if not point.optional and point.clock is None]
    if isinstance(profile, (MbusProfile, KmpProfile)):
        return [(str(getattr(point, "quantity", "")),) for point in due]
    ways = [getattr(point, "obis", ()) for point in due]
    return [tuple(code for way in each for code in ((way,) if isinstance(way, str) else way)) for each in ways]


def _is_there(codes: tuple[str, ...], telegram: Telegram) -> bool:
    return any(_fits(code, record) for code in codes for record in telegram.records)


def _fits(code: str, record: Record) -> bool:
    if code == record.code:
        return True
    wanted, held = parse_obis(code), parse_obis(record.code)
    return wanted is not None and held is not None and wanted.fits(held)
