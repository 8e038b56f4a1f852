"""Where files live: the service manager's folders, or the user's own outside of a service."""

import os
from collections.abc import Mapping
from pathlib import Path

from gateway.core.errors import ConfigError

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the one place that survives a killed process and not a power cut


def data_folder(configured: str | None, name: str, environment: Mapping[str, str]) -> Path:
    """Return the folder for what must survive, made when it does not exist.

    Args:
        configured: From the configuration file.
        name: Site id or role, for a folder of its own.
        environment: Where the service manager names its folders.

    Raises:
        ConfigError: it cannot be made or written to.
    """
    if configured is not None:
        folder = Path(configured)
    elif state := environment.get("STATE_DIRECTORY"):
        folder = Path(state.split(":")[0])
    else:
        home = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        folder = Path(home) / "kvarter" / name
    return _writable(folder)


def memory_folder(name: str, data: Path, environment: Mapping[str, str]) -> Path | None:
    """Return a RAM-backed folder that survives this process, None when there is none.

    Args:
        name: Site id.
        data: The data folder: two gateways of one name on one machine must not share memory.
        environment: Where the service manager names its folders.
    """
    if runtime := environment.get("RUNTIME_DIRECTORY"):
        folder = Path(runtime.split(":")[0]) / f"spool-{name}"
    else:
        folder = SHARED_MEMORY / f"kvarter-{os.getuid()}" / _flat(data.resolve())
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def credential(reference: str, environment: Mapping[str, str]) -> Path:
    """Return the file behind `credential:NAME` or an absolute path.

    Raises:
        ConfigError: it does not exist, or others may read it.
    """
    if not reference.startswith("credential:"):
        path = Path(reference)
    elif folder := environment.get("CREDENTIALS_DIRECTORY"):
        path = Path(folder) / reference.removeprefix("credential:")
    else:
        raise ConfigError(
            f"{reference}: no credentials were handed over; start it as a service with LoadCredential=, "
            "or write the absolute path of the file"
        )
    try:
        mode = path.stat().st_mode
    except OSError as exc:
        raise ConfigError(f"{reference}: {path} cannot be read: {exc.strerror}") from exc
    if mode & 0o077 and reference.startswith("/") and path.suffix in {".key", ".token", ".password"}:
        raise ConfigError(f"{path}: others may read this secret; run chmod 600 on it")
    return path


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigError(f"{folder}: cannot be made: {exc.strerror}; set `data:` to a folder you may write") from exc
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"{folder}: may not be written; set `data:` to a folder you may write")
    return folder


def _flat(path: Path) -> str:
    return str(path).strip("/").replace("/", "-")
