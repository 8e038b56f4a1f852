"""A receiver for links that carry no protocol, and what to ask with it."""

from dataclasses import dataclass, field

from drivers.link import Link, Turn


@dataclass
class Whole:
    """A receiver for which an answer is whole at a number of bytes."""

    size: int = 4
    heard: bytes = b""
    strays: list[bytes] = field(default_factory=list)
    requests: int = 0

    def sent(self) -> None:
        self.requests += 1
        self.heard = b""

    def feed(self, chunk: bytes) -> bytes | None:
        self.heard += chunk
        return self.heard if len(self.heard) >= self.size else None

    def stray(self, chunk: bytes) -> None:
        self.strays.append(chunk)


async def exchange(link: Link, receiver: Whole | None = None, **times: float) -> bytes | None:
    """Return the answer to a request of 8 bytes, which has 4 unless the receiver says otherwise."""
    answer: bytes | None = await link.exchange(Turn(b"question", 4, 1.0, **times), receiver or Whole())
    return answer
