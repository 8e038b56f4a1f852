"""The catalogues of all sites: every version kept as a file named by its content, to check lines against."""

import asyncio
from collections import OrderedDict
from pathlib import Path

from gateway.collector.checks import Inventory, take_inventory
from gateway.core.errors import SpoolError, WireError
from gateway.core.quantity import Vocabulary
from gateway.wire.catalogue import Catalogue, catalogue_id, decode_catalogue

_MOST_VERSIONS = 500
"""Of one site; more is not a site that changes but a fault or an attack."""


class Catalogues:
    """Keeps what arrives and finds it again, also after a restart.

    Args:
        folder: One folder per site is made in it.
        vocabulary: Says the types of the points.
        remembered: Inventories held in memory.
    """

    def __init__(self, folder: Path, vocabulary: Vocabulary, *, remembered: int = 4096) -> None:
        self._folder = folder
        self._vocabulary = vocabulary
        self._remembered = remembered
        self._inventories: OrderedDict[tuple[str, str], Inventory] = OrderedDict()
        self._stated: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def keep(self, site: str, message: bytes) -> bool:
        """Keep a catalogue that came on a site's topic; return whether it was unknown in memory.

        Raises:
            WireError: the message is not a catalogue of this site, or the site has too many.
            SpoolError: it is known now, but the disk refused the file.
        """
        key = (site, catalogue_id(message))
        if key in self._inventories:
            return False
        self._remember(key, await asyncio.to_thread(self._inventory, site, message))
        try:
            await asyncio.to_thread(self._write, self._path(*key), message)
        except OSError as exc:
            raise SpoolError(f"{site}: catalogue cannot be written to {self._folder}: {exc.strerror or exc}") from exc
        return True

    async def find(self, site: str, catalogue: str) -> Inventory | None:
        """Return the inventory of a catalogue, None where it never came."""
        key = (site, catalogue)
        known = self._inventories.get(key)
        if known is not None:
            self._inventories.move_to_end(key)
            return known
        loaded = await asyncio.to_thread(self._load, site, catalogue)
        if loaded is not None:
            self._remember(key, loaded)
        return loaded

    async def statement(self, site: str, catalogue: str, since_ms: int) -> Catalogue | None:
        """Return the catalogue if stores are to be told that it holds from this time on, None if they know.

        A batch of backlog may show that a catalogue holds from an earlier time than was told before.
        """
        key = (site, catalogue)
        if self._stated.get(key, since_ms + 1) <= since_ms:
            return None
        self._stated[key] = since_ms
        self._stated.move_to_end(key)
        if len(self._stated) > self._remembered:
            self._stated.popitem(last=False)
        return await asyncio.to_thread(self._read, site, catalogue)

    def forget_statements(self, site: str) -> None:
        """Have stores told again: some store did not take a batch of this site."""
        for key in [key for key in self._stated if key[0] == site]:
            del self._stated[key]

    def _inventory(self, site: str, message: bytes) -> Inventory:
        catalogue = decode_catalogue(message)
        if catalogue.site != site:
            raise WireError(f"a catalogue of site {catalogue.site}")
        return take_inventory(catalogue, self._vocabulary)

    def _remember(self, key: tuple[str, str], inventory: Inventory) -> None:
        self._inventories[key] = inventory
        if len(self._inventories) > self._remembered:
            self._inventories.popitem(last=False)

    def _path(self, site: str, catalogue: str) -> Path:
        return self._folder / site / f"{catalogue}.json"

    def _write(self, path: Path, message: bytes) -> None:
        if path.exists() and path.read_bytes() == message:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if sum(1 for _ in path.parent.iterdir()) >= _MOST_VERSIONS:
            raise WireError(f"more than {_MOST_VERSIONS} catalogues; {path.name} is not kept")
        draft = path.with_suffix(".draft")
        draft.write_bytes(message)
        draft.replace(path)

    def _load(self, site: str, catalogue: str) -> Inventory | None:
        kept = self._read(site, catalogue)
        return None if kept is None else take_inventory(kept, self._vocabulary)

    def _read(self, site: str, catalogue: str) -> Catalogue | None:
        """Return what a file holds; a damaged file counts as none, and is replaced when the catalogue comes."""
        try:
            message = self._path(site, catalogue).read_bytes()
            return decode_catalogue(message) if catalogue_id(message) == catalogue else None
        except (OSError, WireError):
            return None
