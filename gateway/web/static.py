"""Style sheet and scripts, read once; only what is packaged here can be asked for."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from aiohttp import web

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "webmanifest": "application/json"}


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    kind: str
    digest: str


@cache
def _packaged() -> Mapping[str, _File]:
    found = {}
    for file in files("gateway.web").joinpath("static").iterdir():
        kind = _TYPES.get(file.name.rpartition(".")[2])
        if kind is not None:
            content = file.read_bytes()
            found[file.name] = _File(content, kind, hashlib.sha256(content).hexdigest()[:12])
    return found


def address(name: str) -> str:
    """Return the path of a packaged file; it changes with its content, so that browsers may keep it.

    Raises:
        KeyError: there is no such file.
    """
    return f"/static/{name}?v={_packaged()[name].digest}"


class Static:
    """Answers for packaged files. A name is looked up, never joined to a path."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Return the file.

        Raises:
            HTTPNotFound: it is not packaged.
        """
        file = _packaged().get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        kept = "public, max-age=31536000, immutable" if request.query.get("v") == file.digest else "no-cache"
        headers = {"Cache-Control": kept, "ETag": f'"{file.digest}"'}
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        response = web.Response(body=file.content, content_type=file.kind, charset="utf-8", headers=headers)
        response.enable_compression()
        return response
