"""MQTT topics. Levels come from identifiers only, so no name can reach into another's branch."""

import re
from dataclasses import dataclass

PREFIX = "kvarter/1"
_TOPIC = re.compile(
    r"kvarter/1/(?P<site>[a-z0-9_-]{1,64})/(?P<leaf>readings/gz|readings|catalogue|status|receipt|live/[a-z0-9_-]{1,64})"
)


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one site."""

    site: str

    @property
    def readings(self) -> str:
        """Batches, not retained."""
        return f"{PREFIX}/{self.site}/readings"

    @property
    def readings_gz(self) -> str:
        """Compressed batches, only while a collector announces that it takes them."""
        return f"{PREFIX}/{self.site}/readings/gz"

    @property
    def catalogue(self) -> str:
        """The catalogue in force, retained."""
        return f"{PREFIX}/{self.site}/catalogue"

    @property
    def status(self) -> str:
        """Birth and will, retained."""
        return f"{PREFIX}/{self.site}/status"

    @property
    def receipt(self) -> str:
        """Receipts of collectors, not retained."""
        return f"{PREFIX}/{self.site}/receipt"

    def live(self, device: str) -> str:
        """Last values of one device as JSON, retained."""
        return f"{PREFIX}/{self.site}/live/{device}"


def every_site(leaf: str, *, group: str | None = None) -> str:
    """Return the filter for one leaf of all sites, shared between the members of the group."""
    topic = f"{PREFIX}/+/{leaf}"
    return f"$share/{group}/{topic}" if group else topic


def parse_topic(topic: str) -> tuple[str, str] | None:
    """Return (site, leaf), or None for a topic that is not ours."""
    match = _TOPIC.fullmatch(topic)
    return (match["site"], match["leaf"]) if match else None
