"""The forms and lists of the commissioning page."""

from collections.abc import Sequence
from typing import get_args

from gateway.core.commissioning import CommissionedDevice, DisplayCheck
from gateway.core.quantity import Kind
from gateway.core.sentences import Sentence, say
from gateway.core.site import Role
from gateway.web.commissioning_seam import FoundThing, Installed, Report
from gateway.web.html import Markup, join, tag
from gateway.web.icons import icon
from gateway.web.numbers import DASH, label, local_time, measured, share, shown
from gateway.web.page import Visit
from gateway.web.parts import table
from gateway.web.shell import form_token

_FIRST = (Kind.COUNTER, Kind.GAUGE)
"""What displays show."""


def complaint(text: str) -> Markup:
    """Return what went wrong, one sentence each line."""
    return tag("div", [tag("p", line) for line in text.splitlines()], class_="complaint", role="alert")


def scan_form(visit: Visit, ports: Sequence[str]) -> Markup:
    """Return the form that begins a scan."""
    texts = visit.texts
    port = tag(
        "input", id="port", name="port", list="ports", required=True, autocomplete="off", spellcheck="false",
        placeholder="/dev/serial/by-id/… · 192.168.1.40:502", value=ports[0] if ports else None,
    )  # fmt: skip
    units = tag("input", id="units", name="units", placeholder="1-10", inputmode="numeric", autocomplete="off")
    return tag(
        "form",
        form_token(visit),
        tag("datalist", [tag("option", value=each) for each in ports], id="ports"),
        tag("div", tag("label", texts("commissioning.port"), for_="port"), port, class_="field grows"),
        tag("div", tag("label", texts("commissioning.units"), for_="units"), units, class_="field"),
        _switch("mbus", texts("commissioning.mbus")),
        _switch("insist", texts("commissioning.insist")),
        tag("button", texts("commissioning.begin"), class_="button primary"),
        tag("div", class_="progress", role="status", hidden=True, data_scan="progress"),
        method="post",
        action=f"{_here(visit)}/scan",
        class_="row",
        data_scan="form",
    )


def add_form(visit: Visit, things: Sequence[FoundThing]) -> Markup:
    """Return where found devices appear, with those of the last scan."""
    return tag("div", found_form(visit, things) if things else None, data_scan="found")


def found_form(visit: Visit, things: Sequence[FoundThing]) -> Markup:
    """Return found devices to pick from and to name."""
    texts = visit.texts
    if not things:
        return tag("p", texts("commissioning.nothing"), class_="quiet")
    rows = [_thing(visit, thing) for thing in things]
    can_add = any(thing.profile and not thing.present for thing in things)
    return tag(
        "form",
        form_token(visit),
        tag("h3", texts("commissioning.pick")),
        tag("ul", rows, class_="things"),
        tag("button", texts("commissioning.add"), class_="button primary") if can_add else None,
        method="post",
        action=f"{_here(visit)}/devices",
    )


def devices_of(visit: Visit, installed: Sequence[Installed]) -> Markup:
    """Return the devices of the site, each to be opened and compared."""
    if not installed:
        return tag("p", visit.texts("commissioning.empty"), class_="quiet")
    return join(
        tag("p", visit.texts("commissioning.open"), class_="quiet"),
        *(_installed(visit, device) for device in installed),
    )


def reading_of(visit: Visit, device: CommissionedDevice) -> Markup:
    """Return a device as it is now: values, what is implausible, and the form that compares."""
    texts = visit.texts
    if not device.answers:
        said = say(Sentence(f"bench.status.{device.status}"), texts.language)
        why = tag("p", device.trouble, class_="quiet")
        return join(complaint(said), why, _when(visit, device))
    findings = [
        tag("li", check.in_language(texts.language), class_="fits" if check.agrees else "differs")
        for check in sorted(device.plausibility, key=lambda each: each.agrees)
    ]
    rows = [_point(visit, device, index) for index in range(len(device.points))]
    columns = [texts("commissioning.point"), f"{texts('commissioning.value')} #", texts("commissioning.raw")]
    return join(
        _when(visit, device),
        tag("ul", findings, class_="findings") if findings else None,
        _check_form(visit, device),
        table(texts("commissioning.values"), columns, rows),
    )


def checks_of(visit: Visit, checks: Sequence[DisplayCheck]) -> Markup:
    """Return what was compared with the display."""
    texts = visit.texts
    rows = []
    for check in checks:
        values = [" ".join(measured(each, check.unit, texts.language)) for each in (check.display, check.value)]
        percent = None if check.deviation_percent is None else check.deviation_percent / 100
        off = " ".join(measured(check.deviation, check.unit, texts.language))
        if percent is not None:
            off = f"{off} ({share(percent, texts.language)})"
        verdict = tag(
            "span",
            texts("commissioning.agrees" if check.agrees else "commissioning.deviates"),
            class_=f"pill {'good' if check.agrees else 'bad'}",
        )
        cells = [tag("td", text, class_="number") for text in (*values, off)]
        name = tag("th", label(check.point, visit.vocabulary, texts), scope="row")
        rows.append(tag("tr", name, *cells, tag("td", verdict)))
    if not rows:
        return Markup("")
    columns = (
        texts("commissioning.point"),
        *(f"{texts(f'commissioning.{key}')} #" for key in ("shown", "value", "deviation")),
        texts("commissioning.result"),
    )
    return table(texts("commissioning.compared"), columns, rows)


def display_pill(visit: Visit, checks: Sequence[DisplayCheck]) -> Markup:
    """Return in a word whether the display of a device agrees."""
    if not checks:
        return tag("span", visit.texts("commissioning.unchecked"), class_="pill idle")
    good = all(check.agrees for check in checks)
    word = visit.texts("commissioning.checked" if good else "commissioning.differs")
    return tag("span", word, class_=f"pill {'good' if good else 'bad'}")


def report_form(visit: Visit) -> Markup:
    """Return the form that seals the record."""
    texts = visit.texts
    by = tag("input", id="by", name="by", required=True, maxlength=120, autocomplete="name")
    remark = tag("input", id="remark", name="remark", maxlength=120)
    return tag(
        "form",
        form_token(visit),
        tag("div", tag("label", texts("commissioning.by"), for_="by"), by, class_="field"),
        tag("div", tag("label", texts("commissioning.remark"), for_="remark"), remark, class_="field grows"),
        tag("button", texts("commissioning.seal"), class_="button primary"),
        method="post",
        action=f"{_here(visit)}/reports",
        class_="row",
        data_slow=texts("commissioning.sealing"),
    )


def reports_of(visit: Visit, reports: Sequence[Report]) -> Markup | None:
    """Return the records that are kept, the newest first."""
    if not reports:
        return None
    texts, rows = visit.texts, []
    for report in reports:
        record = report.record
        path = f"{_here(visit)}/report/{report.name}"
        tone, word = ("good", "passed") if record.passes else ("bad", "failed")
        links = [
            tag("a", text, href=f"{path}/{suffix}{'?save' if suffix == 'html' else ''}", class_="button", download=True)
            for suffix, text in (("pdf", "PDF"), ("html", "HTML"), ("json", "JSON"))
        ]
        when = tag("a", local_time(record.time_ms, record.timezone), href=f"{path}/html")
        pill = tag("span", texts(f"commissioning.{word}"), class_=f"pill {tone}")
        rows.append(
            tag(
                "tr",
                tag("th", when, scope="row"),
                tag("td", record.by),
                tag("td", pill),
                tag("td", tag("div", links, class_="files")),
            )
        )
    columns = [texts(f"commissioning.{key}") for key in ("when", "by", "result", "files")]
    return table(texts("commissioning.kept"), columns, rows)


def _here(visit: Visit) -> str:
    return f"/site/{visit.argument('site')}/commissioning"


def _switch(name: str, text: str) -> Markup:
    return tag("label", tag("input", type="checkbox", name=name), " ", text, class_="switch")


def _thing(visit: Visit, thing: FoundThing) -> Markup:
    texts, number = visit.texts, thing.number
    model = thing.model or texts("commissioning.unknown")
    unit = "" if thing.unit_id is None else texts("commissioning.unit", unit=thing.unit_id)
    fits = texts("commissioning.fits", share=share(thing.confidence, texts.language)) if thing.profile else ""
    about = tag("p", " · ".join(filter(None, (unit, thing.where, fits, thing.identity))), class_="quiet")
    if thing.present or not thing.profile:
        why = texts("commissioning.present" if thing.present else "commissioning.nobody")
        return tag("li", tag("strong", model), about, tag("p", why, class_="quiet"))
    pick = tag("input", type="checkbox", name=f"pick-{number}", checked=True)
    roles = [
        tag("option", "", value=""),
        *(tag("option", texts(f"role.{each}"), value=each) for each in get_args(Role)),
    ]
    models = [tag("option", name, value=profile) for profile, name in thing.models]
    fields = [
        tag(
            "div",
            tag("label", texts("commissioning.model"), for_=f"profile-{number}"),
            tag("select", models, id=f"profile-{number}", name=f"profile-{number}"),
            class_="field grows",
        )
        if len(models) > 1
        else None,
        _field(f"id-{number}", texts("commissioning.id"), value=thing.id),
        _field(f"label-{number}", texts("commissioning.label"), placeholder=texts("commissioning.label_example")),
        tag(
            "div",
            tag("label", texts("commissioning.role"), for_=f"role-{number}"),
            tag("select", roles, id=f"role-{number}", name=f"role-{number}"),
            class_="field",
        ),
        *(_field(f"{need}-{number}", texts(f"commissioning.{need}"), required=True) for need in thing.needs),
    ]
    return tag(
        "li", tag("label", pick, " ", tag("strong", model), class_="switch"), about, tag("div", fields, class_="row")
    )


def _field(name: str, text: str, *, value: str | None = None, placeholder: str = "", required: bool = False) -> Markup:
    box = tag(
        "input", id=name, name=name, value=value, placeholder=placeholder or None, required=required, maxlength=120
    )
    return tag("div", tag("label", text, for_=name), box, class_="field")


def _installed(visit: Visit, device: Installed) -> Markup:
    pill = display_pill(visit, device.checked)
    head = tag("summary", icon(device.kind), tag("span", device.title), tag("span", device.model, class_="quiet"), pill)
    return tag(
        "details",
        head,
        tag("div", checks_of(visit, device.checked), data_checks=device.id),
        tag("div", tag("p", visit.texts("commissioning.reading"), class_="quiet"), data_reading=device.id),
        class_="device",
        data_device=device.id,
        data_path=f"{_here(visit)}/device/{device.id}",
    )


def _when(visit: Visit, device: CommissionedDevice) -> Markup:
    serial = f" · {visit.texts('commissioning.serial')} {device.serial_number}" if device.serial_number else ""
    return tag("p", f"{local_time(device.time_ms, 'UTC')} UTC · {device.port}{serial}", class_="quiet")


def _check_form(visit: Visit, device: CommissionedDevice) -> Markup:
    texts = visit.texts
    given = [each for each in device.points if each.value is not None and visit.vocabulary[each.name].kind in _FIRST]
    given.sort(key=lambda each: _FIRST.index(visit.vocabulary[each.name].kind))
    options = [tag("option", f"{label(e.name, visit.vocabulary, texts)} [{e.unit}]", value=e.name) for e in given]
    point, box = f"point-{device.id}", f"shown-{device.id}"
    return tag(
        "form",
        form_token(visit),
        tag(
            "div",
            tag("label", texts("commissioning.point"), for_=point),
            tag("select", options, id=point, name="point"),
            class_="field grows",
        ),
        tag(
            "div",
            tag("label", texts("commissioning.on_display"), for_=box),
            tag("input", id=box, name="shown", inputmode="decimal", required=True, autocomplete="off"),
            class_="field",
        ),
        tag("button", texts("commissioning.compare"), class_="button primary"),
        method="post",
        action=f"{_here(visit)}/device/{device.id}",
        class_="row",
        data_check=device.id,
    )


def _point(visit: Visit, device: CommissionedDevice, index: int) -> Markup:
    point = device.points[index]
    text, unit = shown(point.name, point.value, visit.vocabulary, visit.texts)
    tone = "suspect" if point.suspect else "missing" if point.value is None else "good"
    raw = " ".join(f"{word:04x}" for word in point.raw[:6]) or DASH
    name = tag("th", label(point.name, visit.vocabulary, visit.texts), scope="row")
    value = tag("span", f"{text}\u00a0{unit}".strip(), class_=f"value {tone}")
    return tag("tr", name, tag("td", value, class_="number"), tag("td", tag("span", raw, class_="code")))
