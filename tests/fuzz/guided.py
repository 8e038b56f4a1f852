"""The coverage-guided runner: `python -m tests.fuzz.guided CODEC CORPUS -runs=N`, one process per codec.

A crash is written where it can be replayed; what reached new branches is written to the corpus folder.
"""

import sys
from importlib import import_module
from random import Random

import atheris

from tests.fuzz.codec import MOST_BYTES

_PRODUCT = ("drivers", "gateway")


def main() -> None:
    """Fuzz one codec until its runs are done."""
    name, *arguments = sys.argv[1:]
    with atheris.instrument_imports(include=list(_PRODUCT)):
        codec = import_module("tests.fuzz.targets").codecs()[name]
    words = codec.words

    def mutate(entry: bytes, most: int, seed: int) -> bytes:
        """Spoil the content as libFuzzer does, now and then with a word of the protocol; the way in stays."""
        random = Random(seed)  # noqa: S311 - the engine's own seed
        spoilt = bytearray(atheris.Mutate(entry, min(most, MOST_BYTES)))
        if random.random() < 0.3 and spoilt:
            place = random.randrange(len(spoilt))
            spoilt[place:place] = random.choice(words)
        if entry and spoilt and random.random() < 0.9:
            spoilt[0] = entry[0]
        return bytes(spoilt[:most])

    atheris.Setup([sys.argv[0], *arguments, f"-max_len={MOST_BYTES}"], codec.decode, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
