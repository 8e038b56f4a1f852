"""What `kvarter --help` shows first, and the page of all commands."""

import re
from pathlib import Path

from typer.testing import CliRunner

from gateway.cli.main import app
from tests.cli_page import PAGE, page
from tests.e2e.commands import kvarter

EVERYDAY = ["init", "scan", "read", "check", "run", "status", "doctor", "history"]


def test_help_shows_the_everyday_commands_first() -> None:
    """The first panel of commands holds the eight of every day, in the order in which they are needed."""
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "160", "TERM": "dumb"}).stdout
    panel = text.split("Everyday", 1)[1].split("╰", 1)[0]
    assert re.findall(r"^\W*│ (\w+)", panel, re.MULTILINE) == EVERYDAY


def test_the_page_of_commands_is_not_stale() -> None:
    """docs/cli.md is what `make cli` writes."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_init_writes_a_good_file_once_and_the_doctor_examines_it(tmp_path: Path) -> None:
    """The file of init passes check; a second init leaves it alone; doctor names what is wrong and the mend."""
    site = tmp_path / "site.yaml"
    words = ("--name", "Kløver's 12", "--timezone", "Europe/Copenhagen", "--port", "127.0.0.1:1")
    assert kvarter("init", site, *words).returncode == 0
    text = site.read_text(encoding="utf-8")
    assert "site: kloever-s-12" in text
    assert kvarter("check", site).returncode == 0
    again = kvarter("init", site, "--name", "Other")
    assert (again.returncode, site.read_text(encoding="utf-8")) == (2, text)
    site.write_text(text.replace("clock: service", f"clock: trusted\ndata: {tmp_path / 'data'}"), encoding="utf-8")
    found = kvarter("doctor", site)
    assert found.returncode == 1
    assert "port bus_1: look at the address" in found.stdout
    assert "writes and reads back" in found.stdout


def test_init_asks_nobody_who_is_not_there(tmp_path: Path) -> None:
    """Without a terminal and without a name it says what to give, and writes nothing."""
    answer = kvarter("init", tmp_path / "site.yaml")
    assert (answer.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "--name" in answer.stderr
    wrong = kvarter("init", tmp_path / "site.yaml", "--name", "x", "--timezone", "Mars/Olympus")
    assert (wrong.returncode, list(tmp_path.iterdir())) == (2, [])
