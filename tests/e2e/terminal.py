"""A command on a terminal of its own: what it shows, what is typed, how it ends; every wait is bounded."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e.commands import KVARTER, PATIENCE_S, until
from tests.e2e.servers import program

CTRL_C = "\x03"
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[()][A-Z0-9])")
_AGAIN_S = 2.0
_TOLD = 2000
"""Characters of a screen that a failed test tells."""
_CHUNK_BYTES = 65_536


class Terminal:
    """A running command whose input, output and errors are one pseudo-terminal.

    Args:
        process: The command.
        screen: Our end of the terminal.
    """

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self.process = process
        self._screen = screen
        self._octets = b""
        self._seen = 0
        self._left = False

    @property
    def raw(self) -> str:
        """All that was shown, with its escape codes."""
        return self._octets.decode("utf-8", errors="replace")

    @property
    def text(self) -> str:
        """All that was shown, without escape codes."""
        return _ESCAPE.sub("", self.raw).replace("\r\n", "\n")

    def lines(self) -> list[str]:
        """Return what was left to be read on each line, after what was drawn over."""
        return [line.rsplit("\r", 1)[-1] for line in self.text.split("\n")]

    def await_text(self, wanted: str) -> None:
        """Return when the text was shown after all that was awaited before."""
        end_s = time.monotonic() + PATIENCE_S
        while (found := self.text.find(wanted, self._seen)) < 0:
            if not self._read(end_s):
                pytest.fail(f"{wanted!r} was not shown:\n{self.text[-_TOLD:]}")
        self._seen = found + len(wanted)

    def type(self, words: str) -> None:
        """Type what the keyboard sends."""
        os.write(self._screen, words.encode())

    def answer(self, question: str, words: str) -> None:
        """Await a question and type the answer and Enter."""
        self.await_text(question)
        self.type(words + "\n")

    def answer_hidden(self, question: str, words: str) -> None:
        """Await a question whose answer is not shown, and type it once the terminal hides it."""
        self.await_text(question)
        until(lambda: not termios.tcgetattr(self._screen)[3] & termios.ECHO, what="a hidden answer")
        self.type(words + "\n")

    def interrupt(self) -> int:
        """Press Ctrl-C, and again as a person does when nothing happens; return the exit code."""
        end_s = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and not self._left and time.monotonic() < end_s:
            # The interpreter does not see a signal that comes just before it begins to wait for a key.
            self.type(CTRL_C)
            while self._read(time.monotonic() + _AGAIN_S):
                pass
        return self.end()

    def end(self) -> int:
        """Return the exit code once all is shown."""
        end_s = time.monotonic() + PATIENCE_S
        while self._read(end_s):
            pass
        try:
            return self.process.wait(timeout=max(0.1, end_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"did not end:\n{self.text[-_TOLD:]}")

    def _read(self, end_s: float) -> bool:
        """Take in what is shown next; False when there is no more, or the time is over."""
        left_s = end_s - time.monotonic()
        if left_s <= 0 or not select.select([self._screen], [], [], left_s)[0]:
            return False
        try:
            chunk = os.read(self._screen, _CHUNK_BYTES)
        except OSError:  # Linux says so when the last program has left the terminal
            self._left = True
            return False
        self._octets += chunk
        return bool(chunk)


@contextmanager
def terminal(
    *arguments: str | Path, columns: int = 80, environment: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """Run `kvarter` on a terminal of so many columns for the block."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    surroundings = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
    process = subprocess.Popen(
        # A session of its own, with this terminal: Ctrl-C then reaches the command alone.
        [program("setsid"), "--ctty", KVARTER, *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**surroundings, "TERM": "xterm-256color", **(environment or {})},
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        os.close(ours)
