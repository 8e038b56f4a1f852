"""Write config/*.schema.json anew from the code: `make schemas`."""

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field

from drivers.profile import ModbusProfile, SunspecProfile
from drivers.profile_records import KmpProfile, MbusProfile, ObisProfile
from gateway.core.collection import Collection
from gateway.core.quantity import load_vocabulary
from gateway.core.site import Site
from gateway.document.schemas import json_schema

CONFIG = Path(__file__).parents[2] / "config"
AnyProfile = Annotated[
    ModbusProfile | SunspecProfile | MbusProfile | KmpProfile | ObisProfile, Field(discriminator="protocol")
]


def schemas() -> dict[Path, str]:
    """Return the text of each generated file."""
    return {
        CONFIG / "site.schema.json": json_schema(Site, title="Site file of Kvarter"),
        CONFIG / "collector.schema.json": json_schema(Collection, title="Collector file of Kvarter"),
        CONFIG / "profile.schema.json": with_points(json_schema(AnyProfile, title="Device profile of Kvarter")),
    }


def with_points(text: str) -> str:
    """Return the schema with the names of the vocabulary, which an editor then offers."""
    tree = json.loads(text)
    for definition in tree["$defs"].values():
        if "point" in definition.get("properties", {}):
            definition["properties"]["point"]["enum"] = list(load_vocabulary())
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path, text in schemas().items():
        path.write_text(text, encoding="utf-8")
