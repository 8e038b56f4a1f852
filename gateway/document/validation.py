"""A document against its schema: errors that name file, line, key, what is wrong and the nearest valid word."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.core.errors import ConfigError
from gateway.document.tree import Document, Place, Tree, load_document
from gateway.document.wording import listed, nearest, not_one_of, problem, shown, unknown_key

__all__ = ["fault", "load", "nearest", "validate"]

MAX_FAULTS = 20
"""More than a person mends before trying again."""

Schema = TypeVar("Schema", bound=BaseModel)


def load(path: Path, schema: type[Schema]) -> Schema:
    """Return the file's content as its schema.

    Raises:
        ConfigError: the file cannot be read or does not follow the schema; every fault is named.
    """
    return validate(load_document(path), schema)


def validate(document: Document, schema: type[Schema]) -> Schema:
    """Return the document's content as its schema.

    Raises:
        ConfigError: it does not follow the schema; every fault is named, one per line.
    """
    try:
        model = schema.model_validate(document.tree, strict=False)
    except ValidationError as exc:
        findings = exc.errors(include_url=False, include_context=True)
        raise _error(document, list(_faults(document, schema, findings))) from exc
    switches = _switches(document.tree, model.model_dump(by_alias=True), ())
    if faults := [(place, f"a number is needed here, not {shown(value)}") for place, value in switches]:
        raise _error(document, faults)
    return model


def fault(document: Document, place: Place, problem: str) -> ConfigError:
    """Return the error for a part of the document that its schema alone cannot judge."""
    return _error(document, [(place, problem)])


def _error(document: Document, faults: Sequence[tuple[Place, str]]) -> ConfigError:
    """Return the error that lists the faults by line."""
    ordered = sorted(dict.fromkeys(faults), key=lambda fault: document.line(fault[0]))
    lines = [
        f"{document.name}:{document.line(place)}: " + (f"{_name(place)}: {problem}" if place else problem)
        for place, problem in ordered[:MAX_FAULTS]
    ]
    if len(ordered) > MAX_FAULTS:
        lines.append(f"{document.name}: and {len(ordered) - MAX_FAULTS} more")
    return ConfigError("\n".join(lines))


def _faults(
    document: Document, schema: type[BaseModel], findings: Sequence[ErrorDetails]
) -> Iterator[tuple[Place, str]]:
    if document.tree is None:
        yield (), "the file is empty"
        return
    for (place, is_key), group in groupby(findings, key=lambda each: (_place(document, each), "[key]" in each["loc"])):
        members = [finding for finding in group if not _is_echo(finding)]
        if members:
            yield place, ("the key: " if is_key else "") + _problem(schema, place, members)


def _problem(schema: type[BaseModel], place: Place, findings: Sequence[ErrorDetails]) -> str:
    kind, loc, context = findings[0]["type"], findings[0]["loc"], findings[0].get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(place[-1], sorted(_keys_at(schema, loc[:-1])))
    if kind == "missing":
        return "is required here and is missing"
    if kind == "union_tag_not_found":
        tags = [tag for model in _models_at(schema, loc) for tag in _literals(model, str(place[-1]))]
        return f"is required here and is missing; one of {', '.join(tags)}"
    if kind == "union_tag_invalid":
        return not_one_of(findings[0]["input"].get(place[-1]), listed(context["expected_tags"]))
    return problem(findings)


def _is_echo(finding: ErrorDetails) -> bool:
    """Return whether a list was found too short only because its entries are wrong."""
    return finding["type"] == "too_short" and len(finding["input"]) >= finding.get("ctx", {})["min_length"]


def _switches(tree: Tree, parsed: object, place: Place) -> Iterator[tuple[Place, bool]]:
    """Yield each `true` or `false` that the schema took for the number 1 or 0."""
    if isinstance(tree, dict) and isinstance(parsed, dict):
        for key, value in tree.items():
            yield from _switches(value, parsed.get(key), (*place, key))
    elif isinstance(tree, list) and isinstance(parsed, (list, tuple)):
        for index, value in enumerate(tree[: len(parsed)]):
            yield from _switches(value, parsed[index], (*place, index))
    elif isinstance(tree, bool) and isinstance(parsed, (int, float)) and not isinstance(parsed, bool):
        yield place, tree


def _place(document: Document, finding: ErrorDetails) -> Place:
    """Return the place of a finding; names of union members are not part of the text."""
    place: Place = ()
    for step in finding["loc"]:
        if (*place, step) in document.spans:
            place = (*place, step)
    if finding["type"] == "missing":
        return (*place, finding["loc"][-1])
    if finding["type"] in {"union_tag_not_found", "union_tag_invalid"}:
        return (*place, finding.get("ctx", {})["discriminator"].strip("'"))
    return place


def _name(place: Place) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{_plain(step)}" for step in place)
    return "".join(steps).removeprefix(".")


def _plain(key: str) -> str:
    """Return a key as it stands in the file, when that is one short word."""
    return key if key.isprintable() and " " not in key and key == shown(key)[1:-1] else shown(key)


def _keys_at(schema: type[BaseModel], loc: Sequence[int | str]) -> set[str]:
    """Return the keys that the schema knows at a place, of all members where it is a union."""
    return {field.alias or name for model in _models_at(schema, loc) for name, field in model.model_fields.items()}


def _models_at(schema: type[BaseModel], loc: Sequence[int | str]) -> list[type[BaseModel]]:
    models: list[type[BaseModel]] = [schema]
    for step in loc:
        fields = [model.model_fields[str(step)] for model in models if str(step) in model.model_fields]
        inner = [model for field in fields for model in _models(field.annotation)]
        tagged = [model for model in models if any(step in _literals(model, name) for name in model.model_fields)]
        models = inner or tagged or models
    return models


def _literals(model: type[BaseModel], name: str) -> tuple[Any, ...]:
    annotation = model.model_fields[name].annotation if name in model.model_fields else None
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _models(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - annotations are any object
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for argument in get_args(annotation):
        yield from _models(argument)
