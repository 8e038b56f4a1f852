"""The device library as a page: `make devices` writes docs/devices.md from the profiles and docs/wanted.toml."""

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ConfigDict

from drivers.catalog import Catalog
from drivers.profile import Profile
from drivers.profile_head import ProfileHead
from gateway.core.quantity import load_vocabulary

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "devices.md"
WANTED = ROOT / "docs" / "wanted.toml"
KINDS: tuple[str, ...] = get_args(ProfileHead.model_fields["kind"].annotation)
_FAMILIES = {
    "modbus": "Modbus",
    "sunspec": "SunSpec",
    "mbus": "M-Bus",
    "kmp": "KMP",
    "p1": "P1",
    "d0": "IEC 62056-21",
    "sml": "SML",
    "dlms": "DLMS push",
}

_HEAD = """\
# Devices

Every model that Kvarter can read without being taught, and where what we know of it comes from. `make devices` writes
this page from the profiles in `drivers/profiles/` and from `docs/wanted.toml`. `kvarter profiles show ID` says more of
each: caveats, setup on the device's own keypad, every point with its place and unit.

*Verified* names the firmware of a real device on which somebody compared every value with its display, and who it was.
"nobody yet" means that the profile follows its sources and that its tests pass, and no more than that. If you have the
device, please compare, and say so: [how a device is added](../CONTRIBUTING.md#add-a-device) has that step.
"""


class Wanted(BaseModel):
    """A device without a profile."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    name: str
    reason: str


def load_profiles() -> list[Profile]:
    """Return the bundled profiles, by id."""
    return [file.profile for file in Catalog(load_vocabulary())]


def load_wanted() -> list[Wanted]:
    """Return the devices that lack a profile, in the order of the file."""
    tree = tomllib.loads(WANTED.read_text(encoding="utf-8"))
    return [Wanted.model_validate(entry) for entry in tree["device"]]


def render(profiles: Sequence[Profile], wanted: Sequence[Wanted]) -> str:
    """Return the page."""
    lines = [_HEAD, *_totals(profiles, wanted)]
    for kind in KINDS:
        own = [profile for profile in profiles if profile.kind == kind]
        if own:
            lines += ["", f"## {_plural(kind)}", "", "| device | profile | protocol | points | source | verified |"]
            lines += ["|---|---|---|---:|---|---|", *(_row(profile) for profile in own)]
    lines += ["", "## Wanted", "", _WANTED]
    for kind in KINDS:
        missing = [each for each in wanted if each.kind == kind]
        if missing:
            lines += [
                "",
                f"### {_plural(kind)} that are wanted",
                "",
                "| device | why there is no profile yet |",
                "|---|---|",
            ]
            lines += [f"| {each.name} | {each.reason} |" for each in missing]
    return "\n".join(lines) + "\n"


_WANTED = """\
Each address in a profile comes from the maker's document, or from two independent public sources that agree. For these
devices we have neither. A document of the maker, or a survey of a device (`kvarter scan --survey`) together with what
its display showed, is what is missing."""


def _totals(profiles: Sequence[Profile], wanted: Sequence[Wanted]) -> Iterator[str]:
    yield "| kind | profiles | protocols | points | verified | wanted |"
    yield "|---|---:|---|---:|---:|---:|"
    for kind in KINDS:
        own = [profile for profile in profiles if profile.kind == kind]
        missing = sum(each.kind == kind for each in wanted)
        if own or missing:
            name = f"[{_plural(kind)}](#{_plural(kind).lower().replace(' ', '-')})" if own else _plural(kind)
            yield _total(name, own, missing)
    yield _total("**all**", profiles, len(wanted))


def _total(name: str, profiles: Sequence[Profile], missing: int) -> str:
    protocols = [family for key, family in _FAMILIES.items() if any(profile.protocol == key for profile in profiles)]
    points = sum(len(profile.points) for profile in profiles)
    verified = sum(bool(profile.verified) for profile in profiles)
    return f"| {name} | {len(profiles)} | {', '.join(protocols)} | {points} | {verified} | {missing} |"


def _row(profile: Profile) -> str:
    sources = "<br>".join(_cell(f"{each.document}, {each.version}") for each in profile.source)
    verified = "<br>".join(_cell(f"{each.firmware}: {each.who}, {each.when}") for each in profile.verified)
    device = _cell(f"{profile.maker} {profile.model}")
    protocol = _FAMILIES[profile.protocol]
    points = len(profile.points)
    return f"| {device} | `{profile.profile}` | {protocol} | {points} | {sources} | {verified or 'nobody yet'} |"


def _cell(text: str) -> str:
    """Return a text that stays in its cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _plural(kind: str) -> str:
    words = {"battery": "Batteries", "ventilation": "Ventilation", "indoor_climate": "Indoor climate"}
    known = {"pv_inverter": "PV inverters", "ev_charger": "EV chargers", **words}
    return known.get(kind, f"{kind.replace('_', ' ').capitalize()}s")


if __name__ == "__main__":
    PAGE.write_text(render(load_profiles(), load_wanted()), encoding="utf-8")
