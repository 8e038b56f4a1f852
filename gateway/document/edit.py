"""Change one value, or add one entry, in a file that a person wrote, and leave every other character as it was."""

from gateway.document.tree import Document, Key, Place

_ITEM = 2
"""Steps from the root to an entry of a list there."""


def set_value(document: Document, mapping: Place, key: Key, value: str) -> str:
    """Return the text with `key: value` in the mapping at a place: replaced where it stands, else added at its end.

    Args:
        document: The file as parsed.
        mapping: Place of a mapping that exists.
        key: The key, a plain word or a whole number.
        value: The value as it is written in YAML, on one line.

    Raises:
        KeyError: there is no such mapping in the document.
    """
    text, spans = document.text, document.spans
    outer, here = spans[mapping], spans.get((*mapping, key))
    if here is not None:
        between = text[here.head : here.start]
        if between and "\n" not in between:
            return text[: here.start] + value + text[here.end :]
        return f"{text[: here.head]} {value}{between.rstrip()}{text[here.end :]}"
    entries = [span for place, span in spans.items() if place and place[:-1] == mapping]
    if not entries:
        return text[: outer.start] + f"{{{key}: {value}}}" + text[outer.end :]
    last = max(span.end for span in entries)
    if outer.flow:
        return f"{text[:last]}, {key}: {value}{text[last:]}"
    indent = " " * (outer.start - _line_start(text, outer.start))
    end, line_feed = _line_end(text, last)
    return f"{text[:end]}{line_feed}{indent}{key}: {value}{text[end:]}"


def append_item(document: Document, key: Key, item: str, *, remark: str = "") -> str:
    """Return the text with one more entry in the list at a key of the outermost mapping, which is made where it lacks.

    Args:
        document: The file as parsed.
        key: The key.
        item: The entry as it is written in YAML, on one line.
        remark: A comment behind it, on its line; left out in a list that is written in brackets.
    """
    text, here = document.text, document.spans.get((key,))
    comment = f"  # {remark}" if remark else ""
    entries = [span for place, span in document.spans.items() if len(place) == _ITEM and place[0] == key]
    if not entries:
        if here is not None and text[here.start : here.end].strip() not in {"", "[]", "~", "null"}:
            raise KeyError(key)
        if here is None:
            return set_value(document, (), key, f"[{item}]")
        end, line_feed = _line_end(text, here.end)
        kept = text[here.end : end].strip()
        head = f"{text[: here.head]} {kept}".rstrip()
        return f"{head}{line_feed}  - {item}{comment}{text[end:] or line_feed}"
    last = max(span.end for span in entries)
    if here is not None and here.flow:
        return f"{text[:last]}, {item}{text[last:]}"
    dash = len(text[: entries[-1].start].rstrip()) - 1
    indent = " " * (dash - _line_start(text, dash))
    end, line_feed = _line_end(text, last)
    return f"{text[:end]}{line_feed}{indent}- {item}{comment}{text[end:]}"


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _line_end(text: str, offset: int) -> tuple[int, str]:
    """Return where the line ends, its comment included, and what ends it."""
    end = text.find("\n", offset)
    if end < 0:
        return len(text), "\n"
    return (end - 1, "\r\n") if text[end - 1] == "\r" else (end, "\n")
