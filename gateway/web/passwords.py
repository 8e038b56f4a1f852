"""The passwords of the page: one for each role, kept as scrypt digests in a file that only the owner reads."""

import hashlib
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path
from typing import Annotated, get_args

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from gateway.core.errors import ConfigError
from gateway.web.page import Role

FILE = "web-passwords.json"
SHORTEST = 10
"""Characters of a password."""
LONGEST = 200
_COST = 2**14
_BLOCK = 8
_SALT_BYTES = 16
_KEY_BYTES = 32
_ROLES: tuple[Role, ...] = get_args(Role)


class _Digest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    salt: str
    key: str
    cost: Annotated[int, Field(ge=2**10, le=2**18)]
    block: Annotated[int, Field(ge=1, le=16)]


class _File(RootModel[dict[Role, _Digest]]):
    pass


@dataclass(frozen=True, slots=True)
class Passwords:
    """What is known of the passwords."""

    digests: Mapping[Role, _Digest]

    @property
    def is_set(self) -> bool:
        """Whether somebody must sign in."""
        return "manager" in self.digests

    def role_of(self, password: str) -> Role | None:
        """Return the role that a password opens, None where it opens none; takes the same time for each."""
        found: Role | None = None
        for role in _ROLES:
            digest = self.digests.get(role)
            if digest is not None and compare_digest(_derive(password, digest), b64decode(digest.key)):
                found = found or role
        return found


def load_passwords(data: Path) -> Passwords:
    """Return the passwords of a data folder; none where nobody set one.

    Raises:
        ConfigError: the file is damaged, or others may read it.
    """
    path = data / FILE
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"{path}: others may read it; run chmod 600 on it")
        return Passwords(_File.model_validate_json(path.read_bytes()).root)
    except FileNotFoundError:
        return Passwords({})
    except (OSError, ValidationError) as exc:
        raise ConfigError(f"{path}: cannot be used; remove it and set the password again") from exc


def set_password(data: Path, role: Role, password: str) -> None:
    """Set the password of a role; it holds from now on.

    Raises:
        ConfigError: it is too short or too long, another role has it, or the file cannot be written.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigError(f"a password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}")
    known = load_passwords(data)
    if known.role_of(password) not in (None, role):
        raise ConfigError("the other role has this password already; each needs its own")
    if role == "viewer" and not known.is_set:
        raise ConfigError("set the password of the manager first")
    salt = os.urandom(_SALT_BYTES)
    blank = _Digest(salt=b64encode(salt).decode(), key="", cost=_COST, block=_BLOCK)
    digest = blank.model_copy(update={"key": b64encode(_derive(password, blank)).decode()})
    _write(data / FILE, {**known.digests, role: digest})


def _derive(password: str, digest: _Digest) -> bytes:
    return hashlib.scrypt(
        password[:LONGEST].encode(),
        salt=b64decode(digest.salt),
        n=digest.cost,
        r=digest.block,
        p=1,
        maxmem=256 * digest.cost * digest.block,
        dklen=_KEY_BYTES,
    )


def _write(path: Path, digests: Mapping[Role, _Digest]) -> None:
    content = json.dumps({role: digest.model_dump() for role, digest in digests.items()}, indent=1)
    write_private(path, content.encode())


def write_private(path: Path, content: bytes) -> None:
    """Replace a file that only its owner reads, in one step.

    Raises:
        ConfigError: it cannot be written.
    """
    draft = path.with_suffix(".draft")
    try:
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be written: {exc.strerror}") from exc
