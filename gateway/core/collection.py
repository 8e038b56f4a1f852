"""Schema of the collector file: which sites, from which broker, into which stores."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.core.alerting import AlertSettings
from gateway.core.scalars import Credential, Identifier, Interval, SitePattern, StoreUrl, Text
from gateway.core.site import BrokerSettings, WebSettings
from gateway.core.strict import Strict


class EmbeddedStoreSettings(Strict):
    """SQLite, one wide table per device."""

    kind: Literal["embedded"]
    path: Text
    """Folder."""
    raw_retention: Interval = 400 * 86400.0
    """Readouts older than this are removed; intervals are kept."""


class InfluxStoreSettings(Strict):
    """InfluxDB 2 and 3, or anything with its v2 write endpoint."""

    kind: Literal["influx"]
    url: StoreUrl
    organisation: str = ""
    bucket: Text
    token: Credential | None = None


class Influx1StoreSettings(Strict):
    """InfluxDB 1, written by its v1 endpoint and read by InfluxQL."""

    kind: Literal["influx1"]
    url: StoreUrl
    database: Text
    username: Text | None = None
    password: Credential | None = None


class VictoriaStoreSettings(Strict):
    """VictoriaMetrics, written by its InfluxDB v2 endpoint and read by its export API."""

    kind: Literal["victoria"]
    url: StoreUrl
    token: Credential | None = None


StoreSettings = Annotated[
    EmbeddedStoreSettings | InfluxStoreSettings | Influx1StoreSettings | VictoriaStoreSettings,
    Field(discriminator="kind"),
]


class Collection(Strict):
    """A collector file."""

    broker: BrokerSettings
    group: Identifier | None = None
    """Name of the shared subscription of several collectors; left out for a single one."""
    sites: Annotated[tuple[SitePattern, ...], Field(min_length=1)]
    """Patterns of site ids."""
    data: Text | None = None
    """Folder of catalogues and dead letters; the service's state directory if left out."""
    stores: Annotated[tuple[StoreSettings, ...], Field(min_length=1)]
    web: WebSettings | None = None
    """The page; none if left out."""
    alerts: AlertSettings | None = None
    """Who is told when something is wrong."""
