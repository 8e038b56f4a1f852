"""The machine's clock behind the Clock seam."""

import asyncio
import ctypes
import time
from pathlib import Path

_STATUS_UNSYNCHRONISED = 0x40
"""STA_UNSYNC of adjtimex(2)."""
_CHECK_INTERVAL_S = 1.0
_SERVICE_MANAGER = Path("/run/systemd/system")
_WORDS = (Path("/run/kvarter-clock/synchronised"), Path("/run/systemd/timesync/synchronized"))
"""Where others say so, for a sandbox that forbids to ask the kernel (kvarter-clock.service, systemd-timesyncd)."""


class _Timex(ctypes.Structure):
    """The beginning of `struct timex` of adjtimex(2); the rest is room for the kernel to write to."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 64),
    )


class SystemClock:
    """Wall and monotonic clock of this machine.

    Args:
        trusted: The site file says that the host's clock is right.
    """

    def __init__(self, *, trusted: bool = False) -> None:
        self._trusted = trusted
        self._checked_s = float("-inf")
        self._synchronised = trusted
        self._libc = ctypes.CDLL(None)

    def utc_ms(self) -> int:
        """Return the wall clock in milliseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return seconds since boot, suspended time included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def synchronised(self) -> bool:
        """Return whether the kernel's clock is disciplined by a time service, asked at most once a second."""
        if self._trusted:
            return True
        now_s = self.monotonic()
        if now_s - self._checked_s >= _CHECK_INTERVAL_S:
            self._checked_s = now_s
            self._synchronised = self._kernel_synchronised()
        return self._synchronised

    def awaited(self) -> bool:
        """Return whether a service manager runs here, and with it a time service that can still come up."""
        return _SERVICE_MANAGER.exists()

    async def sleep_until(self, monotonic_s: float) -> None:
        """Return at the given instant of `monotonic`."""
        await asyncio.sleep(max(0.0, monotonic_s - self.monotonic()))

    def _kernel_synchronised(self) -> bool:
        timex = _Timex()
        state = self._libc.adjtimex(ctypes.byref(timex))
        if state < 0:
            return any(word.exists() for word in _WORDS)
        return not timex.status & _STATUS_UNSYNCHRONISED


def boot_id() -> str:
    """Return the kernel's identifier of this boot, by which monotonic times of one boot are known."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
