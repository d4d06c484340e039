"""E-mail by SMTP (RFC 5321) over TLS, as multipart/mixed of texts, inline charts and CSV files."""

import asyncio
import hashlib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import aiosmtplib
import msgspec

from engine.domain.events import DailyReportReady
from engine.domain.messages import Event, Severity
from engine.domain.views import DailyReport
from engine.errors import ConfigError, DeliveryDelayed, DeliveryRefused
from engine.ports import WallClock
from notifiers.address import is_loopback
from notifiers.charts import ReportArtist, drawn
from notifiers.marks import delivery_mark
from notifiers.mime import Envelope, built, domain_of
from render.alerts import Alert, alert_of
from render.mail import EQUITY_PICTURE, RUNS_PICTURE, MailText, alert_mail, report_mail


class SmtpSecurity(StrEnum):
    STARTTLS = "starttls"  # usual port 587
    TLS = "tls"  # from the first byte; usual port 465
    NONE = "none"  # this machine only


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailSettings:
    """Attributes:
    sender: Address in From and in the envelope.
    recipients: Addresses that are told; each gets a mail of its own.
    username, password: Login; both empty for none.
    ca_file: Certificates to trust instead of the system's.
    timeout_seconds: For each step of the conversation.

    Raises:
        ConfigError: Mail in clear text to another machine.
    """

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    username: str = ""
    password: str = field(default="", repr=False)
    security: SmtpSecurity = SmtpSecurity.STARTTLS
    ca_file: Path | None = None
    timeout_seconds: float = 15.0

    def __post_init__(self) -> None:
        if self.security is SmtpSecurity.NONE and not is_loopback(self.host):
            raise ConfigError(
                f"email.security: none would send mail to {self.host} in clear text; nothing is "
                "sent so. Use starttls or tls."
            )


class MailBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """One mail as it is stored: an alert, or the report of a day. Drawn and put into MIME when
    it is sent."""

    severity: Severity
    alert: Alert | None = None
    report: DailyReport | None = None


class EmailChannel:
    """The `Channel` port over SMTP; one connection per mail, closed after it."""

    name = "email"

    def __init__(
        self,
        settings: EmailSettings,
        *,
        clock: WallClock,
        artist: ReportArtist | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._artist = artist
        self._tls: ssl.SSLContext | None = None

    def recipients(self) -> tuple[str, ...]:
        return self._settings.recipients

    def compose(self, event: Event, severity: Severity) -> tuple[str, ...]:
        if isinstance(event, DailyReportReady):
            body = MailBody(severity=severity, report=event.report)
        else:
            body = MailBody(severity=severity, alert=alert_of(event))
        return (msgspec.json.encode(body).decode(),)

    async def send(
        self,
        recipient: str,
        body: str,
        *,
        key: str,
        repeat: bool,
        late_seconds: float | None,
    ) -> str:
        """Deliver one mail; its Message-ID is a function of `key`, so a repeat is one mail."""
        stored = msgspec.json.decode(body, type=MailBody)
        mark = delivery_mark(key, repeat=repeat, late_seconds=late_seconds)
        mail, pictures = await self._rendered(stored, mark)
        envelope = Envelope(
            sender=self._settings.sender,
            recipient=recipient,
            message_id=f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}"
            f"@{domain_of(self._settings.sender)}>",
            date=self._clock.now(),
            list_name="reports" if stored.report is not None else "alerts",
            urgent=stored.severity is Severity.CRITICAL,
        )
        await self._deliver(recipient, built(mail, envelope, pictures))
        return envelope.message_id

    async def close(self) -> None:
        """Nothing stays open between mails."""

    async def _rendered(self, body: MailBody, mark: str) -> tuple[MailText, dict[str, bytes]]:
        if body.report is None:
            if body.alert is None:
                raise DeliveryRefused("The stored mail has neither alert nor report.")
            return alert_mail(body.alert, body.severity, mark=mark), {}
        charts = await drawn(self._artist, body.report)
        mail = report_mail(body.report, drawn=charts is not None, mark=mark)
        if charts is None:
            return mail, {}
        return mail, {EQUITY_PICTURE: charts.equity, RUNS_PICTURE: charts.runs}

    async def _deliver(self, recipient: str, content: bytes) -> None:
        smtp = self._client(await self._trusted())
        try:
            await self._open(smtp)
            await _hand_over(smtp, self._settings.sender, recipient, content)
        finally:
            with suppress(aiosmtplib.SMTPException, OSError):
                await smtp.quit(timeout=2)  # polite only: the mail is accepted or refused by now
            smtp.close()

    async def _open(self, smtp: aiosmtplib.SMTP) -> None:
        """Connect, encrypt and log in; nothing has been sent when this fails.

        Raises:
            DeliveryDelayed, DeliveryRefused
        """
        where = f"{self._settings.host}:{self._settings.port}"
        try:
            await smtp.connect()
            if self._settings.username:
                await smtp.login(self._settings.username, self._settings.password)
        except ssl.SSLError as exc:  # raised as it is, not as an SMTPException
            raise _untrusted(where, exc) from exc
        except aiosmtplib.SMTPAuthenticationError as exc:
            if exc.code < 500:
                raise DeliveryDelayed(f"Login at {where} not possible now: {_said(exc)}") from exc
            raise DeliveryRefused(
                f"Login at {where} refused: {_said(exc)}. Check email.username and the password.",
                disable=True,
            ) from exc
        except aiosmtplib.SMTPException as exc:
            if isinstance(cause := exc.__cause__, ssl.SSLError):
                raise _untrusted(where, cause) from exc
            if _lacks_something(exc):
                raise DeliveryRefused(
                    f"The mail server {where} lacks what the settings ask for ({exc}). Nothing was "
                    "sent; correct email.security, the port or the login.",
                    disable=True,
                ) from exc
            raise DeliveryDelayed(f"The mail server {where} can't be reached: {exc}") from exc
        except OSError as exc:
            raise DeliveryDelayed(f"The mail server {where} can't be reached: {exc}") from exc

    def _client(self, tls: ssl.SSLContext | None) -> aiosmtplib.SMTP:
        settings = self._settings
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=settings.timeout_seconds,
            use_tls=settings.security is SmtpSecurity.TLS,
            start_tls=settings.security is SmtpSecurity.STARTTLS,
            tls_context=tls,
            # not the machine's name: looking it up may block, and it says more than it need
            local_hostname=domain_of(settings.sender),
        )

    async def _trusted(self) -> ssl.SSLContext | None:
        """Return the certificates to verify the server with, read once."""
        if self._settings.security is SmtpSecurity.NONE:
            return None
        if self._tls is None:
            try:
                self._tls = await asyncio.to_thread(
                    ssl.create_default_context, cafile=self._settings.ca_file
                )
            except (OSError, ssl.SSLError) as exc:
                raise DeliveryRefused(
                    f"email.ca_file {self._settings.ca_file} can't be read as certificates: {exc}",
                    disable=True,
                ) from exc
        return self._tls


async def _hand_over(smtp: aiosmtplib.SMTP, sender: str, recipient: str, content: bytes) -> None:
    """Send one mail over an open connection.

    Raises:
        DeliveryDelayed: 4xx, or the connection broke; once the content is on its way, the mail
            may have arrived.
        DeliveryRefused: 5xx.
    """
    sending = False
    try:
        await smtp.mail(sender)
        await smtp.rcpt(recipient)
        sending = True
        await smtp.data(content)
    except aiosmtplib.SMTPResponseException as exc:
        answered = f"The mail server answered {_said(exc)}."
        if exc.code < 500:
            raise DeliveryDelayed(answered) from exc
        raise DeliveryRefused(answered) from exc
    except (aiosmtplib.SMTPException, OSError) as exc:
        raise DeliveryDelayed(
            f"The mail server broke off: {exc}.", may_have_arrived=sending
        ) from exc


def _said(error: aiosmtplib.SMTPResponseException) -> str:
    return f"{error.code} {' '.join(error.message.split())[:200]}"


def _lacks_something(error: aiosmtplib.SMTPException) -> bool:
    """Tell whether the server does not offer what was asked of it; STARTTLS has no own class."""
    no_starttls = "STARTTLS extension not supported" in str(error)
    return isinstance(error, aiosmtplib.SMTPNotSupported) or no_starttls


def _untrusted(where: str, error: ssl.SSLError) -> DeliveryRefused:
    return DeliveryRefused(
        f"No trusted encrypted connection to {where}: {error.reason or error}. Nothing was sent; "
        "correct email.ca_file, email.security or the server's certificate.",
        disable=True,
    )
