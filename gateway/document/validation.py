"""A document against its schema: errors that name file, line, key, what is wrong and the nearest valid word."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.core.errors import ConfigError
from gateway.document.tree import Document, Place, load_document

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
        return schema.model_validate(document.tree, strict=False)
    except ValidationError as exc:
        faults = [_fault(document, schema, details) for details in exc.errors()]
        raise ConfigError("\n".join(dict.fromkeys(faults))) from exc


def fault(document: Document, place: Place, problem: str) -> ConfigError:
    """Return the error for a part of the document that its schema alone cannot judge."""
    key = _name(place)
    where = f"{document.name}:{document.line(place)}: {key}" if key else document.name
    return ConfigError(f"{where}: {problem}")


def nearest(word: str, words: Sequence[str]) -> str:
    """Return `; did you mean …?` for the most similar word, or nothing when none is similar."""
    close = get_close_matches(word, words, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def _fault(document: Document, schema: type[BaseModel], details: ErrorDetails) -> str:
    place = _place(document, details["loc"])
    line = document.line(place)
    problem = _problem(schema, place, details)
    return f"{document.name}:{line}: {_name(place)}: {problem}"


def _problem(schema: type[BaseModel], place: Place, details: ErrorDetails) -> str:
    kind, given = details["type"], details["input"]
    if kind == "extra_forbidden":
        known = sorted(_keys_at(schema, place[:-1]))
        return "unknown key" + (nearest(str(place[-1]), known) or "; known here: " + ", ".join(known))
    if kind == "missing":
        return "is required here and is missing"
    message = details["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind in {"literal_error", "enum", "union_tag_invalid"}:
        context = details.get("ctx", {})
        choices = str(context.get("expected", context.get("expected_tags", "")))
        words = [word.strip(" '") for word in choices.replace(" or ", ", ").split(",")]
        return f"{given!r} is not one of {', '.join(words)}{nearest(str(given), words)}"
    if kind == "string_pattern_mismatch":
        pattern = details.get("ctx", {}).get("pattern", "")
        return f"{given!r} does not have the form {pattern}"
    if isinstance(given, (str, int, float)) and repr(given) not in message and str(given) not in message:
        return f"{message[:1].lower()}{message[1:]}, not {given!r}"
    return message[:1].lower() + message[1:]


def _place(document: Document, loc: tuple[int | str, ...]) -> Place:
    """Return the place of a validation error; names of union members are not part of the text."""
    place: Place = ()
    for index, step in enumerate(loc):
        candidate = (*place, step)
        if candidate in document.spans or (index == len(loc) - 1 and not _is_member(step)):
            place = candidate
    return place


def _is_member(step: int | str) -> bool:
    """Return whether pydantic put the step in to say which member of a union it tried."""
    plain = isinstance(step, int) or step.replace("_", "").replace("-", "").isalnum()
    return not plain or step in {"float", "int", "str", "bool"}


def _name(place: Place) -> str:
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.lstrip(".")


def _keys_at(schema: Any, place: Place) -> set[str]:  # noqa: ANN401 - annotations are any object
    """Return the keys that the schema knows at a place, of all members where it is a union."""
    models = set(_models(schema))
    for step in place:
        inner: set[type[BaseModel]] = set()
        for model in models:
            field = model.model_fields.get(str(step))
            if field is not None:
                inner.update(_models(field.annotation))
        models = inner if isinstance(step, str) and inner else models
    return {field.alias or name for model in models for name, field in model.model_fields.items()}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - annotations are any object
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    if isinstance(annotation, Mapping):
        return
    for argument in get_args(annotation):
        yield from _models(argument)
