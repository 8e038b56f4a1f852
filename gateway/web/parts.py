"""Elements that several pages share."""

from collections.abc import Iterable, Sequence

from gateway.web.facts import Completeness, DeviceFacts, PointFacts, Trouble
from gateway.web.html import Child, Markup, tag
from gateway.web.numbers import DASH, age, share, shown
from gateway.web.page import Visit

_TELLING = 60
"""Readouts from which a share of the day is worth a colour."""
_TONES = {"ok": "good", "partial": "warn", "unread": "idle", "skipped": "warn"}


def state_pill(visit: Visit, device: DeviceFacts) -> Markup:
    """Return the state of a device in a word, with a mark that does not depend on colour."""
    tone = _TONES.get(device.state, "bad")
    return tag("span", visit.texts(f"state.{device.state}"), class_=f"pill {tone}")


def aged(visit: Visit, key: str, age_s: float | None) -> Markup:
    """Return an age that the browser counts on."""
    seconds = None if age_s is None else f"{age_s:.1f}"
    return tag("span", age(age_s, visit.texts), data_age=key, data_seconds=seconds, class_="age")


def aged_ago(visit: Visit, key: str, age_s: float | None) -> Markup:
    """Return how long ago something was, in words that the browser keeps right."""
    if age_s is None:
        return tag("span", visit.texts("age.never"))
    before, _, after = visit.texts("shell.ago").partition("{age}")
    return tag("span", before, aged(visit, key, age_s), after)


def value_of(visit: Visit, point: PointFacts | None) -> Markup:
    """Return a value with its unit, marked where it is not to be trusted."""
    if point is None:
        return tag("span", DASH, class_="value missing")
    text, unit = shown(point.name, point.value, visit.vocabulary, visit.texts)
    if point.value is None:
        unit = ""
    return tag(
        "span", text, tag("span", f"\u00a0{unit}", class_="unit") if unit else None, class_=f"value {point.quality}"
    )


def completeness_of(visit: Visit, completeness: Completeness | None, *, on_card: bool = False) -> Markup:
    """Return a share of today with a bar.

    Args:
        visit: Whose language it is in.
        completeness: What was counted.
        on_card: Where it is counted from is told at the head of the page, and here to those who hear it only.
    """
    found = completeness.share if completeness else None
    text = share(found, visit.texts.language)
    enough = completeness is not None and completeness.due >= _TELLING
    tone = "idle" if found is None or not enough else "good" if found >= 0.99 else "warn" if found >= 0.9 else "bad"  # noqa: PLR2004 - from 0.9 an interval is complete
    bar = tag(
        "svg",
        tag("rect", width=60, height=6, rx=3, class_="track"),
        tag("rect", width=round(60 * (found or 0)), height=6, rx=3, class_="filled"),
        viewBox="0 0 60 6",
        class_=f"bar {tone}",
        aria_hidden="true",
    )
    since = None
    if completeness is not None and completeness.counted == "start":
        since = tag("span", visit.texts("completeness.since_start"), class_="outside" if on_card else "quiet")
    return tag("span", text, bar, since, class_="share")


def missing_of(visit: Visit, completeness: Completeness | None) -> str:
    """Return what is missing today: what gave no value, and apart from it what is not there at all."""
    if completeness is None or not completeness.due:
        return DASH
    if completeness.counted == "start":
        return visit.texts("completeness.since_apart", failed=completeness.failed, due=completeness.due)
    absent = completeness.due - completeness.got - completeness.failed
    return visit.texts("completeness.apart", failed=completeness.failed, absent=absent, due=completeness.due)


def troubles_of(visit: Visit, troubles: Iterable[Trouble]) -> Markup | None:
    """Return what is wrong and what to do, None where nothing is."""
    listed = [
        tag(
            "li",
            tag("strong", visit.texts(f"trouble.{trouble.code}.what", **trouble.words)),
            " ",
            tag("span", visit.texts(f"trouble.{trouble.code}.do", **trouble.words)),
            class_=trouble.severity,
        )
        for trouble in troubles
    ]
    return tag("ul", listed, class_="troubles") if listed else None


def facts_list(*pairs: tuple[str, Child]) -> Markup:
    """Return names and what they stand for; a pair without content is left out."""
    return tag(
        "dl", [tag("div", tag("dt", name), tag("dd", content)) for name, content in pairs if content], class_="facts"
    )


def table(caption: str, columns: Sequence[str], rows: Iterable[Markup], *, class_: str = "") -> Markup:
    """Return a table that scrolls by itself on a narrow screen; a column whose name ends with ` #` holds numbers."""
    head = [
        tag("th", name.removesuffix(" #"), scope="col", class_="number" if name.endswith(" #") else None)
        for name in columns
    ]
    title = tag("caption", tag("span", caption))
    whole = tag("table", title, tag("thead", tag("tr", head)), tag("tbody", rows), class_=class_ or None)
    return tag("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)


def cells(first: Child, *others: Child) -> Markup:
    """Return a row whose first cell is its heading."""
    return tag("tr", tag("th", first, scope="row"), [tag("td", other, class_="number") for other in others])
