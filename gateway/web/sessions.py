"""Who may come in, and who has signed in. Pure: time and chance come in."""

from collections import OrderedDict
from dataclasses import dataclass, field
from random import Random

from gateway.web.page import Role
from gateway.web.passwords import Passwords
from gateway.web.rates import Rate

COOKIE = "kvarter_session"
LANGUAGE_COOKIE = "kvarter_language"
IDLE_S = 8 * 86400.0
"""A page that is left open for a week is still signed in."""
LONGEST_S = 60 * 86400.0
_MOST = 200
_BURST = 120
_PER_S = 20.0


@dataclass(slots=True)
class Session:
    """One browser that has signed in."""

    role: Role
    csrf: str
    began_s: float
    seen_s: float


class Sessions:
    """The open sessions, by token; a restart ends them all.

    Args:
        random: Draws tokens; must be unpredictable.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._open: OrderedDict[str, Session] = OrderedDict()

    def begin(self, role: Role, *, now_s: float) -> str:
        """Open a session and return its token."""
        token = self.token()
        self._open[token] = Session(role, self.token(), now_s, now_s)
        if len(self._open) > _MOST:
            self._open.popitem(last=False)
        return token

    def find(self, token: str | None, *, now_s: float) -> Session | None:
        """Return the session of a token, None where there is none or it is over."""
        session = self._open.get(token or "")
        if session is None:
            return None
        if now_s - session.seen_s > IDLE_S or now_s - session.began_s > LONGEST_S:
            del self._open[token or ""]
            return None
        session.seen_s = now_s
        return session

    def end(self, token: str | None) -> None:
        """End a session."""
        self._open.pop(token or "", None)

    def end_all(self) -> None:
        """End every session: a password was changed."""
        self._open.clear()

    def token(self) -> str:
        """Return 256 bits that nobody can guess."""
        return f"{self._random.getrandbits(256):064x}"


@dataclass(slots=True)
class Door:
    """Who may come in."""

    passwords: Passwords
    sessions: Sessions
    everybody: Session
    """What a visitor is where no password is set."""
    streams: int = 0
    """Answers that go on until the browser leaves."""
    asks: Rate = field(default_factory=lambda: Rate(burst=_BURST, per_s=_PER_S))
