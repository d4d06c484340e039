"""All protocols of one exchange together, for whoever moves it or pulls its plugs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from aiohttp import web


class Asking(Protocol):
    """Where a protocol's requests are answered."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each was asked."""


class Face(Protocol):
    """One protocol in front of the exchange."""

    @property
    def requests(self) -> Asking:
        """Where its requests are answered."""

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add its addresses."""

    def moved(self) -> None:
        """Send what became due when the exchange moved on."""

    def connections(self) -> int:
        """Return how many websockets are open."""

    def hang_up(self) -> None:
        """Close every websocket politely."""

    def die_silently(self) -> None:
        """Let every websocket die without telling anybody."""

    def cut(self) -> None:
        """Cut every websocket."""

    async def close(self) -> None:
        """End it."""


class Faces:
    """Several protocols, treated as one."""

    def __init__(self, *faces: Face) -> None:
        self._faces = faces

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add the addresses of all."""
        for face in self._faces:
            face.add_routes(router)

    def counts(self) -> dict[str, int]:
        """Return how often each request was asked."""
        found: Counter[str] = Counter()
        for face in self._faces:
            found.update(face.requests.counts)
        return dict(found)

    def moved(self) -> None:
        """Send what became due when the exchange moved on."""
        for face in self._faces:
            face.moved()

    def connections(self) -> int:
        """Return how many websockets are open."""
        return sum(face.connections() for face in self._faces)

    def hang_up(self) -> None:
        """Close every websocket politely."""
        for face in self._faces:
            face.hang_up()

    def die_silently(self) -> None:
        """Let every websocket die without telling anybody."""
        for face in self._faces:
            face.die_silently()

    def cut(self) -> None:
        """Cut every websocket."""
        for face in self._faces:
            face.cut()

    async def close(self) -> None:
        """End all."""
        for face in self._faces:
            await face.close()
