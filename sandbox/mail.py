"""The mail server: STARTTLS, then a login, then mail is taken."""

from __future__ import annotations

import asyncio
import hmac
import ssl
from dataclasses import dataclass

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from sandbox.faults import FaultBoard
from sandbox.mailbox import Mailbox

_SURFACE = "smtp"
MAX_MAIL = 25 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class MailAccount:
    """The one account the server knows."""

    user: str
    password: str

    def accepts(self, login: object) -> bool:
        """Whether a login names this account with its password."""
        if not isinstance(login, LoginPassword):
            return False
        user = hmac.compare_digest(login.login, self.user.encode())
        return hmac.compare_digest(login.password, self.password.encode()) and user


class _Handler:
    """What aiosmtpd calls, by the names it calls them."""

    def __init__(self, mailbox: Mailbox, faults: FaultBoard) -> None:
        self._mailbox = mailbox
        self._faults = faults

    async def handle_RCPT(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if refusal := self._refusal("RCPT", explicitly=True):
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if slow := self._faults.take(_SURFACE, "slow_ms", "DATA"):
            await asyncio.sleep(slow.amount / 1000)
        if refusal := self._refusal("DATA", explicitly=False):
            return refusal
        content = envelope.content
        raw = content if isinstance(content, bytes) else str(content).encode()
        mail = self._mailbox.add(envelope.mail_from or "", list(envelope.rcpt_tos), raw)
        if self._faults.take(_SURFACE, "drop_after_data", "DATA"):
            _cut(server.transport)
        return f"250 2.0.0 OK: kept as {mail.mail_id}"

    def _refusal(self, verb: str, *, explicitly: bool) -> str:
        for kind, text in (
            ("temp_451", "451 4.3.0 Temporary local problem, try again later"),
            ("perm_550", "550 5.7.1 Refused for good, do not try again"),
        ):
            fault = self._faults.peek(_SURFACE, kind, verb)
            if fault and (fault.names(verb) or not explicitly):
                self._faults.take(_SURFACE, kind, verb)
                return text
        return ""


def _cut(transport: asyncio.BaseTransport | None) -> None:
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


class _Door(SMTP):
    """One connection; dropped at once while the mail server is "down"."""

    faults: FaultBoard

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        first = self.session is not None and self.session.ssl is None
        if first and self.faults.take(_SURFACE, "down", "CONNECT"):
            _cut(transport)


class MailServer:
    """Listens for mail on the running loop; `start` returns when it does."""

    def __init__(self, mailbox: Mailbox, faults: FaultBoard, account: MailAccount) -> None:
        self._handler = _Handler(mailbox, faults)
        self._faults = faults
        self._account = account
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int, tls: ssl.SSLContext) -> int:
        """Listen and return the port.

        Raises:
            OSError: The port cannot be had.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: self._door(tls), host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    def _door(self, tls: ssl.SSLContext) -> _Door:
        door = _Door(
            self._handler,
            hostname="sandbox.outcry",
            ident="Outcry sandbox",
            data_size_limit=MAX_MAIL,
            enable_SMTPUTF8=True,
            tls_context=tls,
            require_starttls=True,
            auth_required=True,
            auth_require_tls=True,
            authenticator=self._authenticate,
            loop=asyncio.get_running_loop(),
        )
        door.faults = self._faults
        return door

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        known = mechanism in ("LOGIN", "PLAIN") and self._account.accepts(data)
        return AuthResult(success=known, handled=False)

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
