"""The secrets that a file refers to, read from where the service manager or the installer put them."""

from collections.abc import Mapping
from pathlib import Path

from gateway.app.folders import credential
from gateway.broker.access import MqttAccess
from gateway.core.errors import ConfigError
from gateway.core.site import BrokerSettings


def secret(reference: str, environment: Mapping[str, str]) -> str:
    """Return the text behind a reference, without the line feed at its end.

    Raises:
        ConfigError: it cannot be read.
    """
    path = credential(reference, environment)
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{reference}: {path} cannot be read: {exc}") from exc


def mqtt_access(settings: BrokerSettings, *, client_id: str, environment: Mapping[str, str]) -> MqttAccess:
    """Return who we are to a broker.

    Raises:
        ConfigError: a credential cannot be read.
    """

    def file(reference: str | None) -> Path | None:
        return None if reference is None else credential(reference, environment)

    return MqttAccess(
        client_id=client_id,
        password=None if settings.password is None else secret(settings.password, environment),
        authority=file(settings.authority),
        client_certificate=file(settings.client_certificate),
        client_key=file(settings.client_key),
    )
