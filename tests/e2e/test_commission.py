"""Commissioning as an installer types it: beside a running service, with what the displays show."""

import json
import os
import subprocess
from pathlib import Path

from gateway.core.commissioning import decode_sealed
from tests.e2e.commands import KVARTER, PATIENCE_S, kvarter, running, until

TYPED = ("--display", "main_meter.elec_energy_import=10 234,5")
VALUES = """\
elec_voltage_l1: 230.0
elec_voltage_l2: 230.0
elec_voltage_l3: 230.0
elec_voltage_l12: 398.0
elec_voltage_l23: 398.0
elec_voltage_l31: 398.0
elec_frequency: 50.0
elec_power_factor: 1.0
elec_energy_import: 10234.5
"""


def site_at(folder: Path, port: str, *, more: str = "") -> Path:
    """Write a site with one meter on a serial port."""
    path = folder / "site.yaml"
    path.write_text(
        f"site: test-site\ndata: {folder / 'data'}\nclock: trusted\nlinks:\n"
        f"  - {{id: rs485_1, serial: {port}, baudrate: 9600, parity: none}}\n"
        "devices:\n  - {id: main_meter, profile: eastron/sdm630, link: rs485_1, unit_id: 1, interval: 1s}\n" + more,
        encoding="utf-8",
    )
    return path


def test_a_site_is_commissioned_beside_its_running_service(tmp_path: Path) -> None:
    """The service lends its port; JSON, HTML and PDF are written and the record is kept with the site."""
    port, values = tmp_path / "ttyBUS", tmp_path / "values.yaml"
    values.write_text(VALUES, encoding="utf-8")
    site = site_at(tmp_path, str(port))
    simulate = ("simulate", "eastron/sdm630", "--pty", port, "--unit", "1", "--values", values)
    with running(*simulate, log=tmp_path / "meter.log") as meter:
        until(lambda: " on " in meter.log, what="the simulated meter")
        with running("run", site, log=tmp_path / "run.log") as service:
            until(lambda: "reading 1 devices" in service.log, what="the service")
            result = subprocess.run(
                [KVARTER, "commission", site, "--by", "A. Fitter", *TYPED, "-o", tmp_path / "report", "--json"],
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "RUNTIME_DIRECTORY": str(tmp_path / "memory")},
            )
    assert result.returncode == 0, result.stdout + result.stderr
    printed = json.loads(result.stdout)
    assert (printed["passes"], printed["record"]["by"]) == (True, "A. Fitter")
    files = {path.suffix: path for path in (tmp_path / "report").iterdir()}
    assert set(files) == {".json", ".html", ".pdf"}
    record = decode_sealed(files[".json"].read_bytes())
    assert [check.agrees for check in record.devices[0].display] == [True]
    assert files[".pdf"].read_bytes().startswith(b"%PDF-")
    assert printed["sha256"] in files[".html"].read_text(encoding="utf-8")
    (kept,) = (tmp_path / "data" / "commissioning").iterdir()
    assert kept.read_bytes() == files[".json"].read_bytes()


def test_what_is_wrong_is_said_and_reported(tmp_path: Path) -> None:
    """A display that deviates and a device that is away give exit code 1 and a report all the same."""
    port, values = tmp_path / "ttyBUS", tmp_path / "values.yaml"
    values.write_text(VALUES, encoding="utf-8")
    away = "  - {id: charger, profile: keba/p30, link: rs485_1, unit_id: 9}\n"
    site = site_at(tmp_path, str(port), more=away)
    simulate = ("simulate", "eastron/sdm630", "--pty", port, "--unit", "1", "--values", values)
    with running(*simulate, log=tmp_path / "meter.log") as meter:
        until(lambda: " on " in meter.log, what="the simulated meter")
        result = kvarter(
            "commission", site, "--display", "main_meter.elec_energy_import=1023.45", "-o", tmp_path / "report"
        )
    assert result.returncode == 1, result.stderr
    assert "display 1023.45, read 10234.5 kWh" in result.stdout
    assert "charger" in result.stdout
    assert len(list((tmp_path / "report").iterdir())) == 3


def test_a_wrong_option_says_what_to_write(tmp_path: Path) -> None:
    """An option of another form, and a device that is not in the site, are wrong use."""
    site = site_at(tmp_path, "/dev/ttyUSB9")
    malformed = kvarter("commission", site, "--display", "main_meter=5", "-o", tmp_path)
    unknown = kvarter("commission", site, "--display", "main_metre.elec_energy_import=5", "-o", tmp_path)
    assert (malformed.returncode, unknown.returncode) == (2, 2)
    assert "write DEVICE.POINT=VALUE" in malformed.stderr
    assert "main_meter" in unknown.stderr
