"""The mails that arrived, and how they are read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr

from sandbox.clock import Clock
from sandbox.db import Database, Row, dump, integer, text
from sandbox.hub import Hub
from sandbox.jsontypes import JsonObject, as_list

_CID = re.compile(r"""(?i)(src\s*=\s*["']?)cid:([^"'\s>]+)""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One leaf of a mail's MIME tree."""

    index: int
    name: str
    mime: str
    content_id: str
    inline: bool
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail as it arrived.

    Attributes:
        mail_id: Number in the order of arrival.
        received_at: Epoch seconds.
        sender: Envelope sender.
        recipients: Envelope recipients.
        raw: The bytes after DATA.
        unread: Whether nobody opened it yet.
    """

    mail_id: int
    received_at: float
    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    unread: bool = True

    @property
    def message(self) -> EmailMessage:
        """The parsed mail."""
        parsed = message_from_bytes(self.raw, policy=default)
        if not isinstance(parsed, EmailMessage):
            raise TypeError("the default policy makes EmailMessage objects")
        return parsed

    @property
    def subject(self) -> str:
        """The decoded subject."""
        return str(self.message.get("Subject", ""))

    @property
    def text(self) -> str:
        """The plain text twin, "" if there is none."""
        return self._body("plain")

    @property
    def html(self) -> str:
        """The HTML body, "" if there is none."""
        return self._body("html")

    def _body(self, kind: str) -> str:
        body = self.message.get_body(preferencelist=(kind,))
        if not isinstance(body, EmailMessage):
            return ""
        content = body.get_content()
        return content.replace("\r\n", "\n") if isinstance(content, str) else ""

    def parts(self) -> list[Part]:
        """Return all leaves but the text bodies: inline images and attachments."""
        message = self.message
        bodies = {id(message.get_body(preferencelist=(kind,))) for kind in ("plain", "html")}
        return [
            _part(index, part)
            for index, part in enumerate(message.walk())
            if not part.is_multipart() and id(part) not in bodies
        ]

    def page_html(self, base: str) -> str:
        """Return the HTML body with `cid:` images pointing to addresses under `base`."""
        by_id = {part.content_id: part.index for part in self.parts() if part.content_id}

        def address(match: re.Match[str]) -> str:
            index = by_id.get(match.group(2))
            return match.group(0) if index is None else f"{match.group(1)}{base}/parts/{index}"

        return _CID.sub(address, self.html)

    def to_json(self) -> JsonObject:
        """Return the mail as the page lists it."""
        message = self.message
        name, address = parseaddr(str(message.get("From", self.sender)))
        return {
            "id": self.mail_id,
            "received_at": self.received_at,
            "envelope_from": self.sender,
            "recipients": list(self.recipients),
            "from_name": name,
            "from": address,
            "to": str(message.get("To", "")),
            "subject": self.subject,
            "date": str(message.get("Date", "")),
            "message_id": str(message.get("Message-ID", "")).strip(),
            "unread": self.unread,
            "text": self.text,
            "has_html": bool(self.html),
            "preview": " ".join(self.text.split())[:140],
            "attachments": [
                {
                    "index": part.index,
                    "name": part.name,
                    "mime": part.mime,
                    "size": len(part.content),
                    "inline": part.inline,
                }
                for part in self.parts()
            ],
        }


def _part(index: int, part: EmailMessage) -> Part:
    payload = part.get_payload(decode=True)
    content_id = str(part.get("Content-ID", "")).strip().strip("<>")
    return Part(
        index=index,
        name=part.get_filename() or f"part-{index}",
        mime=part.get_content_type(),
        content_id=content_id,
        inline=bool(content_id) and part.get_content_disposition() != "attachment",
        content=payload if isinstance(payload, bytes) else b"",
    )


class Mailbox:
    """Keeps mails in SQLite and tells the hub about new ones."""

    def __init__(self, db: Database, hub: Hub, clock: Clock) -> None:
        self._db = db
        self._hub = hub
        self._clock = clock

    def add(self, sender: str, recipients: list[str], raw: bytes) -> Mail:
        """Store a mail that arrived."""
        row = self._db.row(
            "INSERT INTO mails (received_at, sender, recipients, raw, unread) "
            "VALUES (?, ?, ?, ?, 1) RETURNING id, received_at, sender, recipients, raw, unread",
            self._clock.now(),
            sender,
            dump(recipients),
            raw,
        )
        if row is None:
            raise RuntimeError("SQLite did not return the row it stored")
        mail = _mail(row)
        self._hub.publish("mail", mail.to_json())
        return mail

    def all(self) -> list[Mail]:
        """Return all mails, oldest first."""
        return [
            _mail(row)
            for row in self._db.rows(
                "SELECT id, received_at, sender, recipients, raw, unread FROM mails ORDER BY id"
            )
        ]

    def find(self, mail_id: int) -> Mail | None:
        """Return a mail, or None."""
        row = self._db.row(
            "SELECT id, received_at, sender, recipients, raw, unread FROM mails WHERE id = ?",
            mail_id,
        )
        return None if row is None else _mail(row)

    def mark_read(self, mail_id: int) -> None:
        """Note that somebody opened a mail."""
        if self._db.run("UPDATE mails SET unread = 0 WHERE id = ? AND unread = 1", mail_id):
            self._hub.publish("mail_read", {"id": mail_id})


def _mail(row: Row) -> Mail:
    mail_id, received_at, sender, recipients, raw, unread = row
    return Mail(
        mail_id=integer(mail_id),
        received_at=float(received_at) if isinstance(received_at, int | float) else 0.0,
        sender=text(sender),
        recipients=tuple(str(item) for item in as_list(json.loads(text(recipients)))),
        raw=raw if isinstance(raw, bytes) else b"",
        unread=bool(unread),
    )
