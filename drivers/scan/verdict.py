"""What an installer does next: the evidence of a scan in sentences. Pure."""

from collections.abc import Iterator, Sequence

from drivers.scan.found import Evidence, Findings
from gateway.core.sentences import Sentence, say

_OFTEN = 2
_MOST_NAMED = 5


def verdict(findings: Findings) -> list[str]:
    """Return sentences in English, the most important first; never none."""
    return list(map(say, judged(findings)))


def judged(findings: Findings) -> list[Sentence]:
    """Return what there is to say, the most important first; never nothing."""
    evidence = findings.evidence
    said = [*_ended(evidence), *_troubles(evidence), *_heard(evidence)]
    wrong = [_said("left_out", why=reason) for reason in evidence.wrong_profiles]
    if findings.devices:
        return [_count(findings), *said, *_doubts(findings), *wrong]
    if not said:
        said += _nothing(evidence)
    return [*said, *wrong] or [_said("stopped")]


def _said(code: str, **words: object) -> Sentence:
    return Sentence(f"scan.{code}", {name: str(word) for name, word in words.items()})


def _count(findings: Findings) -> Sentence:
    total = len(findings.devices)
    unknown = total - sum(device.best is not None for device in findings.devices)
    code = ("one" if total == 1 else "many") + ("_unknown" if unknown else "")
    return _said(code, port=findings.evidence.port, count=total, unknown=unknown)


def _ended(evidence: Evidence) -> Iterator[Sentence]:
    if evidence.trouble:
        yield _said("ended", why=evidence.trouble)
    if evidence.interrupted:
        yield _said("interrupted")


def _troubles(evidence: Evidence) -> Iterator[Sentence]:
    if evidence.noisy:
        yield _said("noise")
    doubled = sorted(unit for unit, times in evidence.garbled.items() if times >= _OFTEN)
    if doubled and not evidence.noisy:
        yield _said("doubled" if len(doubled) == 1 else "doubled_many", units=_listed(doubled))
    if evidence.late:
        yield _said("late", units=_listed(sorted(evidence.late)))
    if evidence.same_everywhere:
        yield _said("same")
    if evidence.any_speed:
        yield _said("any_speed", port=evidence.port)


def _heard(evidence: Evidence) -> Iterator[Sentence]:
    if evidence.wants_key:
        yield _said("encrypted", why=evidence.wants_key)
    if evidence.heard_protocol == "modbus" and not evidence.through_service:
        units = _listed(evidence.heard_units)
        yield _said("client_units", units=units) if units else _said("client")
    elif evidence.heard_octets and not evidence.heard_protocol:
        yield _said("unknown_bytes", count=evidence.heard_octets)
    else:
        return
    if evidence.asked_nothing:
        yield _said("nothing_sent")


def _doubts(findings: Findings) -> Iterator[Sentence]:
    for device in findings.devices:
        if len(device.candidates) > 1 and device.candidates[0].weight == device.candidates[1].weight:
            names = {"first": device.candidates[0].name, "second": device.candidates[1].name}
            if device.address:
                yield _said("doubt", where=device.address, **names)
            else:
                yield _said("doubt_unit", unit=device.unit_id, **names)


def _nothing(evidence: Evidence) -> Iterator[Sentence]:
    if evidence.no_path:
        yield _said("no_path", port=evidence.port)
    elif evidence.kind == "socket" and evidence.asked:
        yield _said("mute_socket", port=evidence.port)
    elif evidence.asked:
        yield _said("mute_bus", port=evidence.port)


def _listed(units: Sequence[int]) -> str:
    more = len(units) - _MOST_NAMED
    return ", ".join(map(str, units[:_MOST_NAMED])) + (f" (+{more})" if more > 0 else "")
