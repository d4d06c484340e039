"""From an event to delivery rows, and to the event that tells of a message given up."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import structlog

from engine.domain.events import DeliveryFailed
from engine.domain.ids import EventId, digest_id
from engine.domain.messages import Event, Severity
from engine.domain.records import Delivery, DeliveryState, StoredEvent
from engine.ports import Channel
from notifiers.routing import severity_of
from render.alerts import alert_of

_log = structlog.get_logger(__name__)


def composed(channel: Channel, event: Event, severity: Severity) -> tuple[str, ...] | None:
    """Return the channel's bodies for `event`, None when it can't tell it.

    One event that can't be put into words must not keep back those behind it: the dispatcher
    writes a `DeliveryFailed` for it and goes on.
    """
    try:
        return channel.compose(event, severity)
    except Exception:  # delivery boundary, see above
        _log.exception("alert not composed", channel=channel.name, event_id=event.event_id)
        return None


def deliveries(
    channel: Channel, stored: StoredEvent, bodies: Sequence[str], now: datetime
) -> Iterator[Delivery]:
    """Yield the rows of one event on one channel: one per recipient and part.

    `created_at` is when the fact was stored: a message's lateness and age count from there.
    """
    for recipient in channel.recipients():
        for part, body in enumerate(bodies):
            yield Delivery(
                delivery_id=None,
                dedupe_key=f"{stored.event.event_id}|{channel.name}|{recipient}|{part}",
                event_id=stored.event.event_id,
                event_seq=stored.seq,
                channel=channel.name,
                recipient=recipient,
                severity=severity_of(stored.event),
                body=body,
                state=DeliveryState.PENDING,
                created_at=stored.event.ts_recorded,
                not_before=now,
            )


def failure(
    about: Event,
    *,
    channel: str,
    recipient: str,
    message: str,
    once_per: str,
    market_now: datetime,
    now: datetime,
) -> DeliveryFailed | None:
    """Return the event that tells on the other channels that one gave a message up.

    None when the message was itself about a failed delivery: that would go on for ever.

    Args:
        once_per: What it is told once for: a message, or a recipient and day.
    """
    if isinstance(about, DeliveryFailed):
        return None
    return DeliveryFailed(
        event_id=EventId(digest_id("df-", channel, recipient, once_per)),
        account_id=about.account_id,
        mode=about.mode,
        ts_event=market_now,
        ts_recorded=now,
        channel=channel,
        recipient=recipient,
        subject=_subject(about),
        message=message,
    )


def _subject(about: Event) -> str:
    try:
        return alert_of(about).headline
    except (LookupError, ValueError, ArithmeticError):  # the event may be what could not be told
        return type(about).__name__
