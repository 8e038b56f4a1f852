"""Frames of the protocol, built by other code than the decoder's own."""

from gateway.sim.kmp import check_of

_MARKS = b"\x80\x40\x0d\x06\x1b"


def framed(start: int, content: bytes, *, check: bytes | None = None) -> bytes:
    """Return a frame around the content, with a right check unless told otherwise."""
    held = content + (check_of(content) if check is None else check)
    body = b"".join(bytes((0x1B, octet ^ 0xFF)) if octet in _MARKS else bytes((octet,)) for octet in held)
    return bytes((start,)) + body + b"\x0d"


def answer(content: bytes) -> bytes:
    """Return an answer of the meter at address 63."""
    return framed(0x40, b"\x3f" + content)


def register(number: int, unit: int, sign_exponent: int, digits: bytes) -> bytes:
    """Return one register as it stands in an answer to GetRegister."""
    return number.to_bytes(2, "big") + bytes((unit, len(digits), sign_exponent)) + digits


def registers(*held: bytes) -> bytes:
    """Return an answer to GetRegister."""
    return answer(b"\x10" + b"".join(held))
