"""The ways of readouts out of a gateway: each destination has a spool and a relay of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.app.access import mqtt_access
from gateway.app.configuration import Configuration
from gateway.broker.mqtt import MqttBroker
from gateway.core.protocols import BrokerClient
from gateway.document.validation import fault
from gateway.relay.relay import Relay
from gateway.relay.settings import RelaySettings
from gateway.spool.spool import DurableSpool


@dataclass(frozen=True, slots=True)
class Destination:
    """Where readouts go: a broker, and how what it takes is confirmed."""

    name: str
    broker: BrokerClient
    settings: RelaySettings


@dataclass(frozen=True, slots=True)
class Lane:
    """One destination with what leads to it."""

    destination: Destination
    spool: DurableSpool
    relay: Relay


def mqtt_destination(configuration: Configuration, environment: Mapping[str, str]) -> Destination:
    """Return the broker of the site file.

    Raises:
        ConfigError: there is none, or a credential cannot be read.
    """
    site = configuration.site
    if site.broker is None:
        problem = "is missing: `kvarter edge` sends over MQTT; without a broker use `kvarter run`"
        raise fault(configuration.document, ("broker",), problem)
    access = mqtt_access(site.broker, client_id=f"kvarter-{site.site}", environment=environment)
    return Destination("mqtt", MqttBroker(site.broker, access), RelaySettings(delivery=site.delivery))
