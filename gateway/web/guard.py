"""What is looked at before a request reaches a page. Pure: facts about the request in, a verdict out."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from hmac import compare_digest
from ipaddress import ip_address
from urllib.parse import urlsplit

SAFE_METHODS = frozenset({"GET", "HEAD"})
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With no-referrer a browser says Origin: null with every form, and none would be taken.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # The library would name itself, Python and both versions.
    "Server": "Kvarter",
}
"""Of every answer."""


def host_name(host: str) -> str:
    """Return the name in a Host header, without port and brackets, in lower case; "" where it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_our_host(host: str, *, names: AbstractSet[str], own_address: str) -> bool:
    """Return whether a Host header names this machine.

    A page elsewhere can point a name of its own to our address, but it cannot make the browser send another name.

    Args:
        host: The header.
        names: Names of this machine, in lower case.
        own_address: At which the connection arrived.
    """
    name = host_name(host)
    if not name:
        return False
    if name in names:
        return True
    try:
        return ip_address(name) == ip_address(own_address)
    except ValueError:
        return False


def is_our_origin(origin: str | None, *, host: str, secure: bool) -> bool:
    """Return whether a request comes from one of our own pages, or from no page at all."""
    if origin is None:
        return True
    return origin.lower() == f"{'https' if secure else 'http'}://{host.lower()}"


def is_token_right(given: str | None, expected: str) -> bool:
    """Return whether the token that was sent back is the one that was given out."""
    return given is not None and compare_digest(given.encode(), expected.encode())


def is_loopback(host: str) -> bool:
    """Return whether nobody but this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def local_path(target: str | None) -> str:
    """Return where to go after signing in: a path of this page, else its front."""
    path = target or "/"
    if not path.startswith("/") or path.startswith("//") or "\\" in path or any(ord(letter) < 32 for letter in path):  # noqa: PLR2004 - control characters
        return "/"
    return path
