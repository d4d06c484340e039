"""One sandbox: everything put together, started and stopped; and the hands that tests use."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from aiohttp import web

from sandbox.botapi.chats import Chats
from sandbox.botapi.files import MAX_UPLOAD, Files
from sandbox.botapi.limits import SendLimits
from sandbox.botapi.presence import Presence
from sandbox.botapi.server import BotServer
from sandbox.botapi.updates import Updates
from sandbox.botapi.webhook import RetryPolicy, WebhookPusher
from sandbox.botapi.world import World
from sandbox.certificate import Certificate, ensure_certificate
from sandbox.clock import Clock
from sandbox.config import SandboxConfig
from sandbox.db import Database
from sandbox.faults import FaultBoard
from sandbox.guard import guard
from sandbox.hub import Hub
from sandbox.identity import Identity, load_identity
from sandbox.jsontypes import JsonObject, as_object
from sandbox.mail import MailServer
from sandbox.mailbox import Mail, Mailbox
from sandbox.person import Letter, People, Sent
from sandbox.push import PushServer, PushStore
from sandbox.signals import Signal
from sandbox.upstream import Upstream
from sandbox.web.api import PageApi
from sandbox.web.mails import MailPages
from sandbox.web.pages import add_pages, header_signal
from sandbox.web.pushactions import PushActions

if TYPE_CHECKING:  # loaded only when an exchange is asked for: it takes memory and time
    from sandbox.exchange.hosting import HostedExchange

_DB_FILES = ("sandbox.db", "sandbox.db-wal", "sandbox.db-shm")
_STOP_WITHIN_S = 1.0
_log = logging.getLogger(__name__)
T = TypeVar("T")


class PortTaken(Exception):
    """A port cannot be had; the text says which and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where everything listens."""

    page: str
    http_port: int
    smtp_port: int


class Sandbox:
    """The outside world in a box; use it as `async with Sandbox(config) as box`.

    Nothing is opened before `__aenter__`.
    """

    def __init__(
        self,
        config: SandboxConfig,
        *,
        clock: Clock | None = None,
        webhook_retry: RetryPolicy | None = None,
    ) -> None:
        self.config = config
        self.clock = clock or Clock()
        self.faults = FaultBoard(self._faults_changed)
        self._webhook_retry = webhook_retry or RetryPolicy()
        self._hub = Hub()
        self._wake = Signal()

    # starting and stopping

    async def __aenter__(self) -> Self:
        self._open_state()
        listening = False
        try:
            await self._listen()
            listening = True
        finally:
            if not listening:
                await self._close()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    def _open_state(self) -> None:
        config = self.config
        config.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if config.fresh:
            _forget(config)
        self._db = Database(config.state_dir / "sandbox.db")
        self._identity = load_identity(self._db, config)
        self._certificate = ensure_certificate(config.state_dir, (_reachable(config.host),))
        self._world = self._make_world(self._identity)
        self.people = People(self._world, self._identity.operator)
        self._mailbox = Mailbox(self._db, self._hub, self.clock)
        self._mail_server = MailServer(self._mailbox, self.faults, self._identity.mail_account)
        self._push = PushServer(
            store=PushStore(self._db, self._hub),
            faults=self.faults,
            clock=self.clock,
            token=config.ntfy_token,
            limited=config.limits,
        )
        self._bot_server = BotServer(self._world)
        self._upstream = Upstream(config.upstream)
        self._runner: web.AppRunner | None = None
        self._pusher: asyncio.Task[None] | None = None
        self.exchange: HostedExchange | None = None

    def _make_world(self, identity: Identity) -> World:
        updates = Updates(self._db, self.clock, self._wake, self._hub.changed)
        updates.pace_polls = self.config.limits
        return World(
            db=self._db,
            hub=self._hub,
            clock=self.clock,
            faults=self.faults,
            limits=SendLimits(self.clock, enabled=self.config.limits),
            chats=Chats(self._db, self._hub, self.clock),
            updates=updates,
            files=Files(self._db, self.config.state_dir / "files"),
            presence=Presence(self._hub, self.clock),
            bot=identity.bot,
            token=identity.token,
        )

    def _faults_changed(self) -> None:
        self._wake.notify()
        self._hub.publish("faults", self.faults.to_json())

    def _make_app(self) -> web.Application:
        app = web.Application(
            client_max_size=MAX_UPLOAD + 1024 * 1024,
            middlewares=[guard(self.config.allowed_hosts)],
        )
        app.on_response_prepare.append(header_signal(self.clock))
        self._bot_server.add_routes(app.router)
        self._push.add_routes(app.router)
        self._upstream.add_routes(app.router)
        MailPages(self._mailbox).add_routes(app.router)
        PushActions(self._push.store).add_routes(app.router)
        PageApi(
            world=self._world,
            people=self.people,
            mailbox=self._mailbox,
            push=self._push,
            pid_file=self.config.service_pid_file,
            start_again=self.reset,
            exchange=self.config.exchange,
        ).add_routes(app.router)
        if self.exchange is not None:
            self.exchange.add_routes(app.router)
        add_pages(app)
        return app

    async def _listen(self) -> None:
        config = self.config
        await self._upstream.start()
        if config.exchange is not None:
            await self._open_exchange(config.exchange)
        # handler_cancellation: a poll whose client died must end, or the bot would look alive.
        self._runner = web.AppRunner(
            self._make_app(),
            handler_cancellation=True,
            access_log=None,
            shutdown_timeout=_STOP_WITHIN_S,
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, config.host, config.port).start()
        except OSError as exc:
            raise PortTaken(_port_taken("PORT", config.host, config.port, exc)) from exc
        tls = self._certificate.server_context()
        try:
            smtp_port = await self._mail_server.start(config.host, config.smtp_port, tls)
        except OSError as exc:
            raise PortTaken(_port_taken("--smtp-port", config.host, config.smtp_port, exc)) from exc
        http_port: int = self._runner.addresses[0][1]
        page = f"http://{_bracketed(_reachable(config.host))}:{http_port}"
        self.addresses = Addresses(page=page, http_port=http_port, smtp_port=smtp_port)
        pusher = WebhookPusher(self._world, self._webhook_retry)
        self._pusher = asyncio.get_running_loop().create_task(pusher.run(), name="webhook")
        self._pusher.add_done_callback(_report_failure)

    async def _open_exchange(self, kind: str) -> None:
        from sandbox.exchange.core.kinds import MarketKind
        from sandbox.exchange.hosting import HostedExchange

        exchange = HostedExchange(MarketKind(kind))
        await exchange.__aenter__()
        self.exchange = exchange

    async def _close(self) -> None:
        self._hub.close()
        self._bot_server.close()
        self._world.presence.close()
        if self._pusher is not None:
            self._pusher.cancel()
            await asyncio.wait([self._pusher])
        await self._mail_server.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        await self._upstream.stop()
        if self.exchange is not None:
            await self.exchange.__aexit__(None, None, None)
        self._world.presence.close()
        self._db.close()

    # addresses and secrets

    @property
    def page_url(self) -> str:
        """Address of the page."""
        return f"{self.addresses.page}/"

    @property
    def bot_api_url(self) -> str:
        """`base_url` in python-telegram-bot's form: the token is appended."""
        return f"{self.addresses.page}/bot"

    @property
    def bot_files_url(self) -> str:
        """`base_file_url` in python-telegram-bot's form."""
        return f"{self.addresses.page}/file/bot"

    @property
    def ntfy_url(self) -> str:
        """Base address of the push server."""
        return f"{self.addresses.page}/ntfy"

    @property
    def token(self) -> str:
        """The bot token that is accepted."""
        return self._identity.token

    @property
    def operator_id(self) -> int:
        """Telegram user id of the person at the page."""
        return self.config.operator_id

    @property
    def smtp_host(self) -> str:
        """Host name of the mail server, as its certificate has it."""
        return _reachable(self.config.host)

    @property
    def smtp_port(self) -> int:
        """Port of the mail server."""
        return self.addresses.smtp_port

    @property
    def smtp_user(self) -> str:
        """User name of the mail account."""
        return self._identity.mail_account.user

    @property
    def smtp_password(self) -> str:
        """Password of the mail account."""
        return self._identity.mail_account.password

    @property
    def certificate(self) -> Certificate:
        """The mail server's certificate."""
        return self._certificate

    def announcement(self) -> JsonObject:
        """Return what a service needs to connect, as printed at start."""
        return {
            "page": self.page_url,
            "bot_api": self.bot_api_url,
            "bot_files": self.bot_files_url,
            "token": self.token,
            "operator_id": self.operator_id,
            "smtp_host": self.smtp_host,
            "smtp_port": self.smtp_port,
            "smtp_user": self.smtp_user,
            "smtp_password": self.smtp_password,
            "smtp_ca": str(self._certificate.cert_file.resolve()),
            "ntfy": self.ntfy_url,
            **({} if self.exchange is None else {"exchange": self.exchange.announcement()}),
        }

    # hands and eyes

    @property
    def world(self) -> World:
        """The state behind the Bot API."""
        return self._world

    def send_text(
        self,
        text: str,
        *,
        user_id: int | None = None,
        chat_id: int | None = None,
        date: int | None = None,
        edited: bool = False,
        forwarded: bool = False,
        kind: str = "message",
        reply_to: int | None = None,
        message_id: int | None = None,
    ) -> Sent:
        """Write to the bot as the operator or, with `user_id`, as someone else.

        Raises:
            PersonError: It makes no sense; nothing was sent.
        """
        if edited or forwarded:
            kind = "edited" if edited else "forwarded"
        return self.people.send(
            Letter(
                text=text,
                user=None if user_id is None else {"id": user_id},
                chat=None if chat_id is None else {"id": chat_id},
                kind=kind,
                date=date,
                reply_to=reply_to,
                message_id=message_id,
            )
        )

    def press(
        self,
        chat_id: int,
        message_id: int,
        label: str | None = None,
        *,
        data: str | None = None,
        user_id: int | None = None,
    ) -> str:
        """Press an inline button by its label or its data; return the query's id.

        Raises:
            PersonError: There is no such button; the text lists those there are.
        """
        user: JsonObject | None = None if user_id is None else {"id": user_id}
        return self.people.press(chat_id, message_id, label=label, data=data, user=user)

    def messages(self, chat_id: int | None = None, *, after: int = 0) -> list[JsonObject]:
        """Return the messages of a chat (the operator's by default), oldest first.

        Each is the Bot API's `Message` with one more key, `sandbox` (`from_bot`, `silent`, ...).
        """
        wanted = self.operator_id if chat_id is None else chat_id
        found = self._world.chats.messages(wanted, after=after, limit=1_000_000)
        return [message.to_json() for message in found]

    def replies(self, chat_id: int | None = None, *, after: int = 0) -> list[JsonObject]:
        """Return only what the bot wrote."""
        found = self.messages(chat_id, after=after)
        return [item for item in found if as_object(item["sandbox"]).get("from_bot")]

    def callback_answer(self, query_id: str) -> JsonObject | None:
        """Return what the bot answered to a button press, or None so far."""
        return self._world.chats.answer_of(query_id)

    def mails(self) -> list[Mail]:
        """Return the mails that arrived, oldest first."""
        return self._mailbox.all()

    def pushes(self, topic: str | None = None) -> list[JsonObject]:
        """Return what was published by ntfy, oldest first."""
        return self._push.store.all(topic)

    def inject_updates(self, count: int, text: str = "/status") -> list[int]:
        """Queue many messages of the operator at once; return their update ids."""
        return self.people.send_bulk(count, text)

    async def wait_for(self, predicate: Callable[[], T | None], timeout: float = 5.0) -> T:  # noqa: ASYNC109 (tests pass it)
        """Wait until `predicate()` is truthy and return what it returned.

        It is asked again whenever something happens in this world.

        Raises:
            TimeoutError: It did not come true within `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            while not (found := predicate()):
                await self._hub.changed.wait()
        return found

    def reset(self) -> None:
        """Forget chats, updates, mails and pushes; keep token, password, certificate and ids."""
        self._db.clear()
        self.faults.clear()
        self._world.limits.forget()
        self.people = People(self._world, self._identity.operator)
        self._hub.publish("resync", {})


def _report_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error(
            "Webhook delivery stopped: no update is delivered by webhook until the sandbox is "
            "started again. Polling still works.",
            exc_info=error,
        )


def _forget(config: SandboxConfig) -> None:
    for name in _DB_FILES:
        (config.state_dir / name).unlink(missing_ok=True)
    shutil.rmtree(config.state_dir / "files", ignore_errors=True)


def _reachable(host: str) -> str:
    """Return the host name under which this machine reaches a server bound to `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _port_taken(name: str, host: str, port: int, error: OSError) -> str:
    option = "PORT=8081" if name == "PORT" else "--smtp-port 0"
    return (
        f"Cannot listen on {host} port {port} ({os.strerror(error.errno or 0)}); "
        f"the sandbox did not start. Choose another port: {option} (0 takes any free one)."
    )
