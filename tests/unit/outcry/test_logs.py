"""The log: every line redacted, whoever writes it, in both forms."""

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog

from config.loading import load_settings
from outcry.commands.run import secrets_of
from outcry.logs import configure_logs

TOKEN = "123456789:AAabcdefghijklmnopqrstuvwxyz0123456"
PASSWORD = "correct horse"


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def speak() -> None:
    """Put both secrets wherever a log line can carry one."""
    ours, theirs = structlog.get_logger("engine.x"), logging.getLogger("library")
    ours.info("hello", url=f"https://api.telegram.org/bot{TOKEN}/getMe", password=PASSWORD)
    theirs.warning("POST %s", f"/bot{TOKEN}/sendMessage")
    try:
        raise ValueError(f"refused {TOKEN} {PASSWORD}")
    except ValueError:
        ours.exception("failed")
        theirs.exception("failed too")
    ours.error("carried", exc_info=RuntimeError(TOKEN))
    warnings.warn(f"careful with {TOKEN}", UserWarning, stacklevel=1)


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.usefixtures("restored")
@pytest.mark.filterwarnings("default")
def test_no_secret_reaches_the_log(form: str) -> None:
    sink = io.StringIO()
    configure_logs(
        level="debug",
        form=form,
        secrets=[TOKEN, PASSWORD, ""],
        stream=sink,
    )
    speak()
    text = sink.getvalue()
    assert "hello" in text
    assert "ValueError" in text
    assert "getMe" in text
    assert TOKEN not in text
    assert PASSWORD not in text


@pytest.mark.usefixtures("restored")
def test_json_is_one_document_per_line_with_level_and_time() -> None:
    sink = io.StringIO()
    configure_logs(level="info", form="json", secrets=[], stream=sink)
    structlog.get_logger("engine.x").info("hello", count=3)
    logging.getLogger("library").warning("theirs")
    structlog.get_logger("engine.x").debug("quiet")
    first, second = map(json.loads, sink.getvalue().splitlines())
    assert (first["event"], first["level"], first["count"]) == ("hello", "info", 3)
    assert (second["event"], second["logger"]) == ("theirs", "library")
    assert first["timestamp"].endswith("Z")


@pytest.mark.usefixtures("restored")
def test_http_clients_never_log_their_addresses() -> None:
    sink = io.StringIO()
    configure_logs(level="debug", form="console", secrets=[], stream=sink)
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).info("GET https://example.com")
    assert sink.getvalue() == ""


@pytest.mark.usefixtures("restored")
def test_a_venues_library_is_quiet_even_at_debug() -> None:
    """It would write every request, key and signature included."""
    sink = io.StringIO()
    configure_logs(level="debug", form="console", secrets=[], stream=sink)
    logging.getLogger("ccxt.base.exchange").debug("GET ... signature=%s", "f00d")
    assert "f00d" not in sink.getvalue()


def test_every_secret_of_the_settings_is_kept_from_the_log() -> None:
    environ = {
        "OUTCRY_VENUE__KEY": "the key",
        "OUTCRY_VENUE__SECRET": "the secret",
        "OUTCRY_VENUE__PASSPHRASE": "the passphrase",
        "OUTCRY_TELEGRAM__TOKEN": "the token",
        "OUTCRY_EMAIL__PASSWORD": "the password",
        "OUTCRY_PUSH__TOKEN": "the push token",
        "OUTCRY_PUSH__TOPIC": "the topic",
    }
    assert set(secrets_of(load_settings(None, environ))) == set(environ.values())
