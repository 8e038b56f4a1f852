"""A readout as an installer wants to see it: values, units, raw registers, and whether they agree."""

from collections.abc import Mapping
from dataclasses import dataclass

from drivers.profile import ModbusProfile, Profile, SunspecProfile
from gateway.core.quantity import Vocabulary
from gateway.core.readout import Readout
from gateway.energy.plausibility import Finding, judge
from gateway.wire.status import iso_time


@dataclass(frozen=True, slots=True)
class Found:
    """A readout and whom it is from."""

    profile: Profile
    port: str
    unit_id: int
    identity: Mapping[str, str]
    readout: Readout
    time_ms: int
    vocabulary: Vocabulary

    @property
    def has_unit(self) -> bool:
        """Whether its protocol has unit ids or primary addresses."""
        return self.profile.protocol in ("modbus", "sunspec", "mbus")

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Whether the values agree with each other."""
        return judge({point: float(value) for point, value, _ in self._points() if value is not None})

    @property
    def headline(self) -> str:
        """One line: who answered, where, and how it went."""
        who = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.identity.items() if value)
        status = self.readout.status.name.lower().replace("_", " ")
        where = f"unit {self.unit_id} on {self.port}" if self.has_unit else self.port
        named = f" ({who})" if who else ""
        return f"{self.profile.maker} {self.profile.model}{named}, {where}, {iso_time(self.time_ms)}: {status}"

    def verdicts(self) -> list[str]:
        """Return what was compared, one line each, what is wrong first."""
        ordered = sorted(self.findings, key=lambda finding: finding.agrees)
        return [f"{'plausible' if finding.agrees else 'WRONG'}: {finding.text}" for finding in ordered]

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Return point, value, unit, raw registers and remark of each point."""
        return [
            (
                point,
                "-" if value is None else f"{value:.15g}",
                self.vocabulary[point].unit,
                self._raw(raw),
                self._remark(point, value),
            )
            for point, value, raw in self._points()
        ]

    def as_json(self) -> dict[str, object]:
        """Return the readout as the command prints it with --json."""
        return {
            "device": {
                "profile": self.profile.profile,
                "maker": self.profile.maker,
                "model": self.profile.model,
                "kind": self.profile.kind,
                "port": self.port,
                "unit_id": self.unit_id,
                **self.identity,
            },
            "time": iso_time(self.time_ms),
            "status": int(self.readout.status),
            "points": {
                point: {
                    "value": value,
                    "unit": self.vocabulary[point].unit,
                    "raw": list(raw),
                    "suspect": point in self.readout.suspect,
                }
                for point, value, raw in self._points()
            },
            "plausibility": [
                {"agrees": finding.agrees, "text": finding.text, "points": list(finding.points)}
                for finding in self.findings
            ],
        }

    def _points(self) -> list[tuple[str, float | int | None, tuple[int, ...]]]:
        readout = self.readout
        raw = readout.raw or ((),) * len(readout.points)
        return list(zip(readout.points, readout.values, raw, strict=True))

    def _raw(self, raw: tuple[int, ...]) -> str:
        """Return registers as words of four digits, records as the text they are, or as octets."""
        if isinstance(self.profile, ModbusProfile | SunspecProfile):
            return " ".join(f"{word:04x}" for word in raw)
        octets = bytes(raw)
        return octets.decode("ascii") if octets.isascii() and octets.decode("ascii").isprintable() else octets.hex()

    def _remark(self, point: str, value: float | None) -> str:
        if value is None:
            return "no value"
        quantity = self.vocabulary[point]
        if point in self.readout.suspect:
            low, high = quantity.limits
            return f"suspect: outside {low:g} to {high:g}"
        label = quantity.states.get(int(value)) if quantity.is_integer else None
        return label["en"] if label else ""
