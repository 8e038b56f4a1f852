"""The energy flow of a site as a drawing: sources above, uses below, ribbons as wide as their power. Pure."""

from collections.abc import Sequence

from gateway.web.flow import Flow, Stream
from gateway.web.html import Markup, tag
from gateway.web.numbers import measured
from gateway.web.texts import Texts

WIDTH = 420
HEIGHT = 300
_BAR = 300.0
"""Width of the bar in the middle: everything that flows."""
_TOP, _MIDDLE, _BOTTOM = 62.0, 146.0, 238.0
_BAR_HEIGHT = 10.0
_APART = 24.0
"""Between two ribbons where they begin; a wider one narrows towards its name."""
_LEAST = 1.5
"""A ribbon that carries anything at all is this wide."""


def draw(flow: Flow, texts: Texts) -> Markup:
    """Return the drawing; its description says the same in words."""
    said = {"sources": _said(flow.sources, texts), "uses": _said(flow.uses, texts)}
    return tag(
        "svg",
        tag("title", texts("flow.described", **said)),
        _ribbons(flow.sources, flow.total_w, _TOP, _MIDDLE),
        _ribbons(flow.uses, flow.total_w, _BOTTOM, _MIDDLE + _BAR_HEIGHT),
        tag("rect", x=(WIDTH - _BAR) / 2, y=_MIDDLE, width=_BAR, height=_BAR_HEIGHT, rx=5, class_="flow-bar"),
        _labels(flow.sources, 24.0, texts),
        _labels(flow.uses, _BOTTOM + 26, texts),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        class_="flow",
    )


def _said(streams: Sequence[Stream], texts: Texts) -> str:
    return ", ".join(f"{texts(f'flow.{each.name}')} {' '.join(_power(each, texts))}" for each in streams)


def _power(stream: Stream, texts: Texts) -> tuple[str, str]:
    return measured(stream.power_w, "W", texts.language)


def _columns(count: int) -> list[float]:
    return [WIDTH * (index + 0.5) / count for index in range(count)]


def _ribbons(streams: Sequence[Stream], total_w: float, end: float, bar: float) -> list[Markup]:
    """Return one ribbon for each stream, from its column to its own stretch of the bar."""
    drawn: list[Markup] = []
    place = (WIDTH - _BAR) / 2
    widest = WIDTH / max(len(streams), 1) - _APART
    for stream, column in zip(streams, _columns(len(streams)), strict=True):
        width = _BAR * min(stream.power_w / total_w, 1.0) if total_w > 0 else 0.0
        if stream.power_w > 0:
            outer = min(max(width, _LEAST), widest) / 2
            inner = (place, place + max(width, _LEAST))
            drawn.append(tag("path", d=_band((column - outer, column + outer), end, inner, bar), class_=_class(stream)))
        place += width
    return drawn


def _band(outer: tuple[float, float], end: float, inner: tuple[float, float], bar: float) -> str:
    """Return the outline of a ribbon that leaves both ends at a right angle."""
    bend = (end + bar) / 2
    there = f"C{outer[0]:.1f} {bend:.1f} {inner[0]:.1f} {bend:.1f} {inner[0]:.1f} {bar:.1f}"
    back = f"C{inner[1]:.1f} {bend:.1f} {outer[1]:.1f} {bend:.1f} {outer[1]:.1f} {end:.1f}"
    return f"M{outer[0]:.1f} {end:.1f}{there}H{inner[1]:.1f}{back}Z"


def _class(stream: Stream) -> str:
    return f"ribbon flow-{stream.name}"


def _labels(streams: Sequence[Stream], y: float, texts: Texts) -> list[Markup]:
    labels = []
    for stream, column in zip(streams, _columns(len(streams)), strict=True):
        value, unit = _power(stream, texts)
        labels += [
            tag("text", texts(f"flow.{stream.name}"), x=round(column), y=y, class_="flow-name"),
            tag("text", value, tag("tspan", f"\u00a0{unit}"), x=round(column), y=y + 22, class_="flow-power"),
        ]
    return labels
