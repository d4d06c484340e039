"""HTTP to the Bot API server: python-telegram-bot's request interface over aiohttp.

Unlike the library's own, it keeps the answer's `Date` (the clock by which commands grow stale),
tells "never sent" from "answer lost", and never logs an address: the token is part of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

import aiohttp
import msgspec
from telegram import Bot
from telegram.error import NetworkError, TelegramError, TimedOut
from telegram.request import BaseRequest, RequestData

from engine.ports import WallClock

_CONNECT_SECONDS = 5.0
_UPLOAD_SECONDS = 30.0


class FloodControl(TelegramError):
    """HTTP 429: Telegram wants us to wait.

    Not python-telegram-bot's `RetryAfter`, whose number can only be read under a deprecation
    warning.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"flood control: retry in {seconds:g} s")
        self.seconds = seconds


class NotSent(NetworkError):
    """No connection came about: the server has seen nothing of the request."""


class AnswerLost(NetworkError):
    """The request went out and no answer came back: it may have been carried out."""


class ServerClock:
    """Telegram's clock, learned from the `Date` of its answers, to the second."""

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall
        self._ahead = timedelta(0)

    def note(self, date_header: str | None) -> None:
        """Learn from one answer; a missing or odd header changes nothing."""
        try:
            said = parsedate_to_datetime(date_header or "")
        except ValueError:
            return
        if said.tzinfo is None:
            said = said.replace(tzinfo=UTC)
        self._ahead = said - self._wall.now()

    def now(self) -> datetime:
        """Return what the server's clock shows, UTC; ours as long as it never answered."""
        return self._wall.now() + self._ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    status: int
    body: bytes


class _Parameters(msgspec.Struct):
    retry_after: float = 0.0


class _Refusal(msgspec.Struct):
    parameters: _Parameters | None = None


class QuietBot(Bot):
    """The library's `Bot`, whose own `repr` would print the token into a traceback."""

    def __repr__(self) -> str:
        return "<Bot>"


class AiohttpRequest(BaseRequest):
    """One connection pool to one Bot API server."""

    __slots__ = ("_agent", "_clock", "_read_seconds", "_session", "_trust_env")

    def __init__(
        self,
        clock: ServerClock,
        *,
        base_url: str,
        read_seconds: float = 10.0,
        agent: str = "outcry",
    ) -> None:
        """Store what is used; `initialize` opens the pool.

        Args:
            agent: The `User-Agent` of every request.
        """
        self._agent = agent
        self._clock = clock
        self._read_seconds = read_seconds
        self._trust_env = not is_loopback(base_url)  # a proxy can't reach our own machine
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float | None:
        return self._read_seconds

    async def initialize(self) -> None:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                trust_env=self._trust_env,
                auto_decompress=True,
                headers={"User-Agent": self._agent},
                connector=aiohttp.TCPConnector(limit=64, ttl_dns_cache=60),
            )

    async def shutdown(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: object = BaseRequest.DEFAULT_NONE,
        write_timeout: object = BaseRequest.DEFAULT_NONE,
        connect_timeout: object = BaseRequest.DEFAULT_NONE,
        pool_timeout: object = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Make one call as python-telegram-bot asks for it.

        Raises:
            FloodControl: The server answered 429.
            NotSent, TimedOut, AnswerLost: No answer came.
        """
        seconds = read_timeout if isinstance(read_timeout, int | float) else self._read_seconds
        data: aiohttp.FormData | Mapping[str, str] | None = None
        if request_data is not None and request_data.contains_files:
            data = _form(request_data)
            seconds = max(seconds, _UPLOAD_SECONDS)
        elif request_data is not None:
            data = request_data.json_parameters
        answer = await self.fetch(method, url, data, read_seconds=seconds)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise FloodControl(retry_after(answer.body))
        if answer.status >= HTTPStatus.BAD_GATEWAY:  # a gateway's word, not the server's
            raise AnswerLost(f"the Bot API server is not available ({answer.status})")
        return answer.status, answer.body

    async def fetch(
        self,
        method: str,
        url: str,
        data: aiohttp.FormData | Mapping[str, str] | None,
        *,
        read_seconds: float,
    ) -> RawAnswer:
        """Make one call and return what came, whatever the status.

        Raises:
            NotSent, TimedOut, AnswerLost: No answer came.
        """
        if self._session is None:
            raise NotSent("the connection pool is not open")
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=_CONNECT_SECONDS, sock_read=read_seconds
        )
        try:
            async with self._session.request(method, url, data=data, timeout=timeout) as answer:
                body = await answer.read()
                self._clock.note(answer.headers.get("Date"))
                return RawAnswer(status=answer.status, body=body)
        # `from None`: the cause would carry the address, and with it the token, into a traceback
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as exc:
            raise NotSent(f"cannot reach the Bot API server ({type(exc).__name__})") from None
        except TimeoutError:
            raise TimedOut("the Bot API server did not answer in time") from None
        except (aiohttp.ClientError, OSError) as exc:
            raise AnswerLost(f"connection lost ({type(exc).__name__})") from None
        except ValueError as exc:
            raise NotSent(f"the Bot API address is unusable ({type(exc).__name__})") from None


def retry_after(body: bytes) -> float:
    """Return the seconds that a 429 asks for; one where it names none."""
    try:
        refusal = msgspec.json.decode(body, type=_Refusal)
    except msgspec.DecodeError:
        return 1.0
    return max(refusal.parameters.retry_after if refusal.parameters else 0.0, 1.0)


def is_loopback(url: str) -> bool:
    """Tell whether an address is this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _form(request_data: RequestData) -> aiohttp.FormData:
    form = aiohttp.FormData()
    for name, value in request_data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, mime_type) in request_data.multipart_data.items():
        form.add_field(name, content, filename=filename, content_type=mime_type)
    return form
