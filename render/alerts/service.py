"""What is said of the service itself: starts, stops, data, channels, strangers."""

from datetime import timedelta

from engine.domain.events import (
    AccessRefused,
    DataEnded,
    DeliveryFailed,
    FeedInterrupted,
    HeartbeatMissed,
    ServiceStarted,
    ServiceStopped,
    TradingRefused,
    VenueUnreachable,
)
from render.alerts.model import Words, told
from render.format import count, duration


def service_started(event: ServiceStarted) -> Words:
    how = "restarted after a crash" if event.crashed else "started"
    down = (
        f"away for {duration(timedelta(seconds=event.down_for_seconds))}"
        if event.down_for_seconds is not None
        else ""
    )
    runs = f"strategies: {', '.join(event.runs)}" if event.runs else "no strategy is running"
    found = f"Found {_listed(event.found)}." if event.found else "Found no position and no order."
    changed = (
        f"While away: {_listed(event.changed, '; ')}."
        if event.changed
        else "Nothing changed while it was away."
    )
    calm = "Nothing was lost and nothing waits for you." if not event.waiting else ""
    first = event.down_for_seconds is None and not event.crashed
    return Words(
        headline=f"Outcry {event.version} {how}",
        context=(down, runs),
        facts=(found if first else f"{found} {changed}", "" if first else calm),
        todo=f"Waiting for you: {_listed(event.waiting, '; ')}." if event.waiting else "",
    )


def service_stopped(event: ServiceStopped) -> Words:
    if not event.open_positions:
        state, todo = "No position is open.", ""
    else:
        stops = count(event.working_stops, "stop")
        works = "works" if event.working_stops == 1 else "work"
        state = (
            f"{count(event.open_positions, 'position')} left open; {stops} {works} on at the venue."
        )
        todo = "Until the next start nothing else watches what is open."
    return Words(
        headline="Outcry stopped",
        context=(event.reason,),
        facts=(f"No strategy decides now. {state}",),
        todo=todo,
    )


def trading_refused(event: TradingRefused) -> Words:
    return Words(
        headline="Not trading: the venue or its settings forbid it",
        facts=(
            told("Reason", event.message),
            "Nothing was sent. Open positions and stops at the venue are as they were.",
        ),
        todo="Mend the key or the settings, then start Outcry again.",
    )


def venue_unreachable(event: VenueUnreachable) -> Words:
    return Words(
        headline="The venue can't be reached",
        facts=(
            told("Reason", event.message),
            "Nothing is traded yet. Stops that rest at the venue work on.",
        ),
        todo="It is tried again until it answers; the first message of the start follows then.",
    )


def feed_interrupted(event: FeedInterrupted) -> Words:
    return Words(
        headline=f"Market data interrupted: {event.instrument_id or 'all instruments'}",
        facts=(
            told("Reason", event.message),
            "Strategies do not act on missing bars. Stops at the venue work on.",
        ),
        todo="It is reconnected by itself; /health shows the state.",
    )


def data_ended(event: DataEnded) -> Words:
    return Words(
        headline=f"The recorded data has ended: {count(event.bars, 'bar')} played",
        facts=("The service stays up and answers; nothing trades any more.",),
        todo="See /pnl and /report. A start with --fresh plays it again.",
    )


def heartbeat_missed(event: HeartbeatMissed) -> Words:
    return Words(
        headline=f"No sign of life: {event.component}",
        facts=(told("Reason", event.message),),
        todo="See /health. /kill and `outcry kill` work without it.",
    )


def delivery_failed(event: DeliveryFailed) -> Words:
    to = f" to {event.recipient}" if event.recipient else ""
    return Words(
        headline=f"Not delivered by {event.channel}{to}",
        context=(event.subject,),
        facts=(
            told("Reason", event.message),
            "Trading and the other channels go on.",
        ),
        todo=f"Check the settings of {event.channel}; `outcry doctor` tries them.",
    )


def access_refused(event: AccessRefused) -> Words:
    return Words(
        headline=f"Refused: {event.actor}",
        context=(event.what,),
        facts=("Nothing was done.",),
        todo="If you know who it is, add the id to telegram.operators; otherwise ignore it.",
    )


def _listed(things: tuple[str, ...], between: str = ", ") -> str:
    return between.join(thing.rstrip(". \n") for thing in things)
