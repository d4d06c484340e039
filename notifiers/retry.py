"""When a message that did not get through is tried again, and when it is given up. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.domain.messages import Severity
from engine.domain.records import Delivery, DeliveryState
from engine.errors import DeliveryDelayed, DeliveryRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """Times in seconds of wall time.

    Attributes:
        first_delay, longest_delay: Bounds of the exponential back-off; full jitter, so the real
            delay lies between zero and the bound
            (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
        max_age: A message older than this is given up when one more try fails. A CRITICAL one is
            only where the recipient is gone, never for an outage.
        send_within: How long one send may take.
        lease: How long a worker owns what it took; after a crash it is sent again then.
        tell_after: A message that found no way through for so long is told of on the other
            channels, once per recipient and day.
        late_after: A message that goes out later than this after the fact says so.
        probe_every: How often a recipient who is gone is tried again.
        storage_pause: Wait after the database could not be read or written.
        look_every: Slow timer beside the wake-ups.
        faulty_attempts: Tries of a message on which the channel itself fails unexpectedly.
        batch: Messages leased, or events read, at once.
    """

    first_delay: float = 1.0
    longest_delay: float = 60.0
    max_age: float = 86_400.0
    send_within: float = 20.0
    lease: float = 30.0
    tell_after: float = 300.0
    late_after: float = 60.0
    probe_every: float = 900.0
    storage_pause: float = 5.0
    look_every: float = 30.0
    faulty_attempts: int = 5
    batch: int = 20

    def __post_init__(self) -> None:
        if self.lease <= self.send_within:
            raise ValueError("a lease must last longer than one send, or a slow one goes out twice")


def backoff(policy: DeliveryPolicy, attempts: int, jitter: float) -> float:
    """Return seconds until the next try after `attempts` of them; `jitter` in [0, 1)."""
    bound = policy.first_delay * 2.0 ** min(attempts - 1, 30)
    return min(bound, policy.longest_delay) * jitter


def is_expired(policy: DeliveryPolicy, delivery: Delivery, now: datetime) -> bool:
    """Tell whether a message that failed again is too old to be tried once more."""
    return delivery.severity is not Severity.CRITICAL and is_old(policy, delivery, now)


def is_old(policy: DeliveryPolicy, delivery: Delivery, now: datetime) -> bool:
    return now - delivery.created_at > timedelta(seconds=policy.max_age)


def lateness(policy: DeliveryPolicy, delivery: Delivery, now: datetime) -> float | None:
    """Return how many seconds after the fact `delivery` goes out, None when it is in time."""
    seconds = (now - delivery.created_at).total_seconds()
    return seconds if seconds > policy.late_after else None


def sent(delivery: Delivery, provider_id: str, now: datetime) -> Delivery:
    return replace(
        delivery,
        state=DeliveryState.SENT,
        lease_until=None,
        attempts=delivery.attempts + 1,
        provider_id=provider_id,
        last_error="",
        sent_at=now,
    )


def delayed(
    policy: DeliveryPolicy, delivery: Delivery, error: DeliveryDelayed, now: datetime, jitter: float
) -> Delivery:
    """Return the delivery waiting for its next try; Retry-After counts, where one was named."""
    attempts = delivery.attempts + 1
    if error.retry_after is None:
        seconds = backoff(policy, attempts, jitter)
    else:
        seconds = error.retry_after + policy.first_delay * jitter
    return replace(
        waiting(delivery, now + timedelta(seconds=seconds)),
        attempts=attempts,
        may_have_arrived=delivery.may_have_arrived or error.may_have_arrived,
        last_error=str(error),
    )


def held(
    policy: DeliveryPolicy, delivery: Delivery, error: DeliveryRefused, now: datetime
) -> Delivery:
    """Return the delivery kept for a recipient who is gone for now: tried again at times.

    Order is kept per recipient, so everything behind it waits as well, and arrives marked as
    late should the recipient come back (unblocks the bot, gets a new token).
    """
    return replace(
        waiting(delivery, now + timedelta(seconds=policy.probe_every)),
        attempts=delivery.attempts + 1,
        last_error=str(error),
    )


def waiting(delivery: Delivery, not_before: datetime) -> Delivery:
    """Return the delivery given back: not sent, due at `not_before`."""
    return replace(delivery, state=DeliveryState.PENDING, lease_until=None, not_before=not_before)


def dead(delivery: Delivery, error: str) -> Delivery:
    return replace(
        delivery,
        state=DeliveryState.DEAD,
        lease_until=None,
        attempts=delivery.attempts + 1,
        last_error=error,
    )
