"""What a role stands on: the seams that differ between a machine and its simulation."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom

from drivers.factory import open_stream
from drivers.link import OpenStream
from gateway.app.clock import SystemClock, boot_id
from gateway.core.clock import Clock
from gateway.core.protocols import Files
from gateway.spool.disk import DiskFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Clock, chance, ports and disks of one machine since it was switched on."""

    clock: Clock
    random: Random
    boot_id: str
    """Of this boot, by which monotonic times are known."""
    open_stream: OpenStream
    """Opens serial ports and sockets."""
    open_files: Callable[[Path], Files]
    """Opens a folder for the spool."""
    disk: Callable[[Path], tuple[int, int] | None] = lambda _: None
    """Returns free bytes and all bytes of the disk that holds a folder, None where that cannot be known."""


def this_machine(*, trusted: bool = False) -> Machine:
    """Return the machine that this process runs on.

    Args:
        trusted: The site file says that the host's clock is right.
    """
    return Machine(
        clock=SystemClock(trusted=trusted),
        random=SystemRandom(),
        boot_id=boot_id(),
        open_stream=open_stream,
        open_files=DiskFiles,
        disk=disk_room,
    )


def disk_room(folder: Path) -> tuple[int, int] | None:
    """Return free bytes and all bytes of the disk that holds a folder, None where that cannot be known."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return usage.free, usage.total
