"""Inputs that are kept: those that reached something new, and those that once broke something."""

from collections.abc import Sequence
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


def kept(codec: str) -> Sequence[Path]:
    """Return the kept inputs of a codec."""
    return sorted((CORPUS / codec).glob("*"))
