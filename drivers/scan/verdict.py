"""What an installer does next: the evidence of a scan in words. Pure."""

from collections.abc import Iterator, Sequence

from drivers.scan.found import Evidence, Findings

_OFTEN = 2
_MOST_NAMED = 5


def verdict(findings: Findings) -> list[str]:
    """Return sentences, the most important first; never none."""
    evidence = findings.evidence
    said = [*_ended(evidence), *_troubles(evidence), *_heard(evidence)]
    if findings.devices:
        wrong = [f"Left out, because it is wrong: {reason}" for reason in evidence.wrong_profiles]
        return [_count(findings), *said, *_doubts(findings), *wrong]
    if not said:
        said += _nothing(evidence)
    said += [f"Left out, because it is wrong: {reason}" for reason in evidence.wrong_profiles]
    return said or ["The scan was stopped before anybody was asked."]


def _count(findings: Findings) -> str:
    known = sum(device.best is not None for device in findings.devices)
    total = len(findings.devices)
    there = "1 device answers" if total == 1 else f"{total} devices answer"
    unknown = total - known
    return f"{there} on {findings.evidence.port}" + (f"; {unknown} of unknown model." if unknown else ".")


def _ended(evidence: Evidence) -> Iterator[str]:
    if evidence.trouble:
        yield f"The scan ended early: {evidence.trouble}"
    if evidence.interrupted:
        yield "The scan was stopped before its end: what is not listed may be there all the same."


def _troubles(evidence: Evidence) -> Iterator[str]:
    if evidence.noisy:
        yield (
            "Noise: bytes come, but no frames. Check baud rate and parity, termination (120 ohm at both ends only), "
            "the shield, and whether A and B are swapped."
        )
    doubled = sorted(unit for unit, times in evidence.garbled.items() if times >= _OFTEN)
    if doubled and not evidence.noisy:
        who = "unit " + _listed(doubled) if len(doubled) == 1 else "units " + _listed(doubled)
        yield (
            f"Two devices on one address: the answers of {who} are garbled, and others are not. Unplug one of the two, "
            "give the other a free address on its own keypad, and scan again."
        )
    if evidence.late:
        units = _listed(sorted(evidence.late))
        yield f"Slow: unit {units} answered late; give its profile or the gateway in between a longer time-out."
    if evidence.same_everywhere:
        yield "The device answers for every unit id: it is one device, listed once."


def _heard(evidence: Evidence) -> Iterator[str]:
    if evidence.wants_key:
        yield f"A meter sends encrypted telegrams: {evidence.wants_key}. Ask the grid company for its key."
    if evidence.heard_protocol == "modbus" and not evidence.through_service:
        units = f" (units {_listed(evidence.heard_units)})" if evidence.heard_units else ""
        consequence = " Nothing was sent." if evidence.asked_nothing else ""
        yield (
            f"Another client asks on this bus{units}: two clients on one bus disturb each other. Stop the other one, "
            f"or read its devices through it.{consequence}"
        )
    elif evidence.heard_octets and not evidence.heard_protocol:
        consequence = " Nothing was sent." if evidence.asked_nothing else ""
        yield (
            f"{evidence.heard_octets} bytes came without a question, and no telegram among them: another baud rate, "
            f"another client, or noise.{consequence}"
        )


def _doubts(findings: Findings) -> Iterator[str]:
    for device in findings.devices:
        if len(device.candidates) > 1 and device.candidates[0].weight == device.candidates[1].weight:
            where = device.address or f"unit {device.unit_id}"
            yield f"{where}: {device.candidates[0].name} or {device.candidates[1].name}; compare with its label."


def _nothing(evidence: Evidence) -> Iterator[str]:
    if evidence.no_path:
        yield (
            f"The gateway at {evidence.port} answers, but reaches nobody behind it: check its serial side "
            "(baud rate, parity, A/B, power of the devices)."
        )
    elif evidence.kind == "socket" and evidence.asked:
        yield (
            f"{evidence.port} takes the connection and answers nothing: is it the Modbus port (502), is Modbus "
            "switched on in the device, and is it --framing rtu?"
        )
    elif evidence.asked:
        yield (
            f"Nothing answers on {evidence.port}. In this order: is the device powered; are A and B swapped (swap them "
            "and scan again); does its display show another baud rate or parity; is the bus terminated at both ends "
            "and nowhere else; is the address in the range that was asked?"
        )


def _listed(units: Sequence[int]) -> str:
    more = len(units) - _MOST_NAMED
    return ", ".join(map(str, units[:_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")
