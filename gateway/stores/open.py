"""Opens the store that a collector or site file names."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from gateway.core.collection import (
    EmbeddedStoreSettings,
    Influx1StoreSettings,
    InfluxStoreSettings,
    StoreSettings,
    VictoriaStoreSettings,
)
from gateway.core.protocols import History, Query, Refusal, Row, Store
from gateway.core.quantity import Vocabulary
from gateway.stores.embedded import open_embedded
from gateway.wire.catalogue import Catalogue

RemoteSettings = InfluxStoreSettings | Influx1StoreSettings | VictoriaStoreSettings
Secret = Callable[[str], str]
"""Returns the secret behind a reference of the file."""


class OpenStore(Store, History, Protocol):
    """A store that can be written and read back."""

    async def describe(self, catalogue: Catalogue, *, since_ms: int) -> None:
        """Take note of what points mean in lines from that time on.

        Raises:
            SinkUnavailable: the store does not take it now.
        """


class _Remote:
    """A server that is written and read back by different endpoints."""

    def __init__(self, store: Store, history: History) -> None:
        self._store = store
        self._history = history

    async def write(self, lines: Sequence[bytes]) -> Sequence[Refusal]:
        return await self._store.write(lines)

    async def read(self, query: Query) -> Sequence[Row]:
        return await self._history.read(query)

    async def describe(self, catalogue: Catalogue, *, since_ms: int) -> None:
        """Keep nothing: a server stores what lines say and computes nothing of it."""


def open_store(
    settings: StoreSettings, *, secret: Secret, vocabulary: Vocabulary
) -> AbstractAsyncContextManager[OpenStore]:
    """Return the store, to be entered; leaving closes it. A server need not be there yet.

    Raises:
        ConfigError: a secret cannot be had.
    """
    if isinstance(settings, EmbeddedStoreSettings):
        return open_embedded(Path(settings.path), raw_retention_s=settings.raw_retention, vocabulary=vocabulary)
    return _open_remote(settings, authorization=_authorization(settings, secret), vocabulary=vocabulary)


def _authorization(settings: RemoteSettings, secret: Secret) -> str:
    if isinstance(settings, Influx1StoreSettings):
        if settings.username is None:
            return ""
        password = "" if settings.password is None else secret(settings.password)
        return "Basic " + b64encode(f"{settings.username}:{password}".encode()).decode()
    if settings.token is None:
        return ""
    scheme = "Token" if isinstance(settings, InfluxStoreSettings) else "Bearer"
    return f"{scheme} {secret(settings.token)}"


@asynccontextmanager
async def _open_remote(
    settings: RemoteSettings, *, authorization: str, vocabulary: Vocabulary
) -> AsyncIterator[OpenStore]:
    # The client library takes a second and 30 MB to load, which a gateway with the embedded store need not pay.
    from gateway.stores.influx import V1_WRITE, V2_WRITE, InfluxStore  # noqa: PLC0415
    from gateway.stores.influx_client import influx_client  # noqa: PLC0415
    from gateway.stores.influxql import InfluxqlHistory  # noqa: PLC0415
    from gateway.stores.victoria import VictoriaHistory  # noqa: PLC0415

    async with (
        influx_client(settings.url, authorization=authorization) as writer,
        # A long query must not hold up a batch, so that reading has a thread of its own.
        influx_client(settings.url, authorization=authorization) as reader,
    ):
        if isinstance(settings, InfluxStoreSettings):
            where = {"org": settings.organisation, "bucket": settings.bucket}
            history: History = InfluxqlHistory(reader, settings.bucket, vocabulary=vocabulary)
            yield _Remote(InfluxStore(writer, V2_WRITE, query=where), history)
        elif isinstance(settings, Influx1StoreSettings):
            history = InfluxqlHistory(reader, settings.database, vocabulary=vocabulary)
            yield _Remote(InfluxStore(writer, V1_WRITE, query={"db": settings.database}), history)
        else:
            history = VictoriaHistory(reader, vocabulary=vocabulary)
            yield _Remote(InfluxStore(writer, V2_WRITE, query={}), history)
