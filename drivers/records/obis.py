"""OBIS codes as profiles write them, matched against those that meters send. Pure."""

import re
from dataclasses import dataclass
from functools import lru_cache

_CODE = re.compile(r"(?:(\d+)-(\d+|n):)?([0-9A-F]+)\.(\d+)(?:\.(\d+))?(?:\*(\d+))?")
_NAMED = {"C": 96, "F": 97, "L": 98, "P": 99}
"""Letters that IEC 62056-21 writes for the abstract groups."""


@dataclass(frozen=True, slots=True)
class Obis:
    """The six groups of a code; None where it leaves one out."""

    medium: int | None
    channel: int | None
    quantity: int
    function: int
    tariff: int | None
    billing: int | None
    any_channel: bool = False
    """It was written with channel `n`."""

    def fits(self, sent: "Obis", *, channel: int | None = None) -> bool:
        """Return whether a code that a meter sent is meant by this one.

        Args:
            sent: From a telegram.
            channel: What `n` stands for.
        """
        wanted = channel if self.any_channel else self.channel
        return (
            (self.quantity, self.function) == (sent.quantity, sent.function)
            and (self.tariff or 0) == (sent.tariff or 0)
            and self.medium in (None, sent.medium)
            and wanted in (None, sent.channel)
            and (self.billing == sent.billing if self.billing is not None else sent.billing in (None, 255))
        )


@lru_cache(maxsize=4096)
def parse_obis(text: str) -> Obis | None:
    """Return the code in a text such as `1-0:1.8.0*255` or `6.8`, None where it is none.

    Source: IEC 62056-61 (groups A to F) and IEC 62056-21, annex C (codes without A and B, letters C, F, L, P).
    """
    match = _CODE.fullmatch(text)
    if match is None:
        return None
    medium, channel, quantity, function, tariff, billing = match.groups()
    if not quantity.isdecimal() and quantity not in _NAMED:
        return None
    return Obis(
        None if medium is None else int(medium),
        None if channel in (None, "n") else int(channel),
        _NAMED[quantity] if quantity in _NAMED else int(quantity),
        int(function),
        None if tariff is None else int(tariff),
        None if billing is None else int(billing),
        channel == "n",
    )
