"""Meters that describe themselves, each on its own kind of port, through `kvarter run` into the embedded store."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from gateway.core.errors import KvarterError
from gateway.core.readout import Status
from gateway.stores.read_back import read_back
from tests.e2e.commands import RunningRole, kvarter, running, until
from tests.e2e.workbench import SITE

VALUES: Mapping[str, Mapping[str, float]] = {
    "dsmr/p1": {"elec_energy_import": 7069.334, "elec_power_active": -1794.0, "elec_voltage_l1": 230.4},
    "iskra/mt691": {"elec_energy_import": 1234.5, "elec_power_active": 321.0},
    "kamstrup/omnipower-han": {"elec_energy_import": 4567.89, "elec_power_active": 2345.0},
    "kamstrup/multical-603": {"heat_energy": 12_345.0, "heat_temp_supply": 71.5, "heat_temp_return": 38.25},
    "iskra/mt174": {"elec_energy_import": 815.5},
    "eastron/sdm630": {"elec_energy_import": 99.5},
}
"""Profile → what its meter says."""
ON_TERMINALS = {"iskra/mt691", "iskra/mt174"}


@pytest.mark.timeout(120)
def test_a_building_of_meters(tmp_path: Path) -> None:
    """Five protocols side by side arrive in the store with the values that their meters say, and nothing else."""
    links, devices = [], []
    with ExitStack() as stack:
        for number, (profile, said) in enumerate(VALUES.items()):
            values, port = tmp_path / f"{number}.yaml", tmp_path / f"tty{number}"
            values.write_text(json.dumps(said), encoding="utf-8")
            where = ("--pty", port) if profile in ON_TERMINALS else ("--listen", "127.0.0.1:0")
            meter = stack.enter_context(
                running("simulate", profile, *where, "--values", values, log=tmp_path / f"{number}.log")
            )
            until(partial(_serves, meter), what=profile)
            address = meter.log.rsplit(" on ", 1)[1].split()[0]
            links.append({"id": f"port{number}", "serial" if profile in ON_TERMINALS else "tcp": address})
            name = profile.partition("/")[2]
            devices.append({"id": name, "profile": profile, "link": f"port{number}", "interval": "10s"})
        site = tmp_path / "site.yaml"
        tree = {"site": SITE, "clock": "trusted", "data": str(tmp_path / "data"), "links": links, "devices": devices}
        site.write_text(json.dumps(tree), encoding="utf-8")
        assert kvarter("check", site).returncode == 0
        gateway = stack.enter_context(running("run", site, log=tmp_path / "run.log"))
        store = tmp_path / "data" / "store"
        until(lambda: all(len(rows) > 1 for rows in good(store).values()), what="two rows of each", patience_s=60)
        assert "Traceback" not in gateway.log
    found = good(store)
    assert found.keys() == {profile.partition("/")[2] for profile in VALUES}
    for profile, said in VALUES.items():
        for row in found[profile.partition("/")[2]]:
            assert {point: row[point] for point in said} == said, profile


def _serves(meter: RunningRole) -> bool:
    return " on " in meter.log


def good(store: Path) -> dict[str, list[Mapping[str, float | int | None]]]:
    """Device → its rows that have values; empty lists while the store is being made."""
    names = [profile.partition("/")[2] for profile in VALUES]
    try:
        with read_back(store) as history:
            return {
                name: [row for _, row in history.rows(SITE, name) if row["status"] in {Status.OK, Status.PARTIAL}]
                for name in names
            }
    except (FileNotFoundError, KvarterError):  # not there, or being made
        return {name: [] for name in names}


def test_a_battery_is_protected(tmp_path: Path) -> None:
    """An interval below what a meter's battery bears is refused, with the place and the least that is allowed."""
    site = tmp_path / "site.yaml"
    site.write_text(
        f"site: {SITE}\nlinks:\n  - {{id: head, serial: /dev/ttyUSB0}}\ndevices:\n"
        "  - {id: heat, profile: kamstrup/multical-403-kmp, link: head, interval: 10s}\n",
        encoding="utf-8",
    )
    result = kvarter("check", site)
    assert result.returncode == 2
    assert "site.yaml:5" in result.stderr
    assert "costs its battery; at least 1h" in result.stderr


def test_ports_that_cannot_be_shared(tmp_path: Path) -> None:
    """A meter that sends by itself cannot share its port with one that is asked, and the file says so."""
    site = tmp_path / "site.yaml"
    site.write_text(
        f"site: {SITE}\nlinks:\n  - {{id: port, tcp: '127.0.0.1:1'}}\ndevices:\n"
        "  - {id: grid, profile: dsmr/p1, link: port}\n  - {id: sub, profile: eastron/sdm120, link: port}\n",
        encoding="utf-8",
    )
    result = kvarter("check", site)
    assert result.returncode == 2
    assert "site.yaml:6" in result.stderr
    assert "cannot share a port" in result.stderr
