"""Keeps the bot token out of every log: libraries put it there, since it is part of the URL."""

import logging
import re
from collections.abc import Iterable, MutableMapping

REDACTED = "[redacted]"
# BotFather's form, 123456789:AA..., also where it stands in an address ("/bot123:AA.../getMe").
_TOKEN = re.compile(r"\d{5,}:[A-Za-z0-9_-]{20,}")
_NOISY = ("httpx", "httpcore", "telegram", "aiohttp.client")


class Redactor:
    """Replaces known secrets, and whatever looks like a bot token, in text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(sorted((text for text in secrets if text), key=len, reverse=True))

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return _TOKEN.sub(REDACTED, text)

    def event(
        self, _logger: object, _method: str, fields: MutableMapping[str, object]
    ) -> MutableMapping[str, object]:
        """Redact every value of a structlog event: put it after the traceback formatter."""
        for key, value in fields.items():
            fields[key] = self._value(value)
        return fields

    def _value(self, value: object) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        text = str(value)
        redacted = self(text)
        return value if redacted == text else redacted


class RedactingFilter(logging.Filter):
    """Redacts a record in place, traceback included; put it on every handler."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        redacted = self._redact(message)
        if redacted != message:
            record.msg, record.args = redacted, ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._redact(record.exc_text)
        return True


def quiet_noisy_loggers() -> None:
    """Let HTTP clients log warnings only: at INFO they print each URL, token included."""
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
