"""Lines as a collector hands them to a store."""

from collections.abc import Mapping

START_MS = 1_717_200_000_000
"""2024-06-01 00:00 UTC, a whole hour."""


def line(time_ms: int, fields: Mapping[str, float | int], *, site: str = "site-1", device: str = "meter") -> bytes:
    """Return a readout; integers are written as integers."""
    parts = (f"{name}={value}i" if isinstance(value, int) else f"{name}={value:.15g}" for name, value in fields.items())
    return f"kvarter,site={site},device={device} {','.join(parts)} {time_ms}000000".encode()


def energy(seconds: float, kwh: float, *, device: str = "meter") -> bytes:
    """Return a readout of an electricity meter's import register."""
    return line(START_MS + round(seconds * 1000), {"elec_energy_import": float(kwh), "status": 0}, device=device)
