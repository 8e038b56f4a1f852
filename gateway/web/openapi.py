"""The description of the API, made from its routes and the types that they send. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from gateway.web.page import Route

PREFIX = "/api/v1/"
_REFERENCE = "#/components/schemas/{model}"
_REFUSAL: Mapping[str, Any] = {
    "type": "object",
    "properties": {"error": {"type": "integer"}, "detail": {"type": "string"}},
    "required": ["error"],
}


def describe(routes: Iterable[Route], *, version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of every route of the API that has a summary."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Refusal": _REFUSAL}
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
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "kvarter_session"},
                "password": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{}, {"session": []}, {"password": []}],
    }


def _operation(route: Route, place: str, schemas: dict[str, Any]) -> dict[str, Any]:
    named = re.findall(r"\{(\w+)\}", place)
    parameters = [_parameter(name, "path") for name in named]
    parameters += [_parameter(name, "query", required=True) for name in route.needs]
    parameters += [_parameter(name, "query", required=False) for name in route.asks]
    unsafe = route.method != "GET"
    if unsafe:
        parameters.append(_parameter("X-CSRF-Token", "header"))
    words = [word for word in re.split(r"[^a-z0-9]+", place.removeprefix(PREFIX).lower()) if word]
    found: dict[str, Any] = {
        "operationId": "_".join([route.method.lower(), *words]),
        "summary": route.summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "As asked for", **_content(route.gives, schemas, "serialization", route.media)},
            **{str(status): _refusal(words) for status, words in _refusals(route, unsafe=unsafe).items()},
        },
    }
    if route.takes is not None:
        found["requestBody"] = {"required": True, **_content(route.takes, schemas, "validation")}
    return found


def _refusals(route: Route, *, unsafe: bool) -> Mapping[int, str]:
    """Return what may be answered instead, status by status."""
    found = {
        401: "Sign in first",
        404: "There is no such thing",
        429: "Asked too often",
        503: "The store does not answer",
    }
    if route.asks or route.needs or route.takes is not None:
        found[400] = "The question is wrong; detail says why"
    if unsafe or route.role == "manager":
        found[403] = "This needs a manager, and the token of the page"
    return dict(sorted(found.items()))


def _refusal(words: str) -> dict[str, Any]:
    schema = {"$ref": _REFERENCE.format(model="Refusal")}
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _parameter(name: str, place: str, *, required: bool = True) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": {"type": "string"}}


def _content(
    kind: Any,  # noqa: ANN401 - any type has a schema
    schemas: dict[str, Any],
    mode: Any,  # noqa: ANN401
    media: str = "application/json",
) -> Mapping[str, Any]:
    if kind is None:
        return {}
    schema = TypeAdapter[Any](kind).json_schema(ref_template=_REFERENCE, mode=mode)
    schemas.update(schema.pop("$defs", {}))
    title = schema.get("title")
    if title and schema.get("type") == "object":
        schemas[title] = schema
        schema = {"$ref": _REFERENCE.format(model=title)}
    return {"content": {media: {"schema": schema}}}
