"""What gateways say of themselves, on its way to whoever shows it: checked, and dropped where it is no status."""

from collections.abc import Callable

from gateway.collector.journal import Journal
from gateway.core.errors import WireError
from gateway.wire.condition import GatewayStatus, read_status

Told = Callable[[str, GatewayStatus], None]
"""Takes what the gateway of a site says; must not wait."""


class Statuses:
    """Checks the retained status of each gateway.

    Args:
        told: Gets what is sound.
        journal: Counts what is not.
    """

    def __init__(self, told: Told, journal: Journal) -> None:
        self._told = told
        self._journal = journal

    def take(self, site: str, message: bytes) -> None:
        """Take a message; an empty one is a broker's word that nothing is retained any more."""
        if not message:
            return
        try:
            status = read_status(message)
        except WireError as exc:
            self._journal.counters.malformed += 1
            self._journal.warn(f"status {site}", f"{site}: a message on status is dropped: {exc}")
            return
        self._told(site, status)
