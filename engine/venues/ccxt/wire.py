"""What really happened on the wire during one call of the library.

Its error classes mix what was never sent, what was refused and what may have been done. So the two
places where a request passes are watched, and each call has a note of its own: one client serves
many calls at a time.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol, cast


@dataclass(slots=True)
class Wire:
    """One call.

    Attributes:
        sent: A request was handed to the network (it may not have got far).
        status: HTTP status of the last answer; None: none came.
        text: Its body.
        answered: The library found no error in the last answer.
    """

    sent: bool = False
    status: int | None = None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    answered: bool = False


WIRE: ContextVar[Wire | None] = ContextVar("ccxt_wire", default=None)
# Where one is set, no request of the task leaves before it returns.
LEAVE: ContextVar[Callable[[], Awaitable[None]] | None] = ContextVar("ccxt_leave", default=None)


async def cleared() -> None:
    """Wait until this task's request may leave."""
    leave = LEAVE.get()
    if leave is not None:
        await leave()


def leaving() -> Wire:
    """Note that this task's request is handed to the network now; return its note."""
    wire = WIRE.get() or Wire()
    wire.sent, wire.answered, wire.status, wire.text = True, False, None, ""
    return wire


_QUERY = re.compile(r"\?[^\s'\"]+")


class _Watched(Protocol):
    fetch: Callable[..., Awaitable[object]]
    on_rest_response: Callable[..., object]


def watch(client: object) -> None:
    """Let every request of `client` note what happens to it in `WIRE`, where one is set.

    Error texts of the library hold whole URLs, signatures included: the query part is cut here.
    """
    watched = cast(_Watched, client)
    fetch, on_answer = watched.fetch, watched.on_rest_response

    async def noted_fetch(
        url: str, method: str = "GET", headers: object = None, body: object = None
    ) -> object:
        await cleared()
        wire = leaving()
        try:
            answer = await fetch(url, method, headers, body)
        except Exception as error:  # raised again, whatever it was, without the signature
            error.args = tuple(
                _QUERY.sub("?...", part) if isinstance(part, str) else part for part in error.args
            )
            raise
        wire.answered = True
        return answer

    def noted_answer(
        code: int,
        reason: str,
        url: str,
        method: str,
        response_headers: Mapping[str, str],
        response_body: str,
        *more: object,
    ) -> object:
        wire = WIRE.get()
        if wire is not None:
            wire.status, wire.text, wire.headers = code, response_body, response_headers
        return on_answer(code, reason, url, method, response_headers, response_body, *more)

    watched.fetch, watched.on_rest_response = noted_fetch, noted_answer
