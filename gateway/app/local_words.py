"""What is said on the service's local socket: one JSON object per line, and where the socket stands.

A visitor says what to `do`:

    {"do": "links"}                                              which ports the service owns
    {"do": "ask", "link": L, "unit": 1, "table": "holding", "address": 0, "count": 2, "timeout_s": 1.0}
                                                                 one Modbus read; without a table, the identification
    {"do": "trace", "link": L}                                   every byte from now on, until the visitor leaves
    {"do": "status"}                                             how the service is
    {"do": "reload"}                                             read the site file again
    {"do": "replay", "since_ms": 1795320300000, "to": "mqtt"}    send again what the spool still holds
    {"do": "take", "link": L}   {"do": "send", "hex": H}   {"do": "speed", "baudrate": 300}   {"do": "give"}
                                                                 the port for a dialogue of another protocol

and is answered by objects with one of the keys `links`, `registers`, `facts`, `taken`, `heard`, `traced`, `error`.
Modbus goes by `ask` alone: the service's own bookkeeping of late answers then knows of every request, whoever made it,
and nothing but a read can be asked for.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from drivers.modbus.pdu import IdentificationRequest, ReadRequest, Request
from drivers.profile import Table
from gateway.core.site import LinkSettings
from gateway.core.strict import Strict

MAX_LINE_BYTES = 16_384
LONGEST_ASK_S = 5.0
_RUN = Path("/run/kvarter")
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where no service manager names a folder
_END = ".sock"


class Probe(Strict):
    """A read."""

    table: Table
    address: int
    count: int

    @property
    def request(self) -> ReadRequest:
        """The request; ValueError where there can be none."""
        return ReadRequest(self.table, self.address, self.count)


class Said(Strict):
    """What a visitor says."""

    do: Literal["links", "ask", "trace", "take", "send", "speed", "give", "status", "reload", "replay"]
    link: str = ""
    unit: int = Field(default=0, ge=0, le=255)
    table: Table | None = None
    address: int = 0
    count: int = 1
    timeout_s: float = Field(default=1.0, gt=0, le=LONGEST_ASK_S)
    pause_s: float = Field(default=0.0, ge=0, le=LONGEST_ASK_S)
    probes: tuple[Probe, ...] = ()
    hex: str = ""
    baudrate: int = Field(default=9600, ge=300, le=4_000_000)
    since_ms: int = Field(default=0, ge=0)
    """UTC."""
    to: str = ""
    """Name of a destination; all where left out."""

    @property
    def request(self) -> Request:
        """The Modbus request; ValueError where there can be none."""
        if self.table is None:
            return IdentificationRequest()
        return ReadRequest(self.table, self.address, self.count)


class OwnedLink(Strict):
    """A port of the service."""

    settings: LinkSettings
    units: tuple[int, ...] = ()


class Answer(Strict):
    """What the service says; one of these."""

    links: tuple[OwnedLink, ...] | None = None
    registers: str | None = None
    facts: dict[str, object] | None = None
    taken: bool = False
    heard: str | None = None
    traced: str | None = None
    direction: Literal["out", "in"] = "in"
    time: str = ""
    became: str = ""
    error: Literal["", "no_answer", "not_asked", "refused", "corrupt", "link_down", "wrong"] = ""
    text: str = ""
    code: int = 0


def socket_path(site: str, environment: Mapping[str, str]) -> Path:
    """Return where the service of a site listens."""
    return _folders(environment)[0] / f"{site}{_END}"


def sockets(environment: Mapping[str, str]) -> list[Path]:
    """Return the sockets of all services that may be looked at."""
    found: list[Path] = []
    for folder in (*_folders(environment), _RUN):
        try:
            found += sorted(folder.glob(f"*{_END}"))
        except OSError:
            continue
    return list(dict.fromkeys(found))


def _folders(environment: Mapping[str, str]) -> list[Path]:
    folders = []
    if runtime := environment.get("RUNTIME_DIRECTORY"):
        folders.append(Path(runtime.split(":")[0]))
    if session := environment.get("XDG_RUNTIME_DIR"):
        folders.append(Path(session) / "kvarter")
    return [*folders, _SHARED_MEMORY / f"kvarter-{os.getuid()}"]
