"""HTML from Python: what is not markup already is escaped."""

from collections.abc import Iterable
from html import escape

_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta"})
_EMPTY = frozenset({"path", "circle", "line", "rect", "polyline", "polygon", "use"})


class Markup(str):
    """Text that is HTML already; made by `tag` and `join` only."""

    __slots__ = ()


Child = str | int | float | None | Iterable["Child"]
Attribute = str | int | float | bool | None


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """Return an element.

    Args:
        name: Of the element.
        children: Text is escaped, markup stays, None is nothing, sequences are flattened.
        attributes: `class_` is `class`, `data_id` is `data-id`; True is a bare name, None and False are left out.
    """
    shown = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if name in _VOID:
        return Markup(f"<{name}{shown}>")
    if name in _EMPTY and not children:
        return Markup(f"<{name}{shown}/>")
    return Markup(f"<{name}{shown}>{join(*children)}</{name}>")


def join(*children: Child) -> Markup:
    """Return everything one after the other."""
    return Markup("".join(map(_child, children)))


def document(language: str, head: Markup, body: Markup) -> str:
    """Return a whole page."""
    return "<!doctype html>" + tag("html", head, body, lang=language)


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, (str, int, float)):
        return escape(str(child))
    return join(*child)


def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
