"""The parameters of one Bot API call, whichever way they were sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, hdrs, web

from sandbox.botapi.errors import bad_request
from sandbox.db import dump
from sandbox.jsontypes import JsonObject, as_object

_TRUE = frozenset({"true", "yes", "1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file sent with the call."""

    name: str
    mime: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Parameters by name, as text; lists and objects are JSON in it, as Telegram defines."""

    values: Mapping[str, str] = field(default_factory=dict)
    uploads: Mapping[str, Upload] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether the parameter was sent and is not empty."""
        return bool(self.values.get(name))

    def text(self, name: str) -> str:
        """Return a parameter as text, "" if it was not sent."""
        return self.values.get(name, "")

    def flag(self, name: str) -> bool:
        """Return a parameter as Telegram reads booleans."""
        return self.text(name).strip().lower() in _TRUE

    def integer(self, name: str, default: int = 0) -> int:
        """Return a parameter as an integer; unreadable becomes `default`, as there."""
        try:
            return int(self.text(name).strip())
        except ValueError:
            return default

    def clamped(self, name: str, default: int, low: int, high: int) -> int:
        """Return an integer held within a range, as Telegram does instead of refusing."""
        return min(max(self.integer(name, default), low), high)

    def array(self, name: str, what: str) -> list[object] | None:
        """Return a JSON array, or None if the parameter was not sent.

        Raises:
            ApiError: 400, `can't parse <what> JSON object`.
        """
        if not self.has(name):
            return None
        parsed = _parse(self.text(name), what)
        if not isinstance(parsed, list):
            raise bad_request(f"can't parse {what} JSON object")
        return parsed

    def object(self, name: str, what: str) -> JsonObject | None:
        """Return a JSON object, or None if the parameter was not sent.

        Raises:
            ApiError: 400, `can't parse <what> JSON object`.
        """
        if not self.has(name):
            return None
        parsed = _parse(self.text(name), what)
        if parsed is None:
            return None
        if not isinstance(parsed, dict):
            raise bad_request(f"can't parse {what} JSON object")
        return as_object(parsed)


def _parse(source: str, what: str) -> object:
    try:
        parsed: object = json.loads(source)
    except ValueError as exc:
        raise bad_request(f"can't parse {what} JSON object") from exc
    return parsed


async def read_params(request: web.Request) -> Params:
    """Read query string and body: form, multipart or JSON.

    Raises:
        ApiError: 400 for a body that cannot be read.
    """
    values = dict(request.query)
    uploads: dict[str, Upload] = {}
    if request.method == hdrs.METH_POST and request.body_exists:
        kind = request.content_type
        if kind == "application/json":
            values.update(_from_json(await request.text()))
        elif kind == "multipart/form-data":
            await _read_multipart(request, values, uploads)
        else:
            form = await request.post()
            values.update({key: item for key, item in form.items() if isinstance(item, str)})
    return Params(values=values, uploads=uploads)


def _from_json(body: str) -> dict[str, str]:
    if not body.strip():
        return {}
    try:
        parsed: object = json.loads(body)
    except ValueError as exc:
        raise bad_request("can't parse JSON object") from exc
    return {
        name: value if isinstance(value, str) else dump(value)
        for name, value in as_object(parsed).items()
        if value is not None
    }


async def _read_multipart(
    request: web.Request, values: dict[str, str], uploads: dict[str, Upload]
) -> None:
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            continue
        content = bytes(await part.read(decode=True))
        if part.filename is None:
            values[part.name] = content.decode("utf-8", "replace")
        else:
            mime = part.headers.get(hdrs.CONTENT_TYPE, "application/octet-stream")
            uploads[part.name] = Upload(name=part.filename, mime=mime, content=content)
