"""Watches what passes through the broker: receipts must be true, and a sequence number always means the same line."""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.core.protocols import Message
from tests.simulation.clock import TrueTime
from tests.simulation.store import Key, SimStore, split_line
from tests.simulation.truth import Complain

_AHEAD_MS = 24 * 3_600_000


@dataclass
class Auditor:
    """Is told of every message that a living client publishes."""

    store: SimStore
    complain: Complain
    note: Callable[[str], None]
    true: TrueTime
    _lines: dict[str, dict[int, bytes]] = field(default_factory=dict)
    """Run → sequence number → line."""
    batches: int = 0
    receipts: int = 0

    def hear(self, message: Message) -> None:
        leaf = message.topic.split("/", 3)[-1]
        if leaf == "readings":
            self._batch(message.payload)
        elif leaf == "readings/gz":
            self._batch(zlib.decompress(message.payload, wbits=31))
        elif leaf == "receipt":
            self._receipt(message.payload)

    def _batch(self, text: bytes) -> None:
        self.batches += 1
        header, _, rest = text.partition(b"\n")
        words = dict(word.split("=") for word in header.decode().split(" ")[2:])
        known = self._lines.setdefault(words["run"], {})
        sequence = int(words["first"])
        self.note(f"batch {words['run']} {words['first']} {words['last']}")
        for line in rest.split(b"\n"):
            if line and not line.startswith(b"#"):
                if known.setdefault(sequence, line) != line:
                    text_of = f"{words['run']}/{sequence}: {known[sequence]!r}, then {line!r}"
                    self.complain("one-meaning", text_of)
                sequence += 1

    def _receipt(self, payload: bytes) -> None:
        self.receipts += 1
        receipt = json.loads(payload)
        run, first, last = receipt["run"], receipt["first"], receipt["last"]
        self.note(f"receipt {run} {first} {last}")
        for sequence in range(first, last + 1):
            line = self._lines.get(run, {}).get(sequence)
            if line is None:
                self.complain("receipt-after-store", f"receipt for {run}/{sequence}, which was never sent")
            elif not self._is_stored(split_line(line)[0]):
                self.complain("receipt-after-store", f"receipt for {run}/{sequence}, which is not in the store")

    def _is_stored(self, key: Key) -> bool:
        if key in self.store.rows:
            return True
        device = key[0].partition(",device=")[2]
        refused = "kvarter_event,site=house,kind=gap,cause=refused" + (f",device={device}" if device else "")
        if key[1] > self.true.utc_ms() + _AHEAD_MS:
            # The collector refuses it, and its gap has a time of its own.
            return any(name == refused for name, _ in self.store.rows)
        return key in self.store.refused and (refused, key[1]) in self.store.rows
