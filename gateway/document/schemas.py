"""A schema of ours as JSON Schema, for editors that check and complete a file while it is typed."""

import json
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema


class _Generator(GenerateJsonSchema):
    """Leaves out titles that only repeat the key."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - the library's signature
        return False


def json_schema(schema: Any, *, title: str) -> str:  # noqa: ANN401 - a model, or a union of models
    """Return JSON Schema text, the same for the same schema.

    Args:
        schema: A pydantic model, or any type that pydantic reads.
        title: What the file is.
    """
    tree = TypeAdapter(schema).json_schema(schema_generator=_Generator)
    named = {"$schema": "https://json-schema.org/draft/2020-12/schema", **tree, "title": title}
    return json.dumps(named, indent=2, ensure_ascii=False) + "\n"
