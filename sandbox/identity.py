"""Who is who in this world: the bot and its token, the operator, the mail account."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from sandbox.config import SandboxConfig
from sandbox.db import Database
from sandbox.jsontypes import JsonObject, as_text
from sandbox.mail import MailAccount

_TOKEN = re.compile(r"[0-9]{3,16}:[A-Za-z0-9_-]{3,}")


class TokenFormatError(ValueError):
    """A bot token that no client would accept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Names and secrets, the same at every start of one state directory."""

    token: str
    bot: JsonObject
    operator: JsonObject
    mail_account: MailAccount


def load_identity(db: Database, config: SandboxConfig) -> Identity:
    """Read the secrets of the state directory, making what is missing.

    Raises:
        TokenFormatError: The configured token has not Telegram's form.
    """
    stored = db.setting("identity") or {}
    token = config.token or as_text(stored.get("token")) or _new_token()
    if not _TOKEN.fullmatch(token):
        raise TokenFormatError(
            "The bot token must look like 123456:ABC-def: "
            "digits, a colon, then letters, digits, _ or -."
        )
    password = as_text(stored.get("smtp_password")) or secrets.token_urlsafe(18)
    db.put_setting("identity", {"token": token, "smtp_password": password})
    return Identity(
        token=token,
        bot={
            "id": int(token.partition(":")[0]),
            "is_bot": True,
            "first_name": "Outcry",
            "username": "outcry_sandbox_bot",
        },
        operator={
            "id": config.operator_id,
            "is_bot": False,
            "first_name": config.operator_name,
            "username": "operator",
            "language_code": "en",
        },
        mail_account=MailAccount(user="outcry", password=password),
    )


def _new_token() -> str:
    return f"{secrets.randbelow(9 * 10**8) + 10**8}:{secrets.token_urlsafe(26)}"
