"""The coverage-guided runner: `python -m tests.fuzz.guided CODEC CORPUS -runs=N`, one process per codec.

A crash is written where it can be replayed; what reached new branches is written to the corpus folder. Now and then
a line says how many inputs were decoded.
"""

import sys
from importlib import import_module
from random import Random

import atheris

from tests.fuzz.codec import MOST_BYTES

_PRODUCT = ("drivers", "gateway")
_STEP = 2_000
"""Inputs from one line that says how many there were to the next."""


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

    done = 0

    def decode(entry: bytes) -> None:
        nonlocal done
        done += 1
        if done % _STEP == 0:
            print(done, flush=True)  # noqa: T201 - the parent reads it
        codec.decode(entry)

    atheris.Setup([sys.argv[0], *arguments, f"-max_len={MOST_BYTES}"], decode, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
