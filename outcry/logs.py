"""The log: standard error, one processor chain for ours and the libraries', secrets taken out."""

import logging
import sys
from collections.abc import Iterable
from typing import Literal, TextIO

import structlog
from structlog.typing import Processor

from bot.telegram.redaction import RedactingFilter, Redactor, quiet_noisy_loggers

# ccxt at DEBUG writes every request with its key and signature.
_LIBRARIES_THAT_CHATTER = ("apscheduler", "asyncio", "aiosqlite", "alembic", "ccxt", "matplotlib")


def configure_logs(
    *,
    level: str,
    form: Literal["console", "json"],
    secrets: Iterable[str],
    stream: TextIO | None = None,
) -> None:
    """Send every log line of this process to `stream`, standard error by default.

    Args:
        secrets: Texts that never appear, whoever logs them; bot tokens never do either way.
    """
    stream = stream or sys.stderr
    redact = Redactor(secrets)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact.event,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(form, stream),
            ],
        )
    )
    handler.addFilter(RedactingFilter(redact))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    quiet_noisy_loggers()
    for name in _LIBRARIES_THAT_CHATTER:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _renderer(form: Literal["console", "json"], stream: TextIO) -> Processor:
    if form == "json":
        return structlog.processors.JSONRenderer()
    # Tracebacks are text by then (so that they are redacted too): nothing is left to be pretty.
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
