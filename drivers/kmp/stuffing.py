"""How bytes of a KMP frame that look like its marks are written otherwise. Pure.

Source: Kamstrup, Technical Description MULTICAL 602, 5512-931 N1, section 11.1 (data link layer).
"""

START_REQUEST = 0x80
START_ANSWER = 0x40
END = 0x0D
ACKNOWLEDGE = 0x06
ESCAPE = 0x1B
MARKS = frozenset({START_REQUEST, START_ANSWER, END, ACKNOWLEDGE, ESCAPE})
"""Bytes that mean something on the line: within a frame each is sent as the escape and its complement."""


def stuff(content: bytes) -> bytes:
    """Return the bytes as they stand between the marks of a frame."""
    sent = bytearray()
    for octet in content:
        sent += bytes((ESCAPE, octet ^ 0xFF)) if octet in MARKS else bytes((octet,))
    return bytes(sent)


def unstuff(sent: bytes) -> bytes | None:
    """Return the bytes that were meant, None where an escape stands before nothing or before what needs none."""
    content = bytearray()
    escaped = False
    for octet in sent:
        if escaped:
            if octet ^ 0xFF not in MARKS:
                return None
            content.append(octet ^ 0xFF)
            escaped = False
        elif octet == ESCAPE:
            escaped = True
        elif octet in MARKS:
            return None
        else:
            content.append(octet)
    return None if escaped else bytes(content)
