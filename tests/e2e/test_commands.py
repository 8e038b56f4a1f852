"""Commands as an installer types them, right and wrong."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drivers.catalog import Catalog
from gateway.core.quantity import load_vocabulary
from tests.e2e.commands import kvarter, running, until

FILES = {file.profile.protocol: file.id for file in Catalog(load_vocabulary())}
PROFILES = [*FILES.values(), "keba/p30", "phoenix-contact/charx-sec", "stiebel-eltron/isg-wpm"]
"""One of each protocol, and those with the strangest traits; tests/sim reads all of them without a process."""


@contextmanager
def simulated(folder: Path, profile: str, *options: str | Path) -> Iterator[str]:
    """Serve a profile on a free port and yield HOST:PORT."""
    arguments = ("simulate", profile, "--listen", "127.0.0.1:0", *options)
    with running(*arguments, log=folder / "device.log") as device:
        until(lambda: " on 127.0.0.1:" in device.log, what="the simulated device")
        yield device.log.split(" on ")[1].split()[0]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_is_served_and_read(tmp_path: Path, profile: str) -> None:
    """A simulated device of each bundled profile answers `kvarter read` with numbers in the vocabulary's units."""
    with simulated(tmp_path, profile) as address:
        result = kvarter("read", "--profile", profile, "--tcp", address, "--json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["device"]["profile"] == profile
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["time"])
    assert found["status"] in {0, 1}
    vocabulary = load_vocabulary()
    for name, point in found["points"].items():
        assert point["unit"] == vocabulary[name].unit
        assert set(point) == {"value", "unit", "raw", "suspect"}
        assert not point["suspect"] or name == "dev_clock_offset", name
    assert sum(point["value"] is not None for point in found["points"].values()) > len(found["points"]) / 2


def test_chosen_values_arrive_exactly(tmp_path: Path) -> None:
    """What --values says is what is read, in the vocabulary's unit, over RTU on a pseudo-terminal too."""
    values = tmp_path / "values.yaml"
    values.write_text("elec_voltage_l1: 230.1\nelec_energy_import: 10234.56\nelec_power_active: -1234.5\n")
    port = tmp_path / "ttyMETER"
    arguments = ("simulate", "eastron/sdm630", "--pty", port, "--unit", "7", "--values", values)
    with running(*arguments, log=tmp_path / "device.log") as device:
        until(lambda: " on " in device.log, what="the simulated device")
        result = kvarter("read", "-p", "eastron/sdm630", "--serial", port, "--unit", "7", "--baud", "9600", "--json")
    assert result.returncode == 0, result.stderr
    points = json.loads(result.stdout)["points"]
    assert points["elec_voltage_l1"]["value"] == 230.1
    assert points["elec_energy_import"]["value"] == 10234.56
    assert points["elec_power_active"]["value"] == -1234.5
    assert points["elec_energy_import"]["raw"] == [0x461F, 0xEA3D]


def test_rtu_over_tcp(tmp_path: Path) -> None:
    """The same device is read by RTU framing on a socket."""
    with simulated(tmp_path, "carlo-gavazzi/em340", "--framing", "rtu") as address:
        result = kvarter("read", "-p", "carlo-gavazzi/em340", "--tcp", address, "--framing", "rtu")
    assert result.returncode == 0, result.stderr
    assert "elec_voltage_l1" in result.stdout


def test_a_device_behind_a_bad_line_is_still_read_rightly(tmp_path: Path) -> None:
    """With a fifth of the replies split, merged or foreign, what is read is what is served."""
    values = tmp_path / "values.yaml"
    values.write_text("elec_power_active: 4321\n")
    with simulated(tmp_path, "eastron/sdm630", "--values", values, "--faults", "split=0.3,foreign=0.2") as address:
        for _ in range(3):
            result = kvarter("read", "-p", "eastron/sdm630", "--tcp", address, "--json")
            assert result.returncode == 0, result.stderr
            assert json.loads(result.stdout)["points"]["elec_power_active"]["value"] == 4321


def test_profiles_are_listed_as_json() -> None:
    """The list has one entry per profile with its id."""
    result = kvarter("profiles", "list", "--json")
    assert [entry["id"] for entry in json.loads(result.stdout)] == [file.id for file in Catalog(load_vocabulary())]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("read", "-p", "eastron/sdm360", "--tcp", "127.0.0.1:1"), 2, "did you mean eastron/sdm630?"),
        (("read", "-p", "eastron/sdm630"), 2, "exactly one of --tcp HOST:PORT"),
        (("read", "-p", "eastron/sdm630", "--tcp", "127.0.0.1"), 2, "HOST:PORT"),
        (("read", "-p", "eastron/sdm630", "--tcp", "127.0.0.1:1"), 3, "127.0.0.1:1"),
        (("read", "-p", "eastron/sdm630", "--serial", "/dev/no-such-port"), 3, "/dev/no-such-port"),
        (("read", "-p", "keba/p30", "--tcp", "127.0.0.1:1", "--ct-ratio", "x"), 2, "ratio"),
        (("simulate", "eastron/sdm630"), 2, "exactly one of --listen"),
        (("simulate", "eastron/sdm630", "--listen", "nowhere"), 2, "HOST:PORT"),
        (("check", "no-such-file.yaml"), 2, "no-such-file.yaml"),
        (("run", "no-such-file.yaml"), 2, "no-such-file.yaml"),
        (("collect", "no-such-file.yaml"), 2, "no-such-file.yaml"),
        (("edge", "no-such-file.yaml"), 2, "no-such-file.yaml"),
    ],
)
def test_wrong_input_is_one_line_that_says_what_to_do(arguments: tuple[str, ...], code: int, message: str) -> None:
    """No traceback reaches a user; the exit code says who must act."""
    result = kvarter(*arguments)
    assert (result.returncode, "Traceback" in result.stderr) == (code, False), result.stderr
    assert message in result.stderr


def test_a_missing_unit_is_silent_and_said_so(tmp_path: Path) -> None:
    """A unit id that is not there gives no answer, and the message names unit, port and time."""
    with simulated(tmp_path, "eastron/sdm630") as address:
        result = kvarter("read", "-p", "eastron/sdm630", "--tcp", address, "--unit", "9")
    assert result.returncode == 3
    assert "no answer from unit 9" in result.stderr
