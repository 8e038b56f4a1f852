"""A changed site file while the service runs: `kvarter reload`, SIGHUP, and what `kvarter status` says of it."""

import itertools
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.commands import KVARTER, RunningRole, kvarter, running, stored, until
from tests.e2e.servers import free_port

SITE = "soenderborg-12"


class Building:
    """Two meters on two links, and the service that reads them."""

    def __init__(self, folder: Path, ports: tuple[int, int]) -> None:
        self.folder = folder
        self.site = folder / "site.yaml"
        self._ports = ports

    def write(self, *, second: str = "200ms", unit: int = 1, third: str = "", site: str = SITE) -> None:
        """Write the site file."""
        first_port, second_port = self._ports
        meter = "profile: eastron/sdm630"
        text = f"""
site: {site}
clock: trusted
data: {self.folder / "data"}
spool: {{size_mib: 16}}
web: {{listen: 'off'}}
store: {{path: {self.folder / "store"}}}
links:
  - {{id: a, tcp: '127.0.0.1:{first_port}'}}
  - {{id: b, tcp: '127.0.0.1:{second_port}'}}
devices:
  - {{id: kept, {meter}, link: a, unit_id: 1, interval: 200ms}}
  - {{id: changed, {meter}, link: b, unit_id: {unit}, interval: {second}}}
  {third}
"""
        self.site.write_text(text, encoding="utf-8")

    def times(self, device: str) -> list[int]:
        """Times of a device's stored readouts."""
        return stored(self.folder / "store", SITE).get(device, [])

    def kvarter(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command where the service's socket is found."""
        environment = {**os.environ, "RUNTIME_DIRECTORY": str(self.folder / "memory")}
        command = [str(KVARTER), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=environment)


@pytest.fixture
def building(tmp_path: Path) -> Iterator[Building]:
    ports = free_port(), free_port()
    with ExitStack() as stack:
        for port in ports:
            listen = f"127.0.0.1:{port}"
            log = tmp_path / f"meter_{port}.log"
            meter = stack.enter_context(running("simulate", "eastron/sdm630", "--listen", listen, log=log))
            until(lambda meter=meter, listen=listen: listen in meter.log, what="the meter")  # type: ignore[misc]
        yield Building(tmp_path, ports)


@pytest.fixture
def service(building: Building) -> Iterator[RunningRole]:
    building.write()
    with running("run", building.site, log=building.folder / "run.log") as role:
        until(lambda: len(building.times("changed")) > 5, what="readouts")
        yield role
        assert "Traceback" not in role.log


def longest_pause_ms(times: list[int]) -> int:
    return max(after - before for before, after in itertools.pairwise(times))


def test_one_changed_device_is_reloaded_and_no_other_misses_a_poll(building: Building, service: RunningRole) -> None:
    """Another interval of one device is obeyed at once; its neighbour on another link misses no instant."""
    building.write(second="1s")
    answer = building.kvarter("reload", "--site", building.site)
    assert (answer.returncode, answer.stdout) == (0, "changed changed\n")
    before = len(building.times("changed"))
    until(lambda: len(building.times("changed")) > before + 3, what="readouts at the new interval")
    slow = [time_ms // 1000 for time_ms in building.times("changed")[-3:]]
    assert slow == sorted(set(slow))
    assert longest_pause_ms(building.times("kept")) < 390
    assert service.process.poll() is None


def test_a_bad_file_changes_nothing_and_says_why(building: Building, service: RunningRole) -> None:
    """A word that does not exist, or another site, is refused with its line, by the command and after SIGHUP."""
    building.write(third="- {id: new, profile: eastron/sdm6300, link: b, unit_id: 3}")
    answer = building.kvarter("reload", "--site", building.site)
    assert answer.returncode == 2
    assert "eastron/sdm6300" in answer.stderr
    service.process.send_signal(signal.SIGHUP)
    until(lambda: "nothing was changed" in service.log, what="the complaint in the log")
    building.write(site="another")
    answer = building.kvarter("reload", "--socket", building.folder / "memory" / f"{SITE}.sock")
    assert "site: the service reads soenderborg-12" in answer.stderr
    before = len(building.times("changed"))
    until(lambda: len(building.times("changed")) > before + 3, what="readouts as before")


def test_a_device_is_added_and_another_removed_by_sighup(building: Building, service: RunningRole) -> None:
    """A new device is read and has its columns; a removed one is not read any more, and both are said."""
    building.write(third="- {id: new, profile: eastron/sdm120, link: a, unit_id: 1, interval: 200ms}")
    text = building.site.read_text(encoding="utf-8").replace("id: changed", "id: renamed")
    text = text.replace(
        "{id: kept, profile: eastron/sdm630, link: a, unit_id: 1",
        "{id: kept, profile: eastron/sdm630, link: a, unit_id: 9",
    )
    building.site.write_text(text, encoding="utf-8")
    service.process.send_signal(signal.SIGHUP)
    until(lambda: "reloaded: added renamed, new; changed kept; removed changed" in service.log, what="the reload")
    until(lambda: len(building.times("renamed")) > 3, what="readouts of the new device")


def states(building: Building) -> set[str]:
    """The state of each device, as `kvarter status --json` has it."""
    found = building.kvarter("status", "--site", building.site, "--json")
    return {device["state"] for device in json.loads(found.stdout)["devices"]}


def test_status_tells_each_device_and_what_is_wrong(building: Building, service: RunningRole) -> None:
    """`kvarter status` finds the service by its file, and ends with 1 when something is wrong."""
    found = building.kvarter("status", "--site", building.site, "--json")
    tree = json.loads(found.stdout)
    assert found.returncode == 0, found.stdout
    assert {device["id"]: device["state"] for device in tree["devices"]} == dict.fromkeys(("kept", "changed"), "ok")
    assert all(device["value"] is not None and device["unit"] for device in tree["devices"])
    assert [way["to"] for way in tree["delivery"]] == ["store"]
    building.write(unit=77)
    building.kvarter("reload", "--site", building.site)
    until(lambda: "no_answer" in states(building), what="the device that does not answer")
    assert building.kvarter("status", "--site", building.site).returncode == 1
    assert service.process.poll() is None


def test_without_a_service_the_commands_say_what_to_do(tmp_path: Path) -> None:
    """Neither status nor reload guesses: one line names the way out."""
    for command in ("status", "reload"):
        answer = Building(tmp_path, (1, 2)).kvarter(command, "--socket", tmp_path / "none.sock")
        assert answer.returncode == 3
        assert len(answer.stderr.splitlines()) == 1
        assert "is it running?" in answer.stderr


def test_a_collector_is_not_reloaded_and_that_is_said(tmp_path: Path) -> None:
    """Its file is not taken for a wrong site file: one line says to restart it."""
    file = tmp_path / "collector.yaml"
    file.write_text("broker: {url: 'mqtt://127.0.0.1:1'}\nsites: ['+']\nstores: [{kind: embedded, path: store}]\n")
    answer = kvarter("reload", "--site", file)
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)
    assert "restart it" in answer.stderr
