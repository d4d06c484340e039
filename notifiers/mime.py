"""From a mail's content to its bytes: RFC 5322 headers, RFC 2046 parts.

The tree is mixed(alternative(plain, related(html, pictures)), files), which mail programs agree
on: text for those without HTML, charts inside it, attachments beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from render.mail import MailText

# Seven bits: a server on the way need not know 8BITMIME.
_POLICY = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What a mail's headers say of it.

    Attributes:
        message_id: With its angle brackets; the same for every try of one message.
        date: Aware.
        list_name: "alerts" or "reports": what a reader's filter sorts by.
    """

    sender: str
    recipient: str
    message_id: str
    date: datetime
    list_name: str
    urgent: bool = False


def built(mail: MailText, envelope: Envelope, pictures: Mapping[str, bytes]) -> bytes:
    """Return the message ready for DATA; `pictures` are PNG by the name that the HTML uses."""
    message = EmailMessage(policy=_POLICY)
    _add_headers(message, mail.subject, envelope)
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    html = message.get_body(("html",))
    if not isinstance(html, EmailMessage):
        raise TypeError("the HTML that was just added is an EmailMessage")
    for name in mail.pictures:  # the first one turns `html` into multipart/related
        html.add_related(
            pictures[name],
            maintype="image",
            subtype="png",
            cid=f"<{name}>",
            disposition="inline",
            filename=name,
        )
    for name, text in mail.files:
        message.add_attachment(
            text.encode(),
            maintype="text",
            subtype="csv",
            filename=name,
            params={"charset": "utf-8"},
        )
    return message.as_bytes()


def domain_of(address: str) -> str:
    """Return the part after "@", for Message-ID and HELO."""
    return address.rpartition("@")[2].strip("> ") or "localhost"


def _add_headers(message: EmailMessage, subject: str, envelope: Envelope) -> None:
    domain = domain_of(envelope.sender)
    message["From"] = envelope.sender
    message["To"] = envelope.recipient
    message["Subject"] = subject
    message["Date"] = format_datetime(envelope.date)
    message["Message-ID"] = envelope.message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message["List-Id"] = f"<{envelope.list_name}.outcry.{domain}>"
    if envelope.urgent:
        message["Importance"] = "high"
