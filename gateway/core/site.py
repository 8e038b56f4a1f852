"""Schema of the site file: what one installer writes for one building."""

from functools import cache
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from gateway.core.alerting import AlertSettings
from gateway.core.scalars import BrokerUrl, Credential, Endpoint, Identifier, Interval, ProfileId, Ratio, Text
from gateway.core.strict import Strict

Role = Literal["grid", "sub", "pv", "battery", "heat_pump", "charger", "heat", "dhw", "source", "climate", "weather"]


@cache
def _zones() -> frozenset[str]:
    """Return the names of all time zones, which are read from many files."""
    return frozenset(available_timezones())


class BrokerSettings(Strict):
    """How to reach the MQTT broker."""

    url: BrokerUrl
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    username: Text | None = None
    password: Credential | None = None
    authority: Credential | None = None
    """CA certificate, where the system's own are not enough."""
    client_certificate: Credential | None = None
    client_key: Credential | None = None

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("client_certificate and client_key go together")
        if self.password is not None and self.username is None:
            raise ValueError("password needs username")
        return self


class LinkSettings(Strict):
    """One serial port or socket; exactly one of `serial`, `tcp` and `udp` says which."""

    id: Identifier
    serial: Text | None = None
    """Device path, best under /dev/serial/by-id."""
    tcp: Endpoint | None = None
    udp: Endpoint | None = None
    framing: Literal["tcp", "rtu", "ascii"] | None = None
    """Modbus framing; rtu on a serial port and tcp on a socket if left out."""
    baudrate: Annotated[int, Field(ge=300, le=4_000_000)] | None = None
    parity: Literal["none", "even", "odd"] | None = None
    stop_bits: Literal[1, 2] | None = None
    data_bits: Literal[7, 8] = 8

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        ways = [name for name in ("serial", "tcp", "udp") if getattr(self, name) is not None]
        if len(ways) != 1:
            raise ValueError(f"a link has exactly one of serial, tcp and udp; {len(ways)} given")
        if self.serial is None and (self.baudrate or self.parity or self.stop_bits):
            raise ValueError("baudrate, parity and stop_bits belong to a serial link")
        if self.serial is not None and self.framing == "tcp":
            raise ValueError("framing tcp needs a socket; a serial link speaks rtu or ascii")
        return self

    @property
    def modbus_framing(self) -> Literal["tcp", "rtu", "ascii"]:
        """The framing in force."""
        return self.framing or ("rtu" if self.serial is not None else "tcp")

    @property
    def port(self) -> str:
        """What it is attached to, as a person names it: the device path, or HOST:PORT."""
        return self.serial or self.tcp or self.udp or ""


class DeviceSettings(Strict):
    """One device of the building."""

    id: Identifier
    profile: ProfileId
    link: Identifier
    unit_id: Annotated[int, Field(ge=0, le=255)] | None = None
    """The profile's default if left out."""
    meter_address: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,32}$")] | None = None
    """M-Bus secondary address (8 digits, F for any; maker, version and medium may follow), or IEC 62056-21 address."""
    key: Credential | None = None
    """What opens the telegrams of a meter that encrypts them: a file with hexadecimal digits."""
    instance: Annotated[int, Field(ge=1)] | None = None
    """Which connector or channel of a device that has several."""
    role: Role | None = None
    label: str = ""
    interval: Interval | None = None
    """The profile's own if left out."""
    intervals: dict[str, Interval] = Field(default_factory=dict)
    """Point → its own interval."""
    points: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Only these points; all of the profile if left out."""
    ct_ratio: Ratio | None = None
    vt_ratio: Ratio | None = None
    pulse_weight: Annotated[float, Field(gt=0)] | None = None
    """Units of the point per pulse."""
    invert: bool = False
    """The current transformers look the wrong way: power changes its sign, import and export change places."""
    serial_number: Text | None = None
    """What the device must say it is; any other is an event, and its values are not joined."""


class SpoolSettings(Strict):
    """Size of the durable log."""

    size_mib: Annotated[int, Field(ge=8, le=65536)] = 1536


class SiteStore(Strict):
    """The embedded store of `kvarter run`."""

    path: Text | None = None
    """Folder; `store` under the data folder if left out."""
    raw_retention: Interval = 400 * 86400.0
    """Readouts older than this are removed; intervals are kept."""


class WebSettings(Strict):
    """The page."""

    listen: Endpoint | Literal["off"] = "0.0.0.0:8080"
    """HOST:PORT. Until a password is set, it is reached from this machine only, whatever stands here; off: no page."""
    names: tuple[Text, ...] = ()
    """Names under which browsers reach it, beside those that the machine knows itself."""


class Site(Strict):
    """A site file. One site is one gateway."""

    site: Identifier
    name: str = ""
    timezone: str = "UTC"
    """IANA name, for local days in reports."""
    area_m2: Annotated[float, Field(gt=0)] | None = None
    """Heated floor area, for figures per square metre."""
    data: Text | None = None
    """Folder of spool and learnt holes; the service's state directory if left out."""
    profiles: tuple[Text, ...] = ()
    """Folders searched before the bundled profiles."""
    clock: Literal["service", "trusted"] = "service"
    """service: a time service vouches for the clock. trusted: the host's clock is right as it is."""
    delivery: Literal["receipt", "acknowledgement"] = "receipt"
    """What frees the spool; acknowledgement only for a consumer that is not ours."""
    broker: BrokerSettings | None = None
    links: tuple[LinkSettings, ...]
    devices: tuple[DeviceSettings, ...]
    spool: SpoolSettings = SpoolSettings()
    store: SiteStore = SiteStore()
    web: WebSettings | None = None
    """The page; `kvarter run` has one if left out, `kvarter edge` has none."""
    alerts: AlertSettings | None = None
    """Who is told when something is wrong; `kvarter run` sends it, behind a collector the collector does."""
    home_assistant: bool = False
    """Let Home Assistant discover the devices on the broker."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in _zones():
            raise ValueError(f"{name!r} is not an IANA time zone, for example Europe/Copenhagen")
        return name
