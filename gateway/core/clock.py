"""The seam through which time comes in."""

from typing import Protocol


class Clock(Protocol):
    """Wall time, monotonic time, and whether the wall time can be believed."""

    def utc_ms(self) -> int:
        """Return the wall clock in milliseconds since 1970-01-01 UTC; it may step."""

    def monotonic(self) -> float:
        """Return seconds since boot, suspended time included; it never steps back within one boot."""

    def synchronised(self) -> bool:
        """Return whether a time service vouches for the wall clock, or the site file says that it is right."""

    def awaited(self) -> bool:
        """Return whether synchronisation can still be expected: a time service runs on this machine."""

    async def sleep_until(self, monotonic_s: float) -> None:
        """Return at the given instant of `monotonic`, at once when it has passed."""
