"""The description of the API, made from its routes and the types that they send. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from gateway.web.page import Route

PREFIX = "/api/v1/"
_REFERENCE = "#/components/schemas/{model}"


def describe(routes: Iterable[Route], *, version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of every route of the API that has a summary."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for route in routes:
        if route.path.startswith(PREFIX) and route.summary:
            place = re.sub(r"\{(\w+):[^{}]*\}", r"{\1}", route.path)
            paths.setdefault(place, {})[route.method.lower()] = _operation(route, place, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kvarter",
            "version": version,
            "summary": "What the page shows, for programs",
            "license": {"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": "kvarter_session"}},
        },
        "security": [{}, {"session": []}],
    }


def _operation(route: Route, place: str, schemas: dict[str, Any]) -> dict[str, Any]:
    named = re.findall(r"\{(\w+)\}", place)
    parameters = [_parameter(name, "path") for name in named] + [_parameter(name, "query") for name in route.asks]
    unsafe = route.method != "GET"
    if unsafe:
        parameters.append(_parameter("X-CSRF-Token", "header"))
    words = [word for word in re.split(r"[^a-z0-9]+", place.removeprefix(PREFIX).lower()) if word]
    found: dict[str, Any] = {
        "operationId": "_".join([route.method.lower(), *words]),
        "summary": route.summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "As asked for", **_content(route.gives, schemas, "serialization")},
            "401": {"description": "Sign in first"},
            "404": {"description": "There is no such thing"},
            "429": {"description": "Asked too often"},
        },
    }
    if route.takes is not None:
        found["requestBody"] = {"required": True, **_content(route.takes, schemas, "validation")}
    return found


def _parameter(name: str, place: str) -> dict[str, Any]:
    required = place != "query"
    return {"name": name, "in": place, "required": required, "schema": {"type": "string"}}


def _content(kind: Any, schemas: dict[str, Any], mode: Any) -> Mapping[str, Any]:  # noqa: ANN401 - any type has a schema
    if kind is None:
        return {}
    schema = TypeAdapter[Any](kind).json_schema(ref_template=_REFERENCE, mode=mode)
    schemas.update(schema.pop("$defs", {}))
    title = schema.get("title")
    if title and schema.get("type") == "object":
        schemas[title] = schema
        schema = {"$ref": _REFERENCE.format(model=title)}
    return {"content": {"application/json": {"schema": schema}}}
