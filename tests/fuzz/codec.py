"""What is fuzzed: a decoder, ways into it that put right checksums around any content, and good contents to begin with.

An input is one byte that chooses the way in, and the content. Mutations spoil the content; the way in makes it whole,
so that the parser behind the checksum is reached.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

MOST_BYTES = 4096
"""Of one input."""
Run = Callable[[bytes], None]
Wrap = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Way:
    """One way into a decoder."""

    wrap: Wrap
    """Content → what arrives."""
    seeds: tuple[bytes, ...]
    is_dear: bool = False
    """One input costs as much as several of the other ways: its seeds are spoilt more rarely."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One decoder with everything it needs to be fuzzed."""

    name: str
    run: Run
    """Decodes what arrived; raises where a promise is broken."""
    ways: tuple[Way, ...]
    words: tuple[bytes, ...]
    """Pieces that mean something to the decoder."""
    modules: tuple[str, ...]
    """Files whose branches count."""
    hostile: tuple[bytes, ...] = ()
    """Whole messages that claim more than they hold."""

    def decode(self, entry: bytes) -> None:
        """Run one input."""
        self.run(self.arriving(entry))

    def arriving(self, entry: bytes) -> bytes:
        """Return what arrives for an input; the last way in takes bytes as they are."""
        choice = entry[0] % (len(self.ways) + 1) if entry else len(self.ways)
        content = entry[1:MOST_BYTES]
        return self.ways[choice].wrap(content) if choice < len(self.ways) else content

    def seeds(self) -> Sequence[bytes]:
        """Return good inputs, each also as its bytes arrive."""
        return [*self._seeds(dear=False), *self._seeds(dear=True)]

    def dear_seeds(self) -> Sequence[bytes]:
        """Return those of the ways whose inputs cost most."""
        return list(self._seeds(dear=True))

    def _seeds(self, *, dear: bool) -> Iterator[bytes]:
        for choice, way in enumerate(self.ways):
            for seed in way.seeds if way.is_dear is dear else ():
                yield bytes((choice,)) + seed
                yield bytes((len(self.ways),)) + way.wrap(seed)


def same(content: bytes) -> bytes:
    """Return the content: for decoders whose bytes carry no checksum."""
    return content
