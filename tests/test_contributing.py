"""CONTRIBUTING.md can be followed as it stands: its examples load, its paths exist."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drivers.catalog import Catalog
from gateway.core.errors import ConfigError
from gateway.core.quantity import load_vocabulary, parse_vocabulary
from gateway.core.site import Site
from gateway.document.validation import load
from tests.e2e.commands import KVARTER, PATIENCE_S, running, until

ROOT = Path(__file__).parents[1]
CATALOG = Catalog(load_vocabulary())
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in GUIDE.split("\n## ")[1:]}
MODBUS, RECORDS = "Add a Modbus device", "Add a meter that describes itself"
GUIDES = (MODBUS, RECORDS, "Add a point", "Add a protocol", "Add a store")
ANY_PORT = "127.0.0.1:0"


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


def commands(section: str) -> list[str]:
    """The commands that the steps of a section tell the reader to type."""
    return re.findall(r"^ {7}(kvarter .*)$", SECTIONS[section], re.MULTILINE)


def chosen(section: str, start: str) -> str:
    """The one command of a section that begins so."""
    (found,) = [command for command in commands(section) if command.startswith(f"kvarter {start} ")]
    return found


def typed(folder: Path, command: str) -> str:
    """Type a command in a folder, with its output into a file where it says so; return what it printed."""
    line, _, target = command.partition(" > ")
    words = [str(KVARTER), *shlex.split(line)[1:]]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    if target:
        (folder / target).write_text(done.stdout, encoding="utf-8")
    return done.stdout


def followed(folder: Path, section: str, model: str) -> Path:
    """Write the example of a section where its steps have it."""
    path = folder / "profiles" / "acme" / f"{model}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(example(section, "yaml"), encoding="utf-8")
    return path


@contextmanager
def served(folder: Path, section: str) -> Iterator[str]:
    """Run the section's `kvarter simulate` on a free port for the block."""
    words = shlex.split(chosen(section, "simulate").replace("127.0.0.1:5020", ANY_PORT))[1:]
    words[1] = str(folder / words[1])
    with running(*words, log=folder / "device.log") as device:
        until(lambda: " on 127.0.0.1:" in device.log, what="the simulated device")
        yield "127.0.0.1:" + re.findall(r" on 127\.0\.0\.1:(\d+)", device.log)[0]


def test_the_guides_type_what_is_tested_below() -> None:
    """The commands of both guides are the ones that the next two tests type; listening needs a port of its own."""
    followed_too = ["profiles check", "simulate profiles", "read --profile"]
    starts = {section: [" ".join(line.split()[1:3]) for line in commands(section)] for section in (MODBUS, RECORDS)}
    assert [start.partition("/")[0] for start in starts[MODBUS]] == ["scan --tcp", "profiles new", *followed_too]
    catching = ["scan --serial", "trace --serial"]
    assert [start.partition("/")[0] for start in starts[RECORDS]] == [*catching, "profiles new", *followed_too]


def test_a_modbus_device_is_added_by_its_steps(tmp_path: Path) -> None:
    """The steps, typed one after another at a simulated device: it is surveyed, begun, checked, served and read."""
    right = followed(tmp_path, MODBUS, "meter-1")
    with served(tmp_path, MODBUS) as address:
        right.unlink()
        typed(tmp_path, chosen(MODBUS, "scan").replace("192.168.1.40:502", address))
        assert "begun" in typed(tmp_path, chosen(MODBUS, "profiles new"))
        draft = right.read_text(encoding="utf-8")
        points = example(MODBUS, "yaml").partition("points:")[2].partition("tests:")[0]
        addresses = re.findall(r"address: 0x\w+", points)
        assert len(addresses) == 2
        assert all(each in draft for each in addresses)
        followed(tmp_path, MODBUS, "meter-1")
        assert "acme/meter-1: right" in typed(tmp_path, chosen(MODBUS, "profiles check"))
        shown = typed(tmp_path, chosen(MODBUS, "read").replace("127.0.0.1:5020", address))
    assert {"elec_voltage_l1", "elec_energy_import"} <= set(shown.split())


def test_a_meter_that_describes_itself_is_added_by_its_steps(tmp_path: Path) -> None:
    """The steps, typed at a simulated meter: from a captured telegram to a profile that reads the meter."""
    right = followed(tmp_path, RECORDS, "heat-1")
    telegram = CATALOG.find(str(right)).profile.tests[0].model_dump()["telegram"]
    chunk = {"time": "2026-11-22T10:00:00.000Z", "direction": "in", "hex": telegram.replace(" ", "")}
    head = {"kvarter_capture": 1, "port": "/dev/ttyUSB0", "framing": "rtu", "baudrate": 2400, "parity": "even"}
    (tmp_path / "heat.jsonl").write_text(f"{json.dumps(head)}\n{json.dumps(chunk)}\n", encoding="utf-8")
    right.unlink()
    assert "begun" in typed(tmp_path, chosen(RECORDS, "profiles new"))
    draft = right.read_text(encoding="utf-8")
    written = example(RECORDS, "yaml")
    named = re.findall(r"^  - \{point: (\w+), (quantity: \w+)", written, re.MULTILINE)
    assert len(named) == 4
    assert re.findall(r"^  - \{point: (\w+), (quantity: \w+)", draft, re.MULTILINE) == named
    followed(tmp_path, RECORDS, "heat-1")
    assert "acme/heat-1: right" in typed(tmp_path, chosen(RECORDS, "profiles check"))
    with served(tmp_path, RECORDS) as address:
        shown = typed(tmp_path, chosen(RECORDS, "read").replace("127.0.0.1:5020", address))
    assert {point for point, _ in named} <= set(shown.split())


def test_a_device_is_used_from_a_folder_of_ones_own(tmp_path: Path) -> None:
    """Step 10 of 'Add a Modbus device': the example, in a folder that the site file names, is found and right."""
    followed(tmp_path, MODBUS, "meter-1")
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
    expected = found.tests[0].model_dump()["expect"]
    assert expected.keys() == {point.point for point in found.points}


def test_what_is_verified_is_written_as_the_guide_says(tmp_path: Path) -> None:
    """Step 10: a profile takes name, day and firmware, and refuses an entry that lacks one of them."""
    path = followed(tmp_path, MODBUS, "meter-1")
    entry = "verified: [{who: A. Person, when: 2026-11-22, firmware: '1.02'}]\n"
    path.write_text(entry + example(MODBUS, "yaml"), encoding="utf-8")
    assert CATALOG.find(str(path)).profile.verified[0].firmware == "1.02"
    other = tmp_path / "other.yaml"
    other.write_text(entry.replace(", firmware: '1.02'", "") + example(MODBUS, "yaml"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"verified\[0\].firmware: is required here"):
        _ = CATALOG.find(str(other)).profile


def test_a_point_is_added_with_one_entry() -> None:
    """Step 2 of 'Add a point', followed: the example and a raised version give a vocabulary with one more name."""
    text = (ROOT / "gateway" / "core" / "vocabulary.toml").read_text(encoding="utf-8")
    before = parse_vocabulary(text)
    raised = text.replace(f"\nversion = {before.version}\n", f"\nversion = {before.version + 1}\n")
    after = parse_vocabulary(f"{raised}\n{example('Add a point', 'toml')}")
    assert after.version == before.version + 1
    assert set(after) - set(before) == {"elec_current_leakage"}
