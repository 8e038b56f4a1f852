"""What a schema found wrong, in the words of whoever wrote the file."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from pydantic_core import ErrorDetails

_LONGEST: Final = 60
_WHOLE: Final = "a whole number"
_NUMBER: Final = "a number"
_NEEDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bool_parsing": "true or false",
        "bool_type": "true or false",
        "dict_type": "a mapping",
        "finite_number": _NUMBER,
        "float_parsing": _NUMBER,
        "float_type": _NUMBER,
        "int_from_float": _WHOLE,
        "int_parsing": _WHOLE,
        "int_parsing_size": "a whole number of fewer digits",
        "int_type": _WHOLE,
        "list_type": "a list",
        "model_attributes_type": "a mapping",
        "model_type": "a mapping",
        "string_type": "text",
        "tuple_type": "a list",
    }
)
_SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "greater_than": "must be above {gt}, not {given}",
        "greater_than_equal": "must be at least {ge}, not {given}",
        "less_than": "must be below {lt}, not {given}",
        "less_than_equal": "must be at most {le}, not {given}",
        "string_pattern_mismatch": "{given} does not have the form {pattern}",
        "too_long": "takes at most {max_length} entries, not {actual_length}",
        "too_short": "needs {min_length} or more entries, not {actual_length}",
    }
)


def nearest(word: str, words: Sequence[str]) -> str:
    """Return `; did you mean …?` for the most similar word, or nothing when none is similar."""
    by_lower_case = {each.lower(): each for each in words}
    close = get_close_matches(word.lower(), by_lower_case, n=1, cutoff=0.5)
    return f"; did you mean {by_lower_case[close[0]]}?" if close else ""


def shown(value: object) -> str:
    """Return a value as it may stand in a message: as it is written in YAML, and short."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def unknown_key(key: object, known: Sequence[str]) -> str:
    """Return the sentence about a key that has no meaning where it stands."""
    return "unknown key" + (nearest(str(key), known) or "; known here: " + ", ".join(known))


def not_one_of(value: object, words: Sequence[str]) -> str:
    """Return the sentence about a word that is not in a closed set."""
    hint = nearest(str(value), words)
    if str(value) in words:
        hint = "; write it without quotes" if isinstance(value, str) else "; write it in quotes"
    return f"{shown(value)} is not one of {', '.join(words)}{hint}"


def problem(findings: Sequence[ErrorDetails]) -> str:
    """Return one sentence about one value; a union finds it wrong once per member."""
    needs = dict.fromkeys(_NEEDS.get(each["type"], "") for each in findings)
    if "" in needs:
        return " or ".join(dict.fromkeys(_sentence(each) for each in findings))
    if _NUMBER in needs:
        needs.pop(_WHOLE, None)
    given = findings[0]["input"]
    hint = "; write it in quotes" if list(needs) == ["text"] and isinstance(given, (int, float)) else ""
    return f"{' or '.join(needs)} is needed here, not {shown(given)}{hint}"


def _sentence(finding: ErrorDetails) -> str:
    kind, message, context = finding["type"], finding["msg"], finding.get("ctx", {})
    given = shown(finding["input"])
    if kind in _NEEDS:
        return f"{_NEEDS[kind]} is needed here, not {given}"
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(given=given, **context)
    if kind in {"literal_error", "enum"}:
        return not_one_of(finding["input"], listed(context["expected"]))
    if kind in {"value_error", "assertion_error"}:
        return message.partition(", ")[2]
    return f"{message[:1].lower()}{message[1:]}, not {given}"


def listed(choices: str) -> list[str]:
    """Return the words of a list such as `'a', 'b' or 'c'`."""
    return [word.strip(" '") for word in choices.replace(" or ", ", ").split(",")]
