"""Trying a password: slowed down for whoever guesses, one at a time for everybody."""

import asyncio
import hmac
import os
from base64 import b64decode
from binascii import Error as NotBase64

from gateway.core.clock import Clock
from gateway.web.page import Role
from gateway.web.passwords import LONGEST, Passwords
from gateway.web.rates import Rate

_TRIES = 5
_TRY_EVERY_S = 60.0
_ALL_TRIES = 30
_ANY_TRY_EVERY_S = 10.0
_EVERYBODY = "*"


class Knock:
    """Tells which role a password opens.

    Args:
        passwords: Who may come in.
        clock: For waiting times.
    """

    def __init__(self, passwords: Passwords, clock: Clock) -> None:
        self._passwords = passwords
        self._clock = clock
        self._tries = Rate(burst=_TRIES, per_s=1 / _TRY_EVERY_S)
        self._all_tries = Rate(burst=_ALL_TRIES, per_s=1 / _ANY_TRY_EVERY_S)
        self._one_at_a_time = asyncio.Lock()
        self._key = os.urandom(32)
        self._programs: dict[bytes, Role] = {}

    def may_try(self, visitor: str) -> bool:
        """Return whether the visitor may try a password now; if so, it counts."""
        now_s = self._clock.monotonic()
        return self._tries.allows(visitor, now_s=now_s) and self._all_tries.allows(_EVERYBODY, now_s=now_s)

    def wait_s(self, visitor: str) -> float:
        """Return how long the visitor has to wait for the next try, at least a second."""
        now_s = self._clock.monotonic()
        return max(1.0, self._tries.wait_s(visitor, now_s=now_s), self._all_tries.wait_s(_EVERYBODY, now_s=now_s))

    async def role_of(self, visitor: str, password: str) -> Role | None:
        """Return the role that a password opens, None where it opens none; to be asked after `may_try`."""
        async with self._one_at_a_time:  # each takes 16 MiB and a tenth of a second of a core
            role = await asyncio.to_thread(self._passwords.role_of, password[:LONGEST])
        if role is not None:
            self._tries.forgive(visitor)
        return role

    async def program(self, visitor: str, header: str) -> Role | None:
        """Return the role of a program that sends its password with each request, None where it may not come in.

        A password that was right is not worked out again: a program asks every few seconds.

        Args:
            visitor: Its address.
            header: `Authorization`, of the Basic scheme; the name in it does not matter.
        """
        password = basic_password(header)
        if password is None:
            return None
        mark = hmac.digest(self._key, password.encode(), "sha256")
        if mark not in self._programs:
            role = await self.role_of(visitor, password) if self.may_try(visitor) else None
            if role is None:
                return None
            self._programs[mark] = role
        return self._programs[mark]


def basic_password(header: str) -> str | None:
    """Return the password in an `Authorization` header, None where there is none.

    Source: RFC 7617, section 2.
    """
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = b64decode(credentials.strip(), validate=True).decode()
    except (NotBase64, UnicodeDecodeError, ValueError):
        return None
    _, colon, password = text.partition(":")
    return password if colon else None
