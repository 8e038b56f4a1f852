"""`kvarter web`: sets the passwords of the page, and tells how a browser reaches it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.app.folders import data_folder
from gateway.app.page_address import Plan, plan_page, prepare_certificate
from gateway.core.collection import Collection
from gateway.core.errors import ConfigError
from gateway.core.site import Site, WebSettings
from gateway.document.tree import load_document
from gateway.document.validation import validate
from gateway.web.certificate import fingerprint
from gateway.web.page import Role
from gateway.web.passwords import set_password


@dataclass(frozen=True, slots=True)
class PagePlace:
    """The page that a site or collector file describes."""

    settings: WebSettings
    data: Path


@dataclass(frozen=True, slots=True)
class Reach:
    """How a browser reaches the page."""

    urls: tuple[str, ...]
    fingerprint: str = ""
    """SHA-256 of the certificate; "" where the page is not encrypted."""
    waits_for_password: bool = False


def find_page(path: Path, environment: Mapping[str, str]) -> PagePlace:
    """Return the page of a site or collector file.

    Raises:
        ConfigError: the file is wrong, or its data folder cannot be used.
    """
    document = load_document(path)
    if isinstance(document.tree, Mapping) and "stores" in document.tree:
        collection = validate(document, Collection)
        if collection.web is None:
            raise ConfigError(f"{path}: web is missing: without it the collector has no page")
        return PagePlace(collection.web, data_folder(collection.data, "collector", environment))
    site = validate(document, Site)
    return PagePlace(site.web or WebSettings(), data_folder(site.data, site.site, environment))


def give_password(place: PagePlace, role: Role, password: str) -> None:
    """Set a password; a running service takes it within seconds, and everybody signs in anew.

    Raises:
        ConfigError: it cannot be used or written.
    """
    set_password(place.data, role, password)


def reach(place: PagePlace) -> Reach:
    """Return how a browser reaches the page.

    Raises:
        ConfigError: passwords or certificate cannot be used.
    """
    plan = plan_page(place.settings, place.data)
    if plan is None:
        return Reach(())
    prepare_certificate(plan, place.data)
    return Reach(_urls(plan), fingerprint(place.data) if plan.encrypted else "", plan.waits_for_password)


def _urls(plan: Plan) -> tuple[str, ...]:
    scheme = "https" if plan.encrypted else "http"
    return tuple(f"{scheme}://{name}:{plan.port}/" for name in plan.names)
