"""Every command, one after the other: --json, wrong use, exit codes, and what the shell completes."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from gateway.cli.main import app
from tests.cli_page import PAGE
from tests.e2e.commands import KVARTER, kvarter

MISSING = {
    "init": ("--name", "...", "--json"),
    "scan": ("--tcp", "127.0.0.1:1", "--quick", "--json"),
    "read": ("-p", "eastron/sdm630", "--tcp", "127.0.0.1:1", "--json"),
    "check": ("none.yaml", "--json"),
    "run": ("none.yaml", "--json"),
    "status": ("--socket", "none.sock", "--json"),
    "doctor": ("none.yaml", "--json"),
    "history": ("meter", "elec_power_active", "--store", "none", "--json"),
    "commission": ("none.yaml", "--json"),
    "demo": ("--for", "soon", "--json"),
    "edge": ("none.yaml", "--json"),
    "collect": ("none.yaml", "--json"),
    "reload": ("--socket", "none.sock", "--json"),
    "replay": ("--since", "1h", "--socket", "none.sock", "--json"),
    "trace": ("--tcp", "127.0.0.1:1", "--seconds", "5", "--json"),
    "decode": ("mbus", "none.bin", "--json"),
    "simulate": ("eastron/none", "--listen", "127.0.0.1:0", "--json"),
    "web password": ("none.yaml", "--stdin", "--json"),
    "web address": ("none.yaml", "--json"),
    "profiles list": ("--folder", "none", "--json"),
    "profiles search": ("zzzzzz", "--json"),
    "profiles show": ("eastron/none", "--json"),
    "profiles check": ("none.yaml", "--json"),
    "profiles new": ("--from", "none.json", "-o", "a/b.yaml", "--json"),
}
"""What each command is given that is not there or not right; nobody may be left waiting, and no traceback shown."""
CODES = {
    "scan": 3,
    "read": 3,
    "status": 3,
    "reload": 3,
    "replay": 3,
    "trace": 3,
    "profiles list": 0,
    "profiles search": 1,
}
"""Every other command ends with 2: wrong use, or a file is wrong."""
DOCUMENTED = {0, 1, 2, 3, 130}


def walked(group: Any = None, before: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - the library's own classes
    """Yield every command with its words."""
    for name, command in getattr(group or typer.main.get_command(app), "commands", {}).items():
        if hasattr(command, "commands"):
            yield from walked(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def test_every_command_prints_json_when_asked() -> None:
    """There is no command without --json, and none that the walk below leaves out."""
    commands = dict(walked())
    assert set(commands) == set(MISSING)
    assert [name for name, each in commands.items() if not any("--json" in p.opts for p in each.params)] == []


@pytest.mark.parametrize("name", MISSING)
def test_what_is_not_there_ends_with_a_documented_code(name: str, tmp_path: Path) -> None:
    """The last word is an error of one line, standard output has JSON or nothing, and the code is that of the page."""
    answer = subprocess.run(
        [KVARTER, *name.split(), *MISSING[name]],
        capture_output=True, text=True, timeout=30, check=False, cwd=tmp_path, stdin=subprocess.DEVNULL,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
    )  # fmt: skip
    assert answer.returncode == CODES.get(name, 2), answer.stderr
    assert "Traceback" not in answer.stderr
    if answer.returncode in {2, 3} and not answer.stdout:
        assert answer.stderr.splitlines()[-1].startswith("error: "), answer.stderr
    if answer.stdout:
        json.loads(answer.stdout)


@pytest.mark.parametrize("name", MISSING)
def test_an_option_that_does_not_exist_is_wrong_use(name: str) -> None:
    """The exit code is 2 and the command is named."""
    answer = CliRunner().invoke(app, [*name.split(), "--no-such-option"], prog_name="kvarter")
    assert (answer.exit_code, f"kvarter {name}" in answer.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("histroy", "No such command 'histroy'. Did you mean 'history'; kvarter -h"),
        ("run", "Missing argument 'SITE'; kvarter run -h"),
        ("run house.yaml --prot 3", "No such option: --prot; kvarter run -h"),
        ("commission x --language xx", "'xx' is not one of 'en', 'da', 'et', 'es'; kvarter commission -h"),
        ("trace --tcp 127.0.0.1:1 --seconds x", "Invalid value for '--seconds'"),
        ("scan --tcp nowhere", "--tcp: 'nowhere' is not an address: write HOST:PORT"),
    ],
)
def test_wrong_use_is_one_line_that_says_what_to_do(words: str, said: str) -> None:
    """A slip of the finger is answered by one line, not by a box."""
    answer = kvarter(*words.split())
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: ")
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_password_is_not_asked_of_nobody(tmp_path: Path) -> None:
    """Without a terminal the command names the option for scripts."""
    site = tmp_path / "site.yaml"
    site.write_text(f"site: house\ndata: {tmp_path}\nlinks: []\ndevices: []\n")
    answer = subprocess.run(
        [KVARTER, "web", "password", site],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)
    assert "add --stdin" in answer.stderr


def test_the_version_is_printed_and_help_is_no_error() -> None:
    """`--version` needs no command, and neither does a look at the help of a group."""
    assert re.fullmatch(r"kvarter \d+\.\d+\.\d+\S*\n", kvarter("--version").stdout)
    for words in ((), ("profiles",)):
        answer = kvarter(*words)
        assert "Usage: kvarter" in answer.stdout + answer.stderr
        assert "error:" not in answer.stderr


def test_the_page_of_commands_lists_the_exit_codes() -> None:
    """The codes that the walk meets are those of the table, and --help sums them up."""
    text = PAGE.read_text(encoding="utf-8")
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)} == DOCUMENTED
    assert {*CODES.values(), 2} <= DOCUMENTED
    assert "Exit codes" in kvarter("--help").stdout


def completed(*words: str) -> Mapping[str, None]:
    """Return what bash offers for the last word, by the script that the installation writes."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    script = kvarter("--show-completion", "bash").stdout
    quoted = " ".join(f"'{word}'" for word in ("kvarter", *words))
    asked = (
        f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words)}\n"
        '_kvarter_completion kvarter; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "PATH": f"{KVARTER.parent}:{os.environ['PATH']}"}
    answer = subprocess.run(
        [bash, "--norc", "-c", asked], capture_output=True, text=True, timeout=30, check=True, env=environment
    )
    return dict.fromkeys(answer.stdout.split())


def test_bash_completes_commands_options_and_words() -> None:
    """What bash asks for is answered: commands, those of a group, options, and the words that an option takes."""
    assert {"scan", "status", "simulate"} <= set(completed("s"))
    assert set(completed("profiles", "s")) == {"search", "show"}
    assert "--watch" in completed("status", "--w")
    assert set(completed("scan", "--parity", "")) == {"none", "even", "odd"}


def test_completion_is_installed_for_bash(tmp_path: Path) -> None:
    """`--install-completion` writes what bash reads at its start, into the home of whoever asks."""
    environment = {**os.environ, "HOME": str(tmp_path)}
    answer = subprocess.run(
        [KVARTER, "--install-completion", "bash"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environment,
    )
    assert answer.returncode == 0, answer.stderr
    assert "_KVARTER_COMPLETE" in "".join(path.read_text() for path in tmp_path.rglob("kvarter.sh"))
    assert "kvarter" in (tmp_path / ".bashrc").read_text(encoding="utf-8")
