"""CONTRIBUTING.md can be followed as it stands: its examples load, its paths exist."""

import re
from pathlib import Path

import pytest

from drivers.catalog import Catalog
from gateway.core.quantity import load_vocabulary, parse_vocabulary
from gateway.core.site import Site
from gateway.document.validation import load

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in GUIDE.split("\n## ")[1:]}
GUIDES = ("Add a device", "Add a point", "Add a protocol", "Add a store")


def example(section: str, language: str) -> str:
    """The code block of a section."""
    match = re.search(rf"^```{language}\n(.*?)^```", SECTIONS[section], re.DOTALL | re.MULTILINE)
    assert match is not None
    return match[1]


def steps(section: str) -> list[str]:
    """The numbered steps of a section."""
    return re.findall(r"^\d+\. (.*?)(?=^\d+\. |\Z)", SECTIONS[section], re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("section", GUIDES)
def test_each_guide_has_numbered_steps(section: str) -> None:
    """Each of the four guides is a list of steps that count up from 1."""
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", SECTIONS[section], re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(steps(section)) == len(numbers) >= 5


def test_every_path_of_the_guide_exists() -> None:
    """A file or folder between back quotes can be opened; words in capitals stand for the reader's own."""
    named = {path for path in re.findall(r"`([\w.*-]+(?:/[\w.*-]+)*/?)`", GUIDE) if "/" in path or Path(path).suffix}
    assert len(named) > 25
    own = {path for path in named if re.search(r"[A-Z]{4,}(?!\w*\.md)", path)}
    assert sorted(path for path in named - own if not list(ROOT.glob(path.rstrip("/")))) == []


def test_a_device_is_added_with_one_file(tmp_path: Path) -> None:
    """Step 2 of 'Add a device', followed: the example, in a folder that the site file names, is found and right."""
    profile = example("Add a device", "yaml")
    (tmp_path / "profiles" / "acme").mkdir(parents=True)
    (tmp_path / "profiles" / "acme" / "meter-1.yaml").write_text(profile, encoding="utf-8")
    (tmp_path / "site.yaml").write_text(
        f"site: house\nprofiles: [{tmp_path}/profiles]\n"
        "links: [{id: bus, serial: /dev/ttyUSB0}]\n"
        "devices: [{id: meter, profile: acme/meter-1, link: bus}]\n",
        encoding="utf-8",
    )
    site = load(tmp_path / "site.yaml", Site)
    catalog = Catalog(load_vocabulary(), tuple(Path(folder) for folder in site.profiles))
    found = catalog.find(site.devices[0].profile).profile
    assert found.profile == "acme/meter-1"
    assert "acme/meter-1" in [file.id for file in catalog]
    expected = found.tests[0].expect
    assert expected.keys() == {point.point for point in found.points}


def test_a_point_is_added_with_one_entry() -> None:
    """Step 2 of 'Add a point', followed: the example and a raised version give a vocabulary with one more name."""
    text = (ROOT / "gateway" / "core" / "vocabulary.toml").read_text(encoding="utf-8")
    before = parse_vocabulary(text)
    raised = text.replace(f"\nversion = {before.version}\n", f"\nversion = {before.version + 1}\n")
    after = parse_vocabulary(f"{raised}\n{example('Add a point', 'toml')}")
    assert after.version == before.version + 1
    assert set(after) - set(before) == {"elec_current_leakage"}
