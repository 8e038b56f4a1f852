"""Every store there is, behind one fixture; the servers run once per module."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import pytest

from gateway.core.collection import (
    EmbeddedStoreSettings,
    Influx1StoreSettings,
    InfluxStoreSettings,
    StoreSettings,
    VictoriaStoreSettings,
)
from gateway.core.quantity import load_vocabulary
from gateway.stores.open import OpenStore, open_store
from tests.e2e.store_servers import StoreServer, flush, influxd, victoria_metrics

KINDS = ("embedded", "influx1", "victoria")


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers of one module."""

    influx: StoreServer
    victoria: StoreServer

    def settings(self, kind: str, folder: Path) -> StoreSettings:
        """Return what a collector file says of a store of that kind."""
        found: Mapping[str, Callable[[], StoreSettings]] = {
            "embedded": lambda: EmbeddedStoreSettings(kind="embedded", path=str(folder)),
            "influx1": lambda: Influx1StoreSettings(kind="influx1", url=self.influx.url, database="readings"),
            "influx": lambda: InfluxStoreSettings(kind="influx", url=self.victoria.url, bucket="readings"),
            "victoria": lambda: VictoriaStoreSettings(kind="victoria", url=self.victoria.url),
        }
        return found[kind]()

    def flush(self) -> None:
        """Make everything visible that was written."""
        flush(self.victoria)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Yield real servers on free loopback ports."""
    folder = tmp_path_factory.mktemp("servers")
    with ExitStack() as stack:
        influx = stack.enter_context(influxd(folder, "readings"))
        yield Servers(influx, stack.enter_context(victoria_metrics(folder)))


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Yield a store of each kind, reached as a collector reaches it."""
    settings = servers.settings(request.param, tmp_path)
    async with open_store(settings, secret=str, vocabulary=load_vocabulary()) as opened:
        yield opened


@pytest.fixture
def site(request: pytest.FixtureRequest) -> str:
    """Return a site that no other test writes."""
    return f"site-{crc32(request.node.nodeid.encode()):08x}"
