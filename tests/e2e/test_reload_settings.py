"""Changed keys of the site file that a reload does not obey at once, and files that it refuses as a whole."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import KVARTER, PATIENCE_S, RunningRole, running, until

DEVICES = "devices: [{id: meter, profile: eastron/sdm630, link: a, interval: 1s}]\n"
ALERTS = "alerts:\n  webhook: {url: 'https://hooks.example/kvarter'}\n"


def write(folder: Path, more: str = "", *, devices: str = DEVICES) -> Path:
    """Write the site file."""
    path = folder / "site.yaml"
    path.write_text(
        f"site: basement\nclock: trusted\ndata: {folder / 'data'}\nspool: {{size_mib: 16}}\n"
        f"links: [{{id: a, tcp: '127.0.0.1:1'}}]\n{devices}{more}",
        encoding="utf-8",
    )
    return path


def reload(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `kvarter reload` beside the service."""
    return subprocess.run(
        [KVARTER, "reload", "--socket", folder / "memory" / "basement.sock"],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        env={**os.environ, "RUNTIME_DIRECTORY": str(folder / "memory")},
    )  # fmt: skip


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningRole]:
    site = write(tmp_path, "web: {listen: 'off'}\n")
    with running("run", site, log=tmp_path / "run.log") as role:
        until(lambda: "reading 1 devices" in role.log, what="the service")
        yield role
        assert role.process.poll() is None
        assert "Traceback" not in role.log


def test_page_and_alerts_wait_for_a_restart_and_that_is_said_in_one_line(tmp_path: Path, service: RunningRole) -> None:
    """What is not obeyed at once is named with what to do; a device beside it is, after SIGHUP too."""
    write(tmp_path, "web: {listen: '127.0.0.1:0'}\n" + ALERTS)
    answer = reload(tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "no device changed; web, alerts: restart the service to have it obeyed\n"
    write(tmp_path, "web: {listen: '127.0.0.1:0'}\n", devices=DEVICES.replace("1s", "2s"))
    service.process.send_signal(signal.SIGHUP)
    until(lambda: "changed meter; web: restart the service to have it obeyed" in service.log, what="the reload")


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ("web: {listen: everywhere}\n", "site.yaml:7: web.listen: "),
        ("alerts: {webhook: {url: 7}}\n", "site.yaml:7: alerts.webhook.url: "),
        ("alerts: {webhock: {}}\n", "site.yaml:7: alerts.webhock: "),
        ("web: [\n", "site.yaml:"),
    ],
)
def test_a_bad_key_changes_nothing_and_is_named(tmp_path: Path, service: RunningRole, more: str, where: str) -> None:
    """File, line and key stand in the one line, and a good change in the same file is not obeyed either."""
    write(tmp_path, more, devices=DEVICES.replace("meter", "renamed"))
    answer = reload(tmp_path)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert where in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "reloaded" not in service.log
    write(tmp_path, "web: {listen: 'off'}\n")
    assert reload(tmp_path).stdout == "no device changed\n"
