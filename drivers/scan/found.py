"""What a scan finds, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from drivers.scan.candidates import Speed
from drivers.scan.fingerprint import Candidate


@dataclass(frozen=True, slots=True)
class SurveyRow:
    """Registers that answered, as they came."""

    table: str
    address: int
    registers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """Somebody who is there."""

    protocol: str
    """modbus, sunspec, mbus, p1, d0, sml, dlms or kmp."""
    unit_id: int | None = None
    address: str = ""
    """Where it has one that is no unit id."""
    speed: Speed | None = None
    """None on a socket."""
    candidates: tuple[Candidate, ...] = ()
    """The likeliest model first; empty where nobody knows it."""
    identity: Mapping[str, str] = field(default_factory=dict)
    """What it says about itself."""
    note: str = ""
    survey: tuple[SurveyRow, ...] = ()

    @property
    def best(self) -> Candidate | None:
        """The model that it most likely is."""
        return self.candidates[0] if self.candidates else None

    def as_json(self) -> dict[str, object]:
        """Return it as `kvarter scan --json` prints it."""
        tree: dict[str, object] = {"protocol": self.protocol, "unit_id": self.unit_id, "address": self.address}
        tree["settings"] = str(self.speed) if self.speed else None
        tree["candidates"] = [
            {"profile": each.profile, "model": each.name, "confidence": round(each.confidence, 2)}
            for each in self.candidates
        ]
        tree["identity"] = dict(self.identity)
        tree["note"] = self.note
        tree["survey"] = [
            {"table": row.table, "address": row.address, "registers": list(row.registers)} for row in self.survey
        ]
        return tree


@dataclass(slots=True)
class Evidence:
    """Everything that was noticed, for the verdict."""

    port: str
    kind: Literal["serial", "socket"]
    heard_octets: int = 0
    """While nothing was asked."""
    heard_protocol: str = ""
    heard_units: tuple[int, ...] = ()
    """Units of another client's frames."""
    wants_key: str = ""
    asked: int = 0
    """Units that were asked."""
    garbled: dict[int, int] = field(default_factory=dict)
    """Unit → answers in which there was no frame, of three."""
    noisy: bool = False
    """Bytes came at every question."""
    no_path: int = 0
    """Units of which a gateway said that it has no way to them."""
    late: tuple[int, ...] = ()
    """Units that answered later than a scan waits."""
    asked_nothing: bool = False
    """The installer did not let the scan send."""
    same_everywhere: bool = False
    """One device answers for every unit."""
    any_speed: bool = False
    """A device answers at every baud rate: the port heeds none."""
    through_service: bool = False
    interrupted: bool = False
    wrong_profiles: list[str] = field(default_factory=list)
    """Profiles that could not be used, and why."""
    trouble: str = ""
    """Why the scan ended early."""


@dataclass(slots=True)
class Findings:
    """A scan, finished or not."""

    evidence: Evidence
    devices: list[FoundDevice] = field(default_factory=list)
