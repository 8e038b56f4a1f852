"""Lines that no store took: one JSON object per line, with the reason, in files of bounded size."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.core.errors import SpoolError

_NAME = "dead-letters.jsonl"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One refused line."""

    time: str
    """When it was refused, ISO 8601."""
    site: str
    run: str
    sequence: int | None
    """Of the readout; None for a line of the collector itself."""
    by: str
    """Who refused it: `collector`, or the name of a store."""
    reason: str
    line: str


class DeadLetters:
    """Appends to a file in a folder; a full file is kept under a number, and the oldest number is dropped.

    Args:
        folder: Is made when the first letter comes.
        file_bytes: From this size on a file is full.
        files: Full files that are kept.
    """

    def __init__(self, folder: Path, *, file_bytes: int = 8 * 1024 * 1024, files: int = 4) -> None:
        self._folder = folder
        self._file_bytes = file_bytes
        self._files = files
        self._turn = asyncio.Lock()

    async def keep(self, letters: Sequence[DeadLetter]) -> None:
        """Append the letters.

        Raises:
            SpoolError: the disk refused them.
        """
        if not letters:
            return
        text = "".join(json.dumps(asdict(letter), separators=(",", ":")) + "\n" for letter in letters)
        async with self._turn:
            try:
                await asyncio.to_thread(self._append, text)
            except OSError as exc:
                raise SpoolError(f"dead letters cannot be written to {self._folder}: {exc.strerror or exc}") from exc

    def _append(self, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / _NAME
        if path.exists() and path.stat().st_size >= self._file_bytes:
            for number in range(self._files - 1, 0, -1):
                older = self._numbered(number)
                if older.exists():
                    older.replace(self._numbered(number + 1))
            path.replace(self._numbered(1))
        with path.open("a", encoding="ascii") as file:
            file.write(text)

    def _numbered(self, number: int) -> Path:
        return self._folder / f"{_NAME}.{number}"
