"""Write config/*.schema.json anew from the code: `make schemas`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from drivers.profile import ModbusProfile, SunspecProfile
from gateway.core.collection import Collection
from gateway.core.site import Site
from gateway.document.schemas import json_schema

CONFIG = Path(__file__).parents[2] / "config"
AnyProfile = Annotated[ModbusProfile | SunspecProfile, Field(discriminator="protocol")]


def schemas() -> dict[Path, str]:
    """Return the text of each generated file."""
    return {
        CONFIG / "site.schema.json": json_schema(Site, title="Site file of Kvarter"),
        CONFIG / "collector.schema.json": json_schema(Collection, title="Collector file of Kvarter"),
        CONFIG / "profile.schema.json": json_schema(AnyProfile, title="Device profile of Kvarter"),
    }


if __name__ == "__main__":
    for path, text in schemas().items():
        path.write_text(text, encoding="utf-8")
