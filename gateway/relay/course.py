"""What a relay knows within one connection: pure."""

from dataclasses import dataclass, field

_LONGEST_S = 3600.0


@dataclass(slots=True)
class Course:
    """Begins anew with each connection."""

    mark: int | None = None
    """Highest sequence number of this run that was new already; None before the first look."""
    is_open: bool = False
    """The birth is published."""
    announced: set[str] = field(default_factory=set)
    """Catalogues published."""
    confirmed: set[str] = field(default_factory=set)
    """Catalogues that some collector has: a batch under them got its receipt."""
    again_s: float = 0.0
    """Not before this instant is the catalogue in force published again."""
    wait_s: float = 60.0

    def doubt(self, catalogue: str, *, is_in_force: bool, now_s: float) -> None:
        """Have a catalogue published again, perhaps: a batch under it got no receipt.

        The one in force is retained by the broker and may be large, so it is repeated ever more seldom.
        """
        if catalogue in self.confirmed:
            return
        if is_in_force:
            if now_s < self.again_s:
                return
            self.again_s = now_s + self.wait_s
            self.wait_s = min(2 * self.wait_s, _LONGEST_S)
        self.announced.discard(catalogue)
