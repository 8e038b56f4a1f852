"""How a device stands after its last readout. Pure."""

from gateway.core.readout import Status

_FAILED = frozenset({Status.NO_ANSWER, Status.REFUSED, Status.CORRUPT_FRAME, Status.LINK_DOWN})


def standing(before: Status | None, now: Status) -> Status:
    """Return the status that holds: a device that is asked less often since it failed has not recovered meanwhile."""
    return before if before in _FAILED and now is Status.SKIPPED else now
