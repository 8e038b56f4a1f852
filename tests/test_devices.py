"""The page of devices is that of the profiles, and the library is as large as it promises to be."""

from collections import Counter

import pytest

from drivers.catalog import BUNDLED
from tests.devices import KINDS, PAGE, load_profiles, load_wanted, render

PROFILES = load_profiles()
WANTED = load_wanted()
PER_KIND = Counter(str(profile.kind) for profile in PROFILES)


def test_the_page_is_not_stale() -> None:
    """docs/devices.md is what `make devices` writes."""
    assert PAGE.read_text(encoding="utf-8") == render(PROFILES, WANTED)


def test_every_profile_is_on_the_page() -> None:
    """Each profile has one row, with its sources and with who verified it."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) == len(PROFILES) == len(list(BUNDLED.glob("*/*.yaml")))
    for profile in PROFILES:
        row = next(line for line in rows if f"| `{profile.profile}` |" in line)
        assert ("nobody yet" in row) == (not profile.verified)
        assert row.count("<br>") >= len(profile.source) - 1


@pytest.mark.parametrize(
    ("kinds", "least"),
    [
        (("electricity_meter",), 22),
        (("heat_meter", "water_meter"), 8),
        (("heat_pump",), 12),
        (("ev_charger",), 12),
        (("pv_inverter", "battery"), 4),
        (("ventilation", "indoor_climate"), 6),
        (KINDS, 64),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) and len(value) < 3 else None,
)
def test_there_are_enough_profiles_of_each_kind(kinds: tuple[str, ...], least: int) -> None:
    """A European building finds its devices here: so many models of each kind."""
    assert sum(PER_KIND[kind] for kind in kinds) >= least


def test_indoor_climate_is_measured() -> None:
    """Temperature, humidity and CO2 of rooms are each given by a profile."""
    points = {point.point for profile in PROFILES if profile.kind == "indoor_climate" for point in profile.points}
    assert points >= {"indoor_temp", "indoor_rh", "indoor_co2"}


def test_wanted_devices_have_a_kind_and_a_reason() -> None:
    """Each wanted device belongs to a kind that profiles know, says why it lacks one, and is listed once."""
    assert {each.kind for each in WANTED} <= set(KINDS)
    assert all(len(each.reason) > 15 for each in WANTED)
    assert len({each.name for each in WANTED}) == len(WANTED)


def test_wanted_devices_are_not_there() -> None:
    """A device that is wanted has no profile of the same maker and model."""
    there = {f"{profile.maker} {profile.model}".casefold() for profile in PROFILES}
    assert [each.name for each in WANTED if each.name.casefold() in there] == []
