"""What a sandbox is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """Settings of one sandbox.

    Attributes:
        state_dir: Where chat, mail, pushes, secrets and files are kept between starts.
        host: Address to listen on, for HTTP and SMTP.
        port: HTTP port; 0 takes any free one.
        smtp_port: SMTP port; 0 takes any free one.
        token: Bot token to accept; None keeps the one in `state_dir`, or makes one.
        upstream: Base URL of the service whose `/healthz`, `/metrics` and `/api/` are shown here.
        service_pid_file: File with the process id that the crash button kills.
        fresh: Forget everything in `state_dir` first.
        limits: Telegram's and ntfy's rate limits; off for load tests.
        ntfy_token: When set, ntfy publishing requires it as a bearer token.
        operator_id: Telegram user id of the person at the page.
        operator_name: First name of that person.
        exchange: Run a scripted exchange too, "spot" or "linear"; None for none.
        allowed_hosts: Names other than loopback and IP addresses that the page may be opened under.
    """

    state_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    smtp_port: int = 0
    token: str | None = None
    upstream: str | None = None
    service_pid_file: Path | None = None
    fresh: bool = False
    limits: bool = True
    ntfy_token: str | None = None
    operator_id: int = 1001
    operator_name: str = "Alex"
    exchange: str | None = None
    allowed_hosts: tuple[str, ...] = ()
