"""A scan as an installer types it: on a pseudo-terminal and on a socket, into a site file, and stopped half-way."""

import json
import signal
import subprocess
from pathlib import Path

from tests.e2e.commands import KVARTER, kvarter, running, until

TOUCHED = """\
site: soenderborg-12   # do not change
links: []
devices: []  # none yet
"""


def test_a_meter_is_found_and_written_into_the_site_file(tmp_path: Path) -> None:
    """What is found becomes a link and a device of a valid site file with its comments kept, and only once."""
    port, site = tmp_path / "ttyBUS", tmp_path / "site.yaml"
    site.write_text(TOUCHED, encoding="utf-8")
    arguments = ("scan", "--serial", port, "--baud", "9600", "--parity", "none", "--units", "6-8", "--listen", "0.2")
    with running("simulate", "carlo-gavazzi/em340", "--pty", port, "--unit", "7", log=tmp_path / "meter.log") as meter:
        until(lambda: " on " in meter.log, what="the simulated meter")
        first = kvarter(*arguments, "--write", site, "--json")
        assert first.returncode == 0, first.stderr
        again = kvarter(*arguments, "--write", site)
    (device,) = json.loads(first.stdout)["devices"]
    assert (device["unit_id"], device["settings"]) == (7, "9600 8N1")
    assert device["candidates"][0] == {
        "profile": "carlo-gavazzi/em340",
        "model": device["candidates"][0]["model"],
        "confidence": 1.0,
    }
    text = site.read_text(encoding="utf-8")
    assert text.startswith("site: soenderborg-12   # do not change\n")
    assert "# none yet" in text
    assert text.count("carlo-gavazzi/em340") == 1
    assert "stands in the file already" in again.stderr
    assert kvarter("check", site).returncode == 0


def test_a_site_file_is_begun_where_none_is(tmp_path: Path) -> None:
    """A scan of a socket writes a whole site file."""
    site = tmp_path / "new-house.yaml"
    with running("simulate", "carlo-gavazzi/em340", "--listen", "127.0.0.1:0", log=tmp_path / "meter.log") as meter:
        until(lambda: " on 127.0.0.1:" in meter.log, what="the simulated meter")
        address = meter.log.split(" on ")[1].split()[0]
        result = kvarter("scan", "--tcp", address, "--units", "1", "--write", site)
    assert result.returncode == 0, result.stderr
    assert "site: new-house" in site.read_text(encoding="utf-8")
    assert kvarter("check", site).returncode == 0


def test_a_stopped_scan_shows_what_it_found(tmp_path: Path) -> None:
    """Ctrl-C ends a long scan with the devices so far, its verdict and exit code 130."""
    port = tmp_path / "ttyBUS"
    command = [KVARTER, "scan", "--serial", port, "--baud", "9600", "--parity", "none", "--listen", "0", "--json"]
    with running("simulate", "carlo-gavazzi/em340", "--pty", port, "--unit", "1", log=tmp_path / "meter.log") as meter:
        until(lambda: " on " in meter.log, what="the simulated meter")
        log = tmp_path / "scan.log"
        with log.open("wb") as errors:
            scan = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=errors)
            until(lambda: b"found unit 1" in log.read_bytes(), what="the first device")
            scan.send_signal(signal.SIGINT)
            printed, _ = scan.communicate(timeout=30)
    assert scan.returncode == 130, log.read_text()
    found = json.loads(printed)
    assert [device["unit_id"] for device in found["devices"]] == [1]
    assert any("stopped before its end" in sentence for sentence in found["verdict"])


def test_nobody_on_the_bus_ends_with_advice(tmp_path: Path) -> None:
    """A bus on which nobody answers gives exit code 3 and says what to look at."""
    port = tmp_path / "ttyBUS"
    with running("simulate", "carlo-gavazzi/em340", "--pty", port, "--unit", "9", log=tmp_path / "meter.log") as meter:
        until(lambda: " on " in meter.log, what="the simulated meter")
        result = kvarter(
            "scan", "--serial", port, "--baud", "9600", "--parity", "none", "--units", "1-2", "--listen", "0"
        )
    assert result.returncode == 3
    assert "A and B swapped" in result.stdout
