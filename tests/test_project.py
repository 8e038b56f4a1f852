"""The files around the code: licence, locked requirements, make targets, continuous integration, public metadata."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = {"run": (), "demo": ("demo",), "test": ("demo", "dev")}


def pins(name: str) -> dict[str, list[str]]:
    """Each locked package with its version, and the hashes that may be installed."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^([a-z0-9-]+==\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)", text, re.MULTILINE)
    assert len(entries) == len(re.findall(r"^[a-z]", text, re.MULTILINE)), f"{name}.txt has an entry without a hash"
    return {pin: re.findall(r"sha256:([0-9a-f]{64})", hashes) for pin, hashes in entries}


def test_licence_is_the_one_that_is_declared() -> None:
    """The licence file, the package metadata and the public metadata name the same licence."""
    public = yaml.safe_load((ROOT / "publiccode.yml").read_text(encoding="utf-8"))
    assert PROJECT["license"] == public["legal"]["license"] == "EUPL-1.2"
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.startswith("EUROPEAN UNION PUBLIC LICENCE v. 1.2")
    assert "15.Applicable Law" in text
    assert "Appendix" in text


@pytest.mark.parametrize("name", EXTRAS)
def test_requirements_hold_what_the_project_asks_for(name: str) -> None:
    """Each direct dependency, and what builds the project, is locked to one version with its hashes."""
    asked = [*PROJECT["dependencies"], "setuptools"]
    for extra in EXTRAS[name]:
        asked += PROJECT["optional-dependencies"][extra]
    names = {re.match(r"[A-Za-z0-9-]+", each)[0].lower() for each in asked}  # type: ignore[index]
    assert names <= {pin.partition("==")[0] for pin in pins(name)}


def test_requirements_agree() -> None:
    """What a gateway runs is what the demo shows, and that is what the tests prove."""
    assert pins("run").items() <= pins("demo").items()
    assert pins("demo").items() <= pins("test").items()


def test_compiled_packages_are_locked_for_every_machine() -> None:
    """A compiled package is locked with all of its wheels, so that a Raspberry Pi installs from the same file."""
    locked = pins("run")
    compiled = [pin for pin in locked if pin.startswith(("pydantic-core==", "pyyaml==", "uvloop=="))]
    assert len(compiled) == 3
    assert all(len(locked[pin]) > 20 for pin in compiled)


def test_help_lists_every_target() -> None:
    """`make help` shows what can be made, each in one line."""
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607
    listed = {line.split()[1] for line in shown.splitlines()}
    assert listed >= {"help", "demo", "test", "lint", "format", "bench", "schemas", "lock", "setup", "clean"}


@pytest.mark.parametrize("script", [".ci/run", ".ci/packages"])
def test_scripts_are_strict(script: str) -> None:
    """A script of ours is valid bash, executable, and stops at its first failure."""
    path = ROOT / script
    assert "set -euo pipefail" in path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0  # noqa: S607


def test_packages_that_are_there_are_not_installed_again() -> None:
    """Asked for a command that exists, the script does nothing and says nothing."""
    done = subprocess.run([ROOT / ".ci" / "packages", "bash:bash"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_missing_packages_are_named_where_they_cannot_be_installed(tmp_path: Path) -> None:
    """Without apt, the script names what is missing and fails."""
    for tool in ("bash", "env", "id"):
        (tmp_path / tool).symlink_to(Path("/usr/bin") / tool)
    script = (ROOT / ".ci" / "packages").read_text(encoding="utf-8")
    script = re.sub(r"^export PATH=.*$", f"export PATH={tmp_path}", script, flags=re.MULTILINE)
    command = ["/bin/bash", "-c", script, "packages", "no-such-broker:mosquitto"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Missing: mosquitto" in done.stderr


def test_changelog_has_a_place_for_the_next_change() -> None:
    """The changelog begins with what is not released yet, by kind of change."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert sections[0] == "[Unreleased]"
    kinds = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_security_page_says_where_and_how_fast() -> None:
    """Whoever finds a hole learns where to report it and when to expect an answer."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert re.search(r"`\S+@\S+`", text)
    assert len(re.findall(r"within \d+", text)) >= 3


def test_public_metadata_is_complete() -> None:
    """The metadata has every key that its standard demands, within the standard's lengths and words."""
    tree = yaml.safe_load((ROOT / "publiccode.yml").read_text(encoding="utf-8"))
    assert tree.keys() >= {
        "publiccodeYmlVersion", "name", "url", "platforms", "categories", "developmentStatus", "softwareType",
        "description", "legal", "maintenance", "localisation",
    }  # fmt: skip
    assert tree["developmentStatus"] in {"concept", "development", "beta", "stable", "obsolete"}
    assert tree["softwareType"] == "standalone/iot"
    text = tree["description"]["en"]
    assert len(text["shortDescription"]) <= 150
    assert 500 <= len(text["longDescription"]) <= 10_000
    assert text["features"]
    assert tree["maintenance"]["type"] in {"internal", "contract", "community", "none"}
    assert all(contact["name"] for contact in tree["maintenance"]["contacts"])
    assert isinstance(tree["localisation"]["localisationReady"], bool)
    assert tree["localisation"]["availableLanguages"]
