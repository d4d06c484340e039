"""Push notes by ntfy (https://docs.ntfy.sh/publish/#publish-as-json), its own server or any other.

The topic is a secret: whoever knows it can read along. It stands in the request's body, never in
an address, a log or a stored row; the recipient's name is "phone".
"""

import hashlib
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
import msgspec

from engine.domain.messages import Event, Severity
from engine.errors import DeliveryDelayed, DeliveryRefused
from notifiers.address import is_loopback
from notifiers.marks import delivery_mark
from notifiers.text import split_bytes
from render.alerts import alert_of, push_note

MESSAGE_LIMIT = 4096  # bytes; a longer one becomes an attachment
_ROOM_FOR_MARKS = 128
_TITLE_LIMIT = 250  # characters
_PRIORITY = {
    Severity.INFO: 2,
    Severity.NOTICE: 3,
    Severity.WARNING: 4,
    Severity.CRITICAL: 5,
}
_TAGS = {Severity.WARNING: ("warning",), Severity.CRITICAL: ("rotating_light",)}
_RECIPIENT = "phone"


@dataclass(frozen=True, slots=True, kw_only=True)
class NtfySettings:
    """Attributes:
    base_url: Address that JSON is published to, e.g. "https://ntfy.sh".
    topic: Secret; 1 to 64 letters, digits, "-" or "_".
    token: Access token, "" for none.
    click_url: Opened by a tap on the note; "" for none.
    timeout_seconds: For one request, connecting included.
    """

    base_url: str
    topic: str = field(repr=False)
    token: str = field(default="", repr=False)
    click_url: str = ""
    timeout_seconds: float = 10.0


class PushBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """One note as it is stored."""

    title: str
    message: str
    priority: int
    tags: tuple[str, ...] = ()


class NtfyChannel:
    """The `Channel` port over ntfy; its session opens with the first note."""

    name = "push"

    def __init__(self, settings: NtfySettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    def recipients(self) -> tuple[str, ...]:
        return (_RECIPIENT,)

    def compose(self, event: Event, severity: Severity) -> tuple[str, ...]:
        note = push_note(alert_of(event))
        parts = split_bytes(note.text, MESSAGE_LIMIT - _ROOM_FOR_MARKS)
        title = note.title
        if len(title) > _TITLE_LIMIT:
            parts = split_bytes(f"{title}\n{note.text}", MESSAGE_LIMIT - _ROOM_FOR_MARKS)
            title = title[: _TITLE_LIMIT - 1] + "…"
        many = len(parts) > 1
        return tuple(
            msgspec.json.encode(
                PushBody(
                    title=f"{title} ({number}/{len(parts)})" if many else title,
                    message=part,
                    priority=_PRIORITY[severity],
                    tags=_TAGS.get(severity, ()),
                )
            ).decode()
            for number, part in enumerate(parts, start=1)
        )

    async def send(
        self,
        recipient: str,
        body: str,
        *,
        key: str,
        repeat: bool,
        late_seconds: float | None,
    ) -> str:
        note = msgspec.json.decode(body, type=PushBody)
        mark = delivery_mark(key, repeat=repeat, late_seconds=late_seconds)
        return await self._publish(self._request(note, mark, key))

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _request(self, note: PushBody, mark: str, key: str) -> bytes:
        request: dict[str, object] = {
            "topic": self._settings.topic,
            "title": note.title,
            "message": f"{note.message}\n({mark})" if mark else note.message,
            "priority": note.priority,
            "tags": note.tags,
            # servers from 2.16 on show a repeat in the place of the first; older ones ignore it
            "sequence_id": _sequence_id(key),
        }
        if self._settings.click_url:
            request["click"] = self._settings.click_url
        return msgspec.json.encode(request)

    async def _publish(self, request: bytes) -> str:
        sent = False
        try:
            session = self._open()
            async with session.post(
                self._settings.base_url,
                data=request,
                headers=self._headers(),
                allow_redirects=False,  # the token must not follow one to another host
            ) as response:
                sent = True
                answer = await response.read()
                _check(response.status, response.headers.get("Retry-After", ""), answer)
                return _note_id(answer)
        except aiohttp.ClientConnectorCertificateError as exc:
            raise DeliveryRefused(
                f"The push server's certificate is not trusted ({exc.certificate_error}). Nothing "
                "was sent; correct push.server or the server's certificate.",
                disable=True,
            ) from exc
        except aiohttp.ClientConnectorError as exc:
            raise DeliveryDelayed(f"The push server can't be reached: {exc}") from exc
        except aiohttp.InvalidURL as exc:
            raise DeliveryRefused(
                "The push server's address is not valid; correct push.server.", disable=True
            ) from exc
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            # the request may have been read before the connection broke
            what = "answer was lost" if sent else "server did not answer"
            raise DeliveryDelayed(f"The push {what}.", may_have_arrived=True) from exc

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            timeout = aiohttp.ClientTimeout(total=self._settings.timeout_seconds)
            # the environment's proxy can't reach this machine itself
            outside = not is_loopback(urlsplit(self._settings.base_url).hostname or "")
            self._session = aiohttp.ClientSession(timeout=timeout, trust_env=outside)
        return self._session

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self._settings.token:
            headers["Authorization"] = f"Bearer {self._settings.token}"
        return headers


def _check(status: int, retry_after: str, answer: bytes) -> None:
    """Map an answer's status; 2xx passes.

    Raises:
        DeliveryDelayed: 429 and 5xx.
        DeliveryRefused: Anything else; 401, 403 and 404 for every later note as well.
    """
    if 200 <= status < 300:
        return
    text = f"The push server answered {status}: {_error(answer)}."
    if status == 429:
        seconds = float(retry_after) if retry_after.isdigit() else None
        raise DeliveryDelayed(text, retry_after=seconds)
    if status >= 500:
        raise DeliveryDelayed(text)
    if status in (401, 403, 404):
        raise DeliveryRefused(f"{text} Check push.server, push.topic and the token.", disable=True)
    raise DeliveryRefused(text)


class _Answer(msgspec.Struct):
    id: str = ""
    error: str = ""


def _parsed(answer: bytes) -> _Answer:
    try:
        return msgspec.json.decode(answer, type=_Answer)
    except msgspec.DecodeError:
        return _Answer()


def _note_id(answer: bytes) -> str:
    return _parsed(answer).id


def _error(answer: bytes) -> str:
    return _parsed(answer).error[:200] or "no reason given"


def _sequence_id(key: str) -> str:
    """Return an id of ntfy's alphabet that is a function of the message alone."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]
