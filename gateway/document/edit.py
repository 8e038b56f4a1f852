"""Change one value in a file that a person wrote, and leave every other character as it was."""

from gateway.document.tree import Document, Place


def set_value(document: Document, mapping: Place, key: str, value: str) -> str:
    """Return the text with `key: value` in the mapping at a place: replaced where it stands, else added at its end.

    Args:
        document: The file as parsed.
        mapping: Place of a mapping that exists and is not empty.
        key: The key.
        value: The value as it is written in YAML.

    Raises:
        KeyError: there is no such mapping in the document.
    """
    here = document.spans.get((*mapping, key))
    text = document.text
    if here is not None:
        return text[: here.start] + value + text[here.end :]
    outer = document.spans[mapping]
    if outer.flow:
        last = text.rindex("}", outer.start, outer.end)
        head = text[outer.start : last].rstrip()
        return text[: outer.start] + head + f", {key}: {value}" + text[last:]
    first = next(place for place in document.spans if place[:-1] == mapping and place != mapping)
    start = _line_start(text, outer.start)
    indent = " " * (outer.start - start)
    end = _end_of_first_entry(text, document.spans[first].end)
    return f"{text[:end]}\n{indent}{key}: {value}{text[end:]}"


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _end_of_first_entry(text: str, offset: int) -> int:
    """Return the offset of the line feed behind an entry and its comment."""
    end = text.find("\n", offset)
    return len(text) if end < 0 else end
