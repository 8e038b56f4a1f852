"""The example files are right, and the generated schemas are those of the code."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from drivers.catalog import Catalog
from gateway.core.collection import Collection
from gateway.core.quantity import load_vocabulary
from gateway.core.site import Site
from gateway.document.tree import load_document
from gateway.document.validation import load
from tests.config.generate import CONFIG, schemas

EXAMPLES: dict[str, type[BaseModel]] = {"site.yaml": Site, "building.yaml": Site, "collector.yaml": Collection}
SITES = [name for name, schema in EXAMPLES.items() if schema is Site]


def test_every_example_is_tested() -> None:
    """No example file escapes the tests below."""
    assert sorted(path.name for path in CONFIG.glob("*.yaml")) == sorted(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_follows_its_schema(name: str) -> None:
    """Each example is read without a fault."""
    assert isinstance(load(CONFIG / name, EXAMPLES[name]), EXAMPLES[name])


@pytest.mark.parametrize("name", SITES)
def test_example_site_hangs_together(name: str) -> None:
    """Each device of an example has a bundled profile, a link that exists and points that the profile has."""
    site = load(CONFIG / name, Site)
    catalog = Catalog(load_vocabulary())
    links = {link.id for link in site.links}
    assert len(links) == len(site.links)
    assert len({device.id for device in site.devices}) == len(site.devices)
    for device in site.devices:
        assert device.link in links
        points = {point.point for point in catalog.find(device.profile).profile.points}
        assert device.intervals.keys() <= points


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_explains_itself(name: str) -> None:
    """An example names the command it is for, and an editor finds its schema."""
    lines = (CONFIG / name).read_text(encoding="utf-8").splitlines()
    schema = lines[0].rpartition("$schema=")[2]
    assert (CONFIG / schema).is_file()
    command = {"site.yaml": "edge", "building.yaml": "run", "collector.yaml": "collect"}[name]
    assert any(line.startswith(f"#   kvarter {command} config/{name}") for line in lines)


def test_examples_show_every_key_of_a_site() -> None:
    """What can be written at the top of a site file can be found in one of the examples."""
    shown: set[object] = set()
    for name in SITES:
        tree = load_document(CONFIG / name).tree
        assert isinstance(tree, dict)
        shown |= tree.keys()
    assert set(Site.model_fields) == shown


@pytest.mark.parametrize("path", schemas(), ids=lambda path: path.name)
def test_generated_schema_is_not_stale(path: Path) -> None:
    """The committed schema is what the code gives now; `make schemas` writes it."""
    assert path.read_text(encoding="utf-8") == schemas()[path]


def mappings(part: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any part of a JSON Schema
    if isinstance(part, list):
        return [found for each in part for found in mappings(each)]
    if not isinstance(part, dict):
        return []
    return ([part] if "properties" in part else []) + [found for each in part.values() for found in mappings(each)]


@pytest.mark.parametrize("path", schemas(), ids=lambda path: path.name)
def test_generated_schema_refuses_unknown_keys(path: Path) -> None:
    """An editor marks an unknown key at once, as the program does."""
    tree = json.loads(path.read_text(encoding="utf-8"))
    assert tree["$schema"].startswith("https://json-schema.org/")
    assert tree["title"]
    assert mappings(tree)
    assert all(each["additionalProperties"] is False for each in mappings(tree))
