"""Real servers for tests: on free loopback ports, bounded in time, stopped by the test that started them."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

START_S = 10.0
STOP_S = 5.0


def program(name: str) -> str:
    """Return the path of an installed program, /usr/sbin included; skip the test if there is none."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    return path


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(port: int, process: subprocess.Popen[bytes], *, log: Path) -> None:
    """Return when somebody listens on the port; fail with the server's log when it ends or takes too long."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail(f"the server did not start:\n{log.read_text(errors='replace')}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server, by force when it does not go by itself."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_S)


class Mosquitto:
    """A Mosquitto without persistence on one port; it can be killed and started again.

    Args:
        folder: Where its configuration and log are.
        lines: Configuration beside the listener. Started by root, it stays root, to read the files of a test.
    """

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = free_port()
        self._program = program("mosquitto")
        self._log = folder / "mosquitto.log"
        self._configuration = folder / "mosquitto.conf"
        access = () if any(line.startswith("allow_anonymous") for line in lines) else ("allow_anonymous true",)
        text = "\n".join([f"listener {self.port} 127.0.0.1", "persistence false", "user root", *access, *lines])
        self._configuration.write_text(text + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """How to reach it without TLS."""
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it logged since its first start."""
        return self._log.read_text(errors="replace")

    def start(self) -> Self:
        """Start it and return when it listens."""
        with self._log.open("ab") as log:
            command = [self._program, "-c", str(self._configuration)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        await_port(self.port, self._process, log=self._log)
        return self

    def kill(self) -> None:
        """End it as a power cut does: everything that it held in memory is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_S)

    def freeze(self) -> None:
        """Let it hold its connections and do nothing, as a machine behind a dead link seems to."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        """End it, frozen or not; stopping twice is allowed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            stop(self._process)
            self._process = None


@contextmanager
def mosquitto(folder: Path, *lines: str) -> Iterator[Mosquitto]:
    """Run a Mosquitto for the length of the block."""
    server = Mosquitto(folder, *lines)
    try:
        yield server.start()
    finally:
        server.stop()


@dataclass(frozen=True, slots=True)
class Authority:
    """A throw-away CA and what it signed: files in one folder."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """Of the CA itself."""
        return self.folder / "ca.crt"

    def issue(self, name: str) -> tuple[Path, Path]:
        """Return certificate and key for a name; it is also good for 127.0.0.1 and localhost."""
        key, request, certificate = (self.folder / f"{name}.{end}" for end in ("key", "csr", "crt"))
        extension = self.folder / f"{name}.ext"
        extension.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        _openssl("req", "-new", "-subj", f"/CN={name}", "-out", request, *_new_key(key))
        signed_by = ("-CA", self.certificate, "-CAkey", self.folder / "ca.key", "-CAcreateserial")
        _openssl("x509", "-req", "-in", request, "-out", certificate, "-days", "2", "-extfile", extension, *signed_by)
        return certificate, key


def authority(folder: Path) -> Authority:
    """Return a new CA."""
    own = Authority(folder)
    extensions = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    key = _new_key(folder / "ca.key")
    _openssl("req", "-x509", "-subj", "/CN=Test CA", "-out", own.certificate, "-days", "2", *extensions, *key)
    return own


def _new_key(path: Path) -> tuple[str | Path, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run([program("openssl"), *arguments], check=True, capture_output=True, timeout=START_S)
