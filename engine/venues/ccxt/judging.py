"""From what went wrong to what it means: evidence first, the library's class last."""

import socket
from collections.abc import Iterator

import aiohttp
import msgspec

from engine.venues.ccxt.fields import as_object, as_text
from engine.venues.ccxt.gate import GateClosed
from engine.venues.ccxt.quirks import Quirks
from engine.venues.ccxt.troubles import CLASSES, Operation, Trouble
from engine.venues.ccxt.wire import Wire

# Nothing left this machine: no connection was made.
_NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, socket.gaierror)
_RATE_STATUS = frozenset({418, 429})
_KEY_STATUS = frozenset({401, 403})
_TIMEOUT_STATUS = 408
_LONGEST_WORDS = 160

# What reading a garbled answer can raise inside the library.
GARBLED: tuple[type[Exception], ...] = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def judge(
    error: Exception, wire: Wire, quirks: Quirks, operation: Operation
) -> tuple[Trouble, str]:
    """Return what it means, and the venue's own words.

    In this order: held back here; not sent; no connection; an answer that can't be read; the HTTP
    status of a rate limit; the venue's text and code; the other statuses; the library's class.
    """
    if isinstance(error, GateClosed):
        return Trouble.HELD, error.reason
    by_class = _by_class(error)
    if not wire.sent:
        return _unsent(by_class), _local_words(error)
    if any(isinstance(cause, _NOT_CONNECTED) for cause in _causes(error)):
        return Trouble.UNREACHABLE, ""
    if wire.answered:
        return _after_answer(by_class, operation), ""
    code, words = _venue_said(wire, quirks)
    return _by_evidence(error, by_class, wire, quirks, code, words), words


def _by_evidence(
    error: Exception, by_class: Trouble, wire: Wire, quirks: Quirks, code: str, words: str
) -> Trouble:
    status = wire.status
    if status in _RATE_STATUS:
        return Trouble.RATE
    lowered = (words or wire.text[:2_000]).lower()
    for part, trouble in quirks.texts:
        if part in lowered:
            return trouble
    if code in quirks.codes:
        return quirks.codes[code]
    if status is None or any(isinstance(cause, aiohttp.ClientError) for cause in _causes(error)):
        return Trouble.UNKNOWN  # cut off: before the answer, or in the midst of it
    if status >= 500 or status == _TIMEOUT_STATUS:
        return Trouble.UNKNOWN
    if status in _KEY_STATUS:
        return Trouble.KEY if status == 401 else Trouble.PERMISSION
    if by_class is Trouble.UNCLEAR:
        return Trouble.REFUSED if 400 <= status < 500 else Trouble.UNKNOWN
    return by_class


def _unsent(by_class: Trouble) -> Trouble:
    """Nothing was sent, so whatever the class, it is no doubt."""
    if by_class is Trouble.UNKNOWN:
        return Trouble.UNREACHABLE
    return Trouble.REFUSED if by_class is Trouble.UNCLEAR else by_class


def _after_answer(by_class: Trouble, operation: Operation) -> Trouble:
    """The venue did answer, and the library stumbled over it.

    Some look-ups tell of absence that way; for anything that may have acted it is a doubt.
    """
    absent = operation is Operation.FIND and by_class is Trouble.NOT_FOUND
    return Trouble.NOT_FOUND if absent else Trouble.UNKNOWN


def _by_class(error: Exception) -> Trouble:
    for kind in type(error).__mro__:
        if kind.__name__ in CLASSES:
            return CLASSES[kind.__name__]
    return Trouble.UNKNOWN


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _local_words(error: Exception) -> str:
    """The library's reason for not sending; those name parameters, never secrets."""
    return str(error)[:_LONGEST_WORDS] if type(error).__name__ in CLASSES else ""


def _venue_said(wire: Wire, quirks: Quirks) -> tuple[str, str]:
    """Return the venue's code and words, "" where its answer has none."""
    try:
        answer = as_object(msgspec.json.decode(wire.text))
    except (msgspec.DecodeError, UnicodeError):
        return "", ""
    code = next((found for key in quirks.code_keys if (found := as_text(answer.get(key)))), "")
    words = next((found for key in quirks.text_keys if (found := _words(answer.get(key)))), "")
    return code, words[:_LONGEST_WORDS]


def _words(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(as_text(item) for item in value)
    return as_text(value)
