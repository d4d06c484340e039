"""Mail on the wire: the tree of parts, headers, and every way a mail server says no."""

import asyncio
import email.policy
import socket
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import pytest
from aiosmtpd.smtp import SMTP

from engine.domain.events import DailyReportReady
from engine.domain.messages import Severity
from engine.errors import ConfigError, DeliveryDelayed, DeliveryRefused
from engine.ports import Channel
from engine.schedule.live import SystemWallClock
from notifiers.channels.email import EmailChannel, EmailSettings, SmtpSecurity
from sandbox.certificate import ensure_certificate
from sandbox.config import SandboxConfig
from sandbox.server import Sandbox
from tests.fakes.channels import FakeArtist
from tests.fakes.events import a_doubtful_report, a_report, every_event, told
from tests.fakes.wires import email_settings

REPORT = DailyReportReady(**told("report"), report=a_report())
STOP_MISSING = every_event()["stop_missing"]


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxConfig(state_dir=tmp_path / "state", limits=False)) as running:
        yield running


def channel(settings: EmailSettings, artist: FakeArtist | None = None) -> EmailChannel:
    return EmailChannel(settings, clock=SystemWallClock(), artist=artist)


async def post(via: Channel, event: object = STOP_MISSING, *, key: str = "k") -> str:
    (body,) = via.compose(event, Severity.CRITICAL)
    return await via.send("alex@example.org", body, key=key, repeat=False, late_seconds=None)


def shape(part: EmailMessage) -> object:
    if not part.is_multipart():
        return part.get_content_type()
    return [part.get_content_type(), *(shape(child) for child in part.iter_parts())]


async def test_the_report_is_text_html_with_pictures_and_files(box: Sandbox) -> None:
    await post(channel(email_settings(box), FakeArtist()), REPORT)
    (mail,) = box.mails()
    assert shape(mail.message) == [
        "multipart/mixed",
        [
            "multipart/alternative",
            "text/plain",
            ["multipart/related", "text/html", "image/png", "image/png"],
        ],
        "text/csv",
        "text/csv",
    ]
    for name in ("equity.png", "strategies.png"):
        assert f'src="cid:{name}"' in mail.html
    parts = {part.name: part for part in mail.parts()}
    assert {part.content_id for part in parts.values()} == {"equity.png", "strategies.png", ""}
    assert parts["trades-2026-05-12.csv"].content.startswith(b"symbol,book,side")
    assert mail.subject.startswith("[REPLAY demo] Tue 12 May")
    assert "+158.90 USD" in mail.subject
    assert "\n.\n" not in mail.text


async def test_a_report_without_charts_has_no_gap_where_they_would_be(box: Sandbox) -> None:
    await post(channel(email_settings(box), FakeArtist(charts=None)), REPORT)
    (mail,) = box.mails()
    assert "cid:" not in mail.html
    assert "image/png" not in str(shape(mail.message))


async def test_a_doubtful_report_says_so_in_its_subject(box: Sandbox) -> None:
    await post(
        channel(email_settings(box)),
        DailyReportReady(**told("doubtful"), report=a_doubtful_report()),
    )
    assert "CHECK THE FIGURES" in box.mails()[0].subject


async def test_headers_and_a_message_id_that_is_the_same_for_every_try(box: Sandbox) -> None:
    via = channel(email_settings(box))
    first, again, other = await post(via), await post(via), await post(via, key="other")
    assert first == again != other
    message = box.mails()[0].message
    assert message["Message-ID"] == first
    assert message["Message-ID"].endswith("@example.org>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Id"] == "<alerts.outcry.example.org>"
    assert message["Importance"] == "high"
    assert message["To"] == "alex@example.org"
    assert message["Date"].datetime.tzinfo is not None
    assert message["Subject"] == "[REPLAY demo] CRITICAL No working stop: +0.5 AAPL"


async def test_each_recipient_gets_a_mail_of_his_own(box: Sandbox) -> None:
    settings = email_settings(box, recipients=("alex@example.org", "kim@example.org"))
    assert channel(settings).recipients() == ("alex@example.org", "kim@example.org")
    await post(channel(settings))
    assert box.mails()[0].recipients == ("alex@example.org",)


async def test_the_mail_is_seven_bit_with_short_lines(box: Sandbox) -> None:
    await post(channel(email_settings(box), FakeArtist()), REPORT)
    raw = box.mails()[0].raw
    assert max(raw) < 128
    assert max(len(line) for line in raw.splitlines()) <= 998
    assert email.message_from_bytes(raw, policy=email.policy.default)["Subject"]


@pytest.mark.parametrize("verb", ["RCPT", "DATA"])
async def test_451_delays_and_550_refuses(box: Sandbox, verb: str) -> None:
    via = channel(email_settings(box))
    box.faults.replace({"smtp": {"temp_451": [verb]}})
    with pytest.raises(DeliveryDelayed, match="451") as delayed:
        await post(via)
    assert not delayed.value.may_have_arrived
    box.faults.replace({"smtp": {"perm_550": [verb]}})
    with pytest.raises(DeliveryRefused, match="550") as refused:
        await post(via)
    assert not refused.value.disable
    assert box.mails() == []


async def test_a_connection_lost_after_the_mail_was_taken_may_have_delivered_it(
    box: Sandbox,
) -> None:
    box.faults.replace({"smtp": {"drop_after_data": True}})
    with pytest.raises(DeliveryDelayed) as raised:
        await post(channel(email_settings(box)))
    assert raised.value.may_have_arrived
    assert len(box.mails()) == 1


async def test_a_server_slower_than_the_timeout_may_have_taken_the_mail(box: Sandbox) -> None:
    box.faults.replace({"smtp": {"slow_ms": 1500}})
    with pytest.raises(DeliveryDelayed) as raised:
        await post(channel(email_settings(box, timeout_seconds=0.3)))
    assert raised.value.may_have_arrived


async def test_a_wrong_password_is_told_at_once_and_not_shown(box: Sandbox) -> None:
    settings = email_settings(box, password="canary-password")
    with pytest.raises(DeliveryRefused, match=r"Check email\.username") as raised:
        await post(channel(settings))
    assert raised.value.disable
    assert "canary" not in str(raised.value) + repr(settings)


async def test_a_certificate_that_is_not_trusted_stops_the_mail(box: Sandbox) -> None:
    with pytest.raises(DeliveryRefused, match=r"No trusted.*ca_file") as raised:
        await post(channel(email_settings(box, ca_file=None)))
    assert raised.value.disable
    assert box.mails() == []


async def test_a_certificate_file_that_is_not_there_is_named(box: Sandbox, tmp_path: Path) -> None:
    missing = tmp_path / "none.pem"
    with pytest.raises(DeliveryRefused, match=r"email\.ca_file .*none\.pem"):
        await post(channel(email_settings(box, ca_file=missing)))


async def test_tls_from_the_first_byte_against_a_server_that_speaks_later(box: Sandbox) -> None:
    """The usual mistake: port 587 with the setting of 465."""
    with pytest.raises((DeliveryRefused, DeliveryDelayed)):
        await post(channel(email_settings(box, security=SmtpSecurity.TLS)))
    assert box.mails() == []


async def test_nobody_listening_is_a_delay_in_which_nothing_arrived(box: Sandbox) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(DeliveryDelayed, match="can't be reached") as raised:
        await post(channel(email_settings(box, port=port)))
    assert not raised.value.may_have_arrived


class _Plain:
    """An aiosmtpd handler that keeps what it is given."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        self.mails.append(envelope.content)
        return "250 OK"


async def _plain_server(handler: _Plain, **options: object) -> tuple[object, int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, loop=loop, hostname="plain"),
        "127.0.0.1",
        0,
        **options,
    )
    return server, server.sockets[0].getsockname()[1]


async def test_a_server_without_encryption_gets_neither_login_nor_mail() -> None:
    handler = _Plain()
    server, port = await _plain_server(handler)
    settings = EmailSettings(
        host="127.0.0.1", port=port, sender="o@example.org", recipients=("a@example.org",)
    )
    try:
        with pytest.raises(DeliveryRefused, match=r"lacks what the settings ask for") as raised:
            await post(channel(settings))
    finally:
        server.close()
    assert raised.value.disable
    assert handler.mails == []


async def test_implicit_tls_and_no_login(tmp_path: Path) -> None:
    certificate = ensure_certificate(tmp_path, ("127.0.0.1",))
    handler = _Plain()
    server, port = await _plain_server(handler, ssl=certificate.server_context())
    settings = EmailSettings(
        host="127.0.0.1",
        port=port,
        sender="o@example.org",
        recipients=("a@example.org",),
        security=SmtpSecurity.TLS,
        ca_file=certificate.cert_file,
    )
    try:
        await post(channel(settings))
    finally:
        server.close()
    assert len(handler.mails) == 1


async def test_clear_text_is_for_this_machine_only() -> None:
    handler = _Plain()
    server, port = await _plain_server(handler)
    fields = {"port": port, "sender": "o@example.org", "recipients": ("a@example.org",)}
    none = SmtpSecurity.NONE
    try:
        await post(channel(EmailSettings(host="127.0.0.1", security=none, **fields)))
    finally:
        server.close()
    assert len(handler.mails) == 1
    with pytest.raises(ConfigError, match="clear text"):
        EmailSettings(host="mail.example.org", security=none, **fields)


def test_every_error_class_of_the_library_is_known() -> None:
    """A new one must be looked at: `_open` and `_hand_over` map them all."""
    known = {
        *("SMTPAuthenticationError", "SMTPConnectError", "SMTPConnectResponseError"),
        *("SMTPConnectTimeoutError", "SMTPDataError", "SMTPException", "SMTPHeloError"),
        *("SMTPNotSupported", "SMTPReadTimeoutError", "SMTPRecipientRefused"),
        *("SMTPRecipientsRefused", "SMTPResponseException", "SMTPSenderRefused"),
        *("SMTPServerDisconnected", "SMTPTimeoutError"),
    }
    classes = (
        value
        for value in vars(aiosmtplib.errors).values()
        if isinstance(value, type) and issubclass(value, aiosmtplib.SMTPException)
    )
    assert {found.__name__ for found in classes} == known
