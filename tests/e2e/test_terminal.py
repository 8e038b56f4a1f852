"""Commands that ask, draw or go on, on a terminal of their own; and what they print where there is none."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.commissioning import decode_sealed
from tests.e2e.commands import KVARTER, PATIENCE_S, RunningRole, running, stored, until
from tests.e2e.terminal import CTRL_C, Terminal, terminal
from tests.e2e.workbench import simulated

WIDTHS = (80, 40)
SECRET = "ten letters or more"  # noqa: S105 - of nobody
ESCAPE = "\x1b"
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
BAR = "━"


def installed(folder: Path, address: str) -> Path:
    """Write a site with one meter on a socket."""
    path = folder / "site.yaml"
    path.write_text(
        f"site: test-site\ndata: {folder / 'data'}\nclock: trusted\nweb: {{listen: 'off'}}\n"
        f"spool: {{size_mib: 16}}\nlinks: [{{id: bus_1, tcp: '{address}'}}]\n"
        "devices: [{id: main_meter, profile: eastron/sdm630, link: bus_1, unit_id: 1, interval: 1s}]\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a meter that counted 10234.5 kWh."""
    folder = tmp_path_factory.mktemp("meter")
    values = folder / "values.yaml"
    values.write_text("elec_energy_import: 10234.5\n", encoding="utf-8")
    with simulated(folder, "meter", "--values", values) as device:
        yield device.address


@pytest.fixture
def service(tmp_path: Path, meter: str) -> Iterator[RunningRole]:
    with running("run", installed(tmp_path, meter), log=tmp_path / "run.log") as role:
        until(lambda: bool(stored(tmp_path / "data" / "store", "test-site").get("main_meter")), what="a readout")
        yield role


def run_at(folder: Path) -> dict[str, str]:
    """Return the environment in which commands find the service of a test."""
    return {"RUNTIME_DIRECTORY": str(folder / "memory"), "XDG_STATE_HOME": str(folder / "state")}


def piped(*arguments: str | Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command whose output is read by a program."""
    return subprocess.run(
        [KVARTER, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def too_wide(screen: Terminal, columns: int) -> list[str]:
    """Return the lines that the window breaks in the middle of a word; errors are one line for whoever reads them."""
    return [line for line in screen.lines() if len(line.rstrip()) > columns and not line.startswith("error: ")]


@pytest.mark.parametrize("columns", WIDTHS)
def test_init_asks_again_until_it_can_use_the_answer(tmp_path: Path, meter: str, columns: int) -> None:
    """Wrong name, zone, port and password are refused at once and in words; what was right is not asked again."""
    site = tmp_path / "site.yaml"
    with terminal("init", site, columns=columns, environment=run_at(tmp_path)) as screen:
        screen.answer("Name of the building: ", "...")
        screen.await_text("error: a name has a letter or a digit")
        screen.answer("Name of the building: ", "Kløvermarken 12")
        screen.answer("Time zone [", "Europe/Kopenhagen")
        screen.await_text("did you mean Europe/Copenhagen?")
        screen.answer("Time zone [", "Europe/Copenhagen")
        screen.answer("Ports: ", "basement")
        screen.await_text("error: basement: write /dev/... or HOST:PORT")
        screen.answer("Ports: ", "/dev/no-such-adapter")
        screen.await_text("plug the adapter in")
        screen.answer("Ports: ", f"{meter} 127.0.0.1:1")
        screen.answer("Scan the ports now? [y/N]: ", "y")
        screen.await_text("found unit 1: Eastron SDM630")
        screen.await_text("127.0.0.1:1: stays in the file without devices")
        screen.answer("Set the password of the page now? [y/N]: ", "y")
        screen.answer_hidden("New password of the manager", "short")
        screen.await_text("error: a password has 10 to 200 characters; this one has 5")
        screen.answer_hidden("New password of the manager", SECRET)
        screen.answer_hidden("The same once more", SECRET + "!")
        screen.await_text("error: the two differ")
        screen.answer_hidden("New password of the manager", SECRET)
        screen.answer_hidden("The same once more", SECRET)
        screen.await_text("next: kvarter check")
        assert screen.end() == 0
        assert SECRET not in screen.raw
        assert "▀" in screen.raw
    text = site.read_text(encoding="utf-8")
    assert "name: 'Kløvermarken 12'" in text
    assert f"tcp: '{meter}'" in text
    assert "tcp: '127.0.0.1:1'" in text
    assert "profile: eastron/sdm630" in text


def test_ctrl_c_at_a_question_ends_it_and_writes_nothing(tmp_path: Path) -> None:
    """The exit code is 130, nothing is left behind, and no traceback is shown."""
    with terminal("init", tmp_path / "site.yaml") as screen:
        screen.answer("Name of the building: ", "Kløvermarken 12")
        screen.await_text("Time zone [")
        assert screen.interrupt() == 130
        assert "Traceback" not in screen.text
        assert "Aborted" not in screen.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("columns", WIDTHS)
def test_commissioning_asks_for_displays_and_takes_corrections(tmp_path: Path, meter: str, columns: int) -> None:
    """No number, an unknown unit and a slip of the finger are asked for again; Enter skips; the last answer counts."""
    site = installed(tmp_path, meter)
    arguments = ("commission", site, "-o", tmp_path / "report")
    with terminal(*arguments, columns=columns, environment=run_at(tmp_path)) as screen:
        screen.await_text("main_meter: ok")
        screen.answer("main_meter: Active energy import [kWh, Enter skips]: ", "ten thousand")
        screen.await_text("error: main_meter.elec_energy_import")
        screen.answer("Enter skips]: ", "1023.5")
        screen.await_text("DEVIATES")
        screen.answer("mistyped? Type it again [Enter keeps it]: ", "10 234,5")
        screen.await_text("deviation 0 kWh: agrees")
        screen.answer("Voltage L1 [V, Enter skips]: ", "")
        screen.answer("Active energy export [kWh, Enter skips]: ", "")
        screen.answer("Commissioned by: ", "")
        screen.answer("Commissioned by: ", "A. Fitter")
        assert screen.end() == 0, screen.text
        assert screen.lines()[-2] == "passed"
    (path,) = (tmp_path / "report").glob("*.json")
    record = decode_sealed(path.read_bytes())
    assert record.by == "A. Fitter"
    assert [(check.display, check.agrees) for check in record.devices[0].display] == [(10234.5, True)]


def test_ctrl_c_during_commissioning_writes_no_report(tmp_path: Path, meter: str) -> None:
    """A half-answered commissioning leaves no report that could pass for a whole one."""
    site = installed(tmp_path, meter)
    arguments = ("commission", site, "-o", tmp_path / "report")
    with terminal(*arguments, environment=run_at(tmp_path)) as screen:
        screen.await_text("Enter skips]: ")
        assert screen.interrupt() == 130
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_password_is_typed_twice_and_never_shown(tmp_path: Path, columns: int) -> None:
    """`kvarter web password` sets it after a wrong try, and shows where the page is, with a QR code that fits."""
    site = installed(tmp_path, "127.0.0.1:1")
    site.write_text(site.read_text(encoding="utf-8").replace("'off'", "'127.0.0.1:8443'"), encoding="utf-8")
    with terminal("web", "password", site, columns=columns, environment=run_at(tmp_path)) as screen:
        screen.answer_hidden("New password of the manager", "short")
        screen.await_text("this one has 5")
        screen.answer_hidden("New password of the manager", SECRET)
        screen.answer_hidden("The same once more", SECRET)
        screen.await_text("is set")
        assert screen.end() == 0
        assert SECRET not in screen.raw
        drawn = [line for line in screen.lines() if "█" in line]
        assert drawn
        assert max(map(len, drawn)) <= columns
    with terminal("web", "password", site, columns=columns, environment=run_at(tmp_path)) as screen:
        screen.await_text("New password of the manager")
        assert screen.interrupt() == 130


@pytest.mark.parametrize("columns", WIDTHS)
def test_status_is_drawn_anew_until_ctrl_c(tmp_path: Path, service: RunningRole, columns: int) -> None:
    """`status --watch` clears the screen between looks, fits the window, outlives the service, and ends with 130."""
    arguments = ("status", "--watch", "--site", tmp_path / "site.yaml")
    with terminal(*arguments, columns=columns, environment=run_at(tmp_path)) as screen:
        for _ in range(2):
            screen.await_text("main_meter")
            screen.await_text("confirmed stored")
            screen.await_text("all is well")
            screen.await_text("Ctrl-C ends it")
        assert "\x1b[2J" in screen.raw
        assert service.stop() == 0
        screen.await_text("is it running?")
        assert screen.interrupt() == 130
        assert "Traceback" not in screen.text
        assert not too_wide(screen, columns)


def test_watching_into_a_file_writes_no_escape_codes(tmp_path: Path, service: RunningRole) -> None:
    """Without a terminal each look follows the one before as plain text, and as one JSON object per line."""
    site = tmp_path / "site.yaml"
    for extra in ((), ("--json",)):
        out = tmp_path / "watched.txt"
        with out.open("wb") as sink:
            process = subprocess.Popen(
                [KVARTER, "status", "--watch", "--site", site, *extra],
                stdout=sink,
                stderr=sink,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **run_at(tmp_path)},
            )
            until(lambda out=out: out.read_text(encoding="utf-8").count("confirmed") >= 2, what="two looks")  # type: ignore[misc]
            process.terminate()
            process.wait(timeout=PATIENCE_S)
        assert ESCAPE not in out.read_text(encoding="utf-8")
    assert service.process.poll() is None


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_scan_shows_how_far_it_is(meter: str, columns: int) -> None:
    """A bar that fits the window is drawn over while devices appear above it; Ctrl-C ends with what was found."""
    with terminal("scan", "--tcp", meter, "--quick", columns=columns) as screen:
        screen.await_text("listening")
        screen.await_text("asking units")
        screen.await_text("found unit 1")
        assert screen.end() == 0
        assert BAR in screen.raw
        assert not too_wide(screen, columns)
    with terminal("scan", "--tcp", meter, "--units", "1-247", columns=columns) as screen:
        screen.await_text("found unit 1")
        assert screen.interrupt() == 130
        assert "eastron/sdm630" in screen.text


def test_a_doctor_who_waits_shows_it(tmp_path: Path) -> None:
    """While a port does not answer a bar goes on; it is gone from the screen when the table is there."""
    site = installed(tmp_path, "192.0.2.1:502")
    with terminal("doctor", site, environment=run_at(tmp_path)) as screen:
        screen.await_text("port bus_1")
        screen.await_text("port bus_1: look at the address")
        assert screen.end() == 1


def test_a_trace_goes_on_until_ctrl_c(tmp_path: Path, meter: str, service: RunningRole) -> None:
    """Frames are shown as they pass, without a bar between them, and the service goes on afterwards."""
    with terminal("trace", "--tcp", meter, environment=run_at(tmp_path)) as screen:
        screen.await_text("> modbus")
        screen.await_text("< modbus")
        assert BAR not in screen.raw
        assert screen.interrupt() == 130
    assert service.process.poll() is None


def test_a_folder_of_profiles_is_checked_with_a_bar(tmp_path: Path) -> None:
    """One line tells how many are right, a wrong one is named with its line, and the exit code is 2."""
    bundled = Path(__file__).parents[2] / "drivers" / "profiles"
    for maker in ("eastron", "keba"):
        (tmp_path / maker).mkdir()
        for path in (bundled / maker).glob("*.yaml"):
            (tmp_path / maker / path.name).write_bytes(path.read_bytes())
    count = len(list(tmp_path.rglob("*.yaml")))
    with terminal("profiles", "check", tmp_path) as screen:
        screen.await_text(f"{count} of {count} profiles are right")
        assert screen.end() == 0
    broken = tmp_path / "keba" / "p30.yaml"
    broken.write_text(broken.read_text(encoding="utf-8").replace("kind: ", "kinds: ", 1), encoding="utf-8")
    answer = piped("profiles", "check", tmp_path, environment={})
    assert answer.returncode == 2
    assert "keba/p30.yaml" in answer.stderr
    assert f"{count - 1} of {count} profiles are right" in answer.stderr
    assert ESCAPE not in answer.stdout + answer.stderr


@pytest.mark.parametrize("columns", WIDTHS)
def test_history_fits_the_window(tmp_path: Path, service: RunningRole, columns: int) -> None:
    """The plot is as wide as the window, and plain where it goes into a file."""
    arguments = ("history", "main_meter", "elec_voltage_l1", "--store", tmp_path / "data" / "store", "--from", "10min")
    with terminal(*arguments, columns=columns, environment=run_at(tmp_path)) as screen:
        assert screen.end() == 0, screen.text
        assert "┤" in screen.text
        assert max(len(line) for line in screen.lines()[1:-3]) <= columns
    answer = piped(*arguments, environment=run_at(tmp_path))
    assert (answer.returncode, ESCAPE in answer.stdout) == (0, False)
    assert service.process.poll() is None


def test_no_color_is_obeyed_and_a_pipe_gets_plain_text(tmp_path: Path, meter: str) -> None:
    """With NO_COLOR no colour is set on a terminal; through a pipe there is neither an escape code nor a bar."""
    site = installed(tmp_path, meter)
    quick = ("scan", "--tcp", meter, "--quick")
    with terminal(*quick, environment={"NO_COLOR": "1"}) as screen:
        assert screen.end() == 0
        assert not COLOUR.search(screen.raw)
    with terminal("--help", environment={"NO_COLOR": "1"}) as screen:
        assert screen.end() == 0
        assert not COLOUR.search(screen.raw)
    for arguments in (quick, ("doctor", site), ("check", site), ("read", "-p", "eastron/sdm630", "--tcp", meter)):
        answer = piped(*arguments, environment=run_at(tmp_path))
        assert ESCAPE not in answer.stdout + answer.stderr, arguments
        assert BAR not in answer.stdout + answer.stderr, arguments


def test_keys_typed_at_nobody_do_no_harm(meter: str) -> None:
    """Ctrl-C in the middle of a listening scan ends it at once with 130 and a sentence."""
    with terminal("scan", "--tcp", meter, "--listen", "60") as screen:
        screen.await_text("listening")
        screen.type("garbage\n")
        assert screen.interrupt() == 130
        assert "Traceback" not in screen.text
        assert CTRL_C not in screen.text
