"""One word said to a running service on its local socket, and what it answers."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from gateway.app.configuration import load_configuration
from gateway.app.local_words import Answer, Said, socket_path, sockets
from gateway.app.status_remote import is_collector
from gateway.core.errors import ConfigError, LinkDown
from gateway.core.quantity import load_vocabulary

_LONGEST_BYTES = 16 * 1024 * 1024
_CONNECT_S = 2.0
_RELOAD_S = 30.0
"""Polls in hand end first, and a slow machine reads many profiles."""


async def ask_service(
    path: Path, word: Literal["status", "reload", "replay"], *, since_ms: int = 0, to: str = ""
) -> Mapping[str, object]:
    """Return what a service answers.

    Args:
        path: Its socket.
        word: What it is to do.
        since_ms: For `replay`: UTC.
        to: For `replay`: the name of a destination; all where left out.

    Raises:
        LinkDown: no service listens there, or it does not answer.
        ConfigError: it refuses, and says why.
    """
    try:
        async with asyncio.timeout(_CONNECT_S):
            reader, writer = await asyncio.open_unix_connection(str(path), limit=_LONGEST_BYTES)
    except OSError as exc:
        raise LinkDown(
            f"{path}: no service listens there ({str(exc.strerror or exc).lower()}); is it running?"
        ) from exc
    try:
        writer.write(Said(do=word, since_ms=since_ms, to=to).model_dump_json(exclude_defaults=True).encode() + b"\n")
        async with asyncio.timeout(_RELOAD_S):
            answer = Answer.model_validate_json(await reader.readline())
    except (OSError, ValueError) as exc:
        raise LinkDown(f"{path}: the service does not answer; look at its log") from exc
    finally:
        writer.close()
    if answer.facts is None:
        raise ConfigError(answer.text or f"{path}: the service does not know the word {word}: it is of another version")
    return answer.facts


def find_socket(site: Path | None, socket: Path | None, environment: Mapping[str, str]) -> Path:
    """Return the socket of the service that is meant.

    Args:
        site: Site file of the service.
        socket: Its socket.
        environment: Where the service manager names its folders.

    Raises:
        ConfigError: the site file is wrong, or several services could be meant.
        LinkDown: no service runs here.
    """
    if socket is not None:
        return socket
    found = sockets(environment)
    if site is not None and is_collector(site):
        raise ConfigError(
            f"{site}: is a collector's, which obeys its file at its start only: restart it, or name a site"
        )
    if site is not None:
        name = load_configuration(site, load_vocabulary()).site.site
        expected = socket_path(name, environment)
        return next((path for path in found if path.name == expected.name), expected)
    if not found:
        raise LinkDown("no service runs here: start it with `kvarter run SITE`, or name its socket with --socket")
    if len(found) > 1:
        names = ", ".join(path.stem for path in found)
        raise ConfigError(f"several services run here ({names}): say which with --site FILE or --socket PATH")
    return found[0]
