"""Looking at a bus while the service polls it: read, trace and scan go through the service's port."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.sim.capture import load_capture
from tests.e2e.commands import KVARTER, PATIENCE_S, RunningRole, running, stored, until

SITE = """\
site: basement
clock: trusted
data: {data}
spool: {{size_mib: 16}}
links:
  - {{id: bus, serial: {port}, baudrate: 9600, parity: none}}
devices:
  - {{id: main_meter, profile: eastron/sdm630, link: bus, unit_id: 7, interval: 1s}}
"""


@dataclass(frozen=True, slots=True)
class Basement:
    """A service that polls a meter on a pseudo-terminal every second."""

    folder: Path
    port: Path
    service: RunningRole

    def kvarter(self, *arguments: str | Path, patience_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
        """Run a command beside the service."""
        return subprocess.run(
            [KVARTER, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=patience_s,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "RUNTIME_DIRECTORY": str(self.folder / "memory")},
        )

    def times(self) -> list[int]:
        """Return the seconds of the good readouts that are stored."""
        return sorted(each // 1000 for each in stored(self.folder / "data" / "store", "basement").get("main_meter", []))


@contextmanager
def basement(folder: Path) -> Iterator[Basement]:
    """Run meter and service for the block."""
    port, site = folder / "ttyBUS", folder / "site.yaml"
    site.write_text(SITE.format(data=folder / "data", port=port), encoding="utf-8")
    meter = ("simulate", "eastron/sdm630", "--pty", port, "--unit", "7")
    with running(*meter, log=folder / "meter.log") as device:
        until(lambda: " on " in device.log, what="the simulated meter")
        with running("run", site, log=folder / "service.log") as service:
            there = Basement(folder, port, service)
            until(lambda: len(there.times()) >= 2, what="the first readouts")
            yield there


def missed(times: list[int], first: int, last: int) -> int:
    """Return how many of the seconds have no readout."""
    return len(set(range(first, last + 1)) - set(times))


def test_a_meter_is_read_while_the_service_polls_it(tmp_path: Path) -> None:
    """`kvarter read` on the service's own port gives the values, and the service misses one poll at most."""
    with basement(tmp_path) as there:
        first = there.times()[-1]
        result = there.kvarter("read", "-p", "eastron/sdm630", "--serial", there.port, "--unit", "7", "--json")
        assert result.returncode == 0, result.stderr + there.service.log
        assert json.loads(result.stdout)["points"]["elec_voltage_l1"]["value"] > 0
        last = there.times()[-1]
        until(lambda: there.times()[-1] >= last + 2, what="the next readouts")
        assert missed(there.times(), first, last) <= 1


def test_a_unit_that_is_not_there_costs_the_service_nothing(tmp_path: Path) -> None:
    """A read of a silent unit ends as without a service, and the meter is polled on."""
    with basement(tmp_path) as there:
        result = there.kvarter("read", "-p", "eastron/sdm630", "--serial", there.port, "--unit", "9")
        assert result.returncode == 3
        assert "no answer from unit 9" in result.stderr
        last = there.times()[-1]
        until(lambda: there.times()[-1] >= last + 2, what="the next readouts")


def test_the_socket_is_for_owner_and_group_and_goes_with_the_service(tmp_path: Path) -> None:
    """The local socket has mode 0660 while the service runs; behind it the port is opened directly."""
    with basement(tmp_path) as there:
        socket = tmp_path / "memory" / "basement.sock"
        assert socket.stat().st_mode & 0o777 == 0o660
        assert there.service.stop() == 0
        assert not socket.exists()
        result = there.kvarter("read", "-p", "eastron/sdm630", "--serial", there.port, "--unit", "7", "--json")
        assert result.returncode == 0, result.stderr


def test_units_are_scanned_while_the_service_polls_its_own(tmp_path: Path) -> None:
    """`kvarter scan` asks between the polls, finds the meter, and the service misses one poll at most."""
    with basement(tmp_path) as there:
        first = there.times()[-1]
        result = there.kvarter("scan", "--serial", there.port, "--units", "6-8", "--json")
        assert result.returncode == 0, result.stderr + there.service.log
        found = json.loads(result.stdout)
        assert found["through_service"]
        assert [device["unit_id"] for device in found["devices"]] == [7]
        assert "eastron/sdm630" in {each["profile"] for each in found["devices"][0]["candidates"]}
        last = there.times()[-1]
        until(lambda: there.times()[-1] >= last + 2, what="the next readouts")
        assert missed(there.times(), first, last) <= 1


def test_what_the_service_does_is_traced_and_captured(tmp_path: Path) -> None:
    """`kvarter trace` shows requests and answers of the service, and its capture holds both."""
    capture = tmp_path / "session.jsonl"
    with basement(tmp_path) as there:
        result = there.kvarter(
            "trace", "--serial", there.port, "--seconds", "3", "--capture", capture, "--json", patience_s=60
        )
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {line["direction"] for line in lines} == {"out", "in"}
    assert {line["protocol"] for line in lines} == {"modbus rtu"}
    assert any("unit 7: read input registers" in line["text"] for line in lines)
    assert not [line for line in lines if "foreign" in line["text"] or "no frame" in line["text"]]
    directions = {chunk.direction for chunk in load_capture(capture).chunks}
    assert directions == {"out", "in"}
