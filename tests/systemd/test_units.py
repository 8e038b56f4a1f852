"""Each unit is valid, closed, and what the notes say about it."""

import re
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from bench.flash_wear import ADVISED

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
MOUNT = SYSTEMD / "var-lib-private-kvarter.mount"
ROLES = [path for path in UNITS if path.name != "kvarter-clock.service"]
HIGHEST_EXPOSURE = 15
"""Tenths of the scale of systemd-analyze, which ends at 10."""


def settings(unit: Path) -> dict[str, list[str]]:
    """Every setting of the [Service] section, in order; a setting may stand several times."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in unit.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_unit_is_valid(unit: Path, tmp_path: Path) -> None:
    """Systemd knows every setting of the unit; only the program itself is exchanged for one that exists here."""
    for each in UNITS:
        text = each.read_text(encoding="utf-8")
        (tmp_path / each.name).write_text(text.replace("/opt/kvarter/bin/kvarter", shutil.which("true") or ""), "utf-8")
    verdict = analyze("verify", "--man=no", str(tmp_path / unit.name))
    assert (verdict.returncode, verdict.stdout, verdict.stderr) == (0, "", "")


def test_the_mount_is_valid_and_spares_the_flash() -> None:
    """Systemd takes the unit, it holds the folder of the services, and its options are those that are measured."""
    verdict = analyze("verify", "--man=no", str(MOUNT))
    assert (verdict.returncode, verdict.stdout, verdict.stderr) == (0, "", "")
    parser = RawConfigParser(strict=False)
    parser.read(MOUNT, encoding="utf-8")
    mount = parser["Mount"]
    assert mount["Where"].replace("/", "-").lstrip("-") == MOUNT.stem
    assert all(
        f"/var/lib/private/{name}" == mount["Where"] for role in ROLES for name in settings(role)["StateDirectory"]
    )
    assert set(ADVISED.split(",")) <= set(mount["Options"].split(","))
    assert mount["Type"] == "ext4"


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_unit_is_closed(unit: Path) -> None:
    """The exposure of the unit stays at most 1.5, so that a hole in it reaches little."""
    verdict = analyze("security", "--offline=yes", "--no-pager", f"--threshold={HIGHEST_EXPOSURE}", str(unit))
    assert verdict.returncode == 0, verdict.stdout


@pytest.mark.parametrize("unit", ROLES, ids=lambda path: path.name)
def test_service_is_watched_and_always_comes_back(unit: Path) -> None:
    """A service says when it is ready, is watched, and is started again for ever."""
    expected = {
        "Type": "notify", "NotifyAccess": "main", "WatchdogSec": "30", "Restart": "always",
        "RuntimeDirectory": "kvarter", "RuntimeDirectoryPreserve": "restart", "StateDirectory": "kvarter",
        "ConfigurationDirectory": "kvarter", "DynamicUser": "yes",
    }  # fmt: skip
    found = settings(unit)
    assert {key: found[key][-1] for key in expected} == expected
    assert "StartLimitIntervalSec=0" in unit.read_text(encoding="utf-8")


@pytest.mark.parametrize("unit", ROLES, ids=lambda path: path.name)
def test_service_waits_for_neither_internet_nor_time(unit: Path) -> None:
    """Sampling begins at boot, whatever else is there."""
    text = unit.read_text(encoding="utf-8")
    after = re.findall(r"^(?:After|Requires|BindsTo)=(.*)$", text, re.MULTILINE)
    assert not {"network-online.target", "time-sync.target"} & set(" ".join(after).split())


@pytest.mark.parametrize("unit", ROLES, ids=lambda path: path.name)
def test_service_reaches_serial_ports_only_where_it_reads(unit: Path) -> None:
    """A role that reads has the four kinds of serial port; the collector has no device at all."""
    found = settings(unit)
    if unit.name == "kvarter-collect.service":
        assert found["PrivateDevices"] == ["yes"]
        assert "DeviceAllow" not in found
        return
    assert found["DevicePolicy"] == ["closed"]
    assert found["SupplementaryGroups"] == ["dialout"]
    assert found["DeviceAllow"] == [f"char-{kind} rw" for kind in ("ttyUSB", "ttyACM", "ttyAMA", "ttyS")]


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_service_holds_no_secret(unit: Path) -> None:
    """Credentials are handed over by the machine's own drop-in, never written into a unit."""
    found = settings(unit)
    assert not {"LoadCredential", "SetCredential", "Environment", "EnvironmentFile"} & found.keys()


def test_two_readers_never_share_the_ports() -> None:
    """The roles that open serial ports exclude one another."""
    for unit, other in (("kvarter", "kvarter-edge"), ("kvarter-edge", "kvarter")):
        parser = RawConfigParser(strict=False, allow_no_value=True)
        parser.read(SYSTEMD / f"{unit}.service", encoding="utf-8")
        assert parser["Unit"]["Conflicts"] == f"{other}.service"


def test_udev_rules_are_well_formed() -> None:
    """Each rule is a list of comparisons and assignments, and the three things they do are there."""
    text = (SYSTEMD / "60-kvarter.rules").read_text(encoding="utf-8")
    rules = [line for line in text.splitlines() if line and not line.startswith("#")]
    part = re.compile(r'[A-Z]+(\{\w+\})?(==|!=|=|\+=|:=)"[^"]*"')
    for rule in rules:
        parts = rule.split(", ")
        assert all(part.fullmatch(each) for each in parts), rule
        assert "==" in parts[0]
        assert "==" not in parts[-1]
    for assignment in ('ATTR{latency_timer}="1"', 'GROUP="dialout"', 'ENV{ID_MM_DEVICE_IGNORE}="1"'):
        assert sum(assignment in rule for rule in rules) == 1


def test_notes_name_every_file_that_is_there() -> None:
    """The install notes list each unit and rule, and every file of this repository they copy exists."""
    notes = (SYSTEMD / "README.md").read_text(encoding="utf-8")
    for path in (*UNITS, MOUNT, SYSTEMD / "60-kvarter.rules"):
        assert f"`{path.name}`" in notes
    copied = re.findall(r"(?:cp|-r) ((?:config|systemd|requirements)/\S+)", notes)
    assert len(copied) == 5
    for name in copied:
        assert list(SYSTEMD.parent.glob(name)), name
