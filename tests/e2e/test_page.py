"""The page of each service, as its process serves it."""

import json
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.commands import KVARTER, RunningRole, kvarter, running, until

SECRET = "correct horse battery\n"  # noqa: S105 - of a test


def page_of(role: RunningRole) -> str:
    """Where the service says that its page is."""
    until(lambda: "page: http" in role.log, what="the page")
    return str(re.findall(r"page: (https?://\S+)/", role.log)[-1])


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - a loopback address
        return bytes(answer.read()).decode()


def site_file(folder: Path, web: str) -> Path:
    file = folder / "site.yaml"
    text = f"site: house\nname: Our house\ndata: {folder}/data\nlinks: []\ndevices: []\n{web}"
    file.write_text(text, encoding="utf-8")
    return file


def test_run_serves_the_page_and_asks_for_a_password_once_there_is_one(tmp_path: Path) -> None:
    """`kvarter run` says where its page is; a password that is set meanwhile is asked for within seconds."""
    site = site_file(tmp_path, "web: {listen: '127.0.0.1:0'}\n")
    with running("run", site, log=tmp_path / "log") as role:
        first = page_of(role)
        assert "Our house" in fetch(f"{first}/site/house")
        assert json.loads(fetch(f"{first}/api/v1/sites"))[0]["id"] == "house"
        done = subprocess.run(
            [KVARTER, "web", "password", str(site), "--stdin"],
            input=SECRET,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        assert "is set" in done.stdout
        until(lambda: role.log.count("page: http") > 1, what="the page with a password")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            fetch(f"{page_of(role)}/api/v1/sites")
        assert "Sign in" in fetch(f"{page_of(role)}/site/house")


def test_a_site_may_have_no_page(tmp_path: Path) -> None:
    """With `listen: off` nothing listens, and the service runs all the same."""
    site = site_file(tmp_path, "web: {listen: off}\n")
    with running("run", site, log=tmp_path / "log") as role:
        until(lambda: "storing in" in role.log, what="the service")
        assert role.process.poll() is None
        assert role.stop() == 0
        assert "page: http" not in role.log


def test_the_collector_serves_the_page_while_its_broker_is_away(tmp_path: Path) -> None:
    """A collector whose broker does not answer shows its page, without any site yet."""
    file = tmp_path / "collector.yaml"
    stores = f"[{{kind: embedded, path: {tmp_path}/store}}]"
    text = f"broker: {{url: 'mqtt://127.0.0.1:1'}}\nsites: ['*']\nstores: {stores}\ndata: {tmp_path}/data\n"
    file.write_text(f"{text}web: {{listen: '127.0.0.1:0'}}\n", encoding="utf-8")
    with running("collect", file, log=tmp_path / "log") as role:
        assert json.loads(fetch(f"{page_of(role)}/api/v1/sites")) == []
        assert "Kvarter" in fetch(f"{page_of(role)}/")
        assert role.stop() == 0


def test_the_command_line_tells_the_address(tmp_path: Path) -> None:
    """`kvarter web address` names the address and draws it, and a password that is too short is refused in one line."""
    site = site_file(tmp_path, "web: {listen: '127.0.0.1:8443'}\n")
    assert json.loads(kvarter("web", "address", site, "--json").stdout)["urls"] == ["http://127.0.0.1:8443/"]
    assert "█" in kvarter("web", "address", site).stdout
    refused = subprocess.run(
        [KVARTER, "web", "password", str(site), "--stdin"],
        input="short\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (refused.returncode, refused.stderr) == (2, "error: a password has 10 to 200 characters; this one has 5\n")
