"""What is said of the service itself: starts, stops, data, channels, strangers."""

from datetime import timedelta

from engine.domain.events import (
    AccessRefused,
    ConnectionRestored,
    DataEnded,
    DeliveryFailed,
    FeedInterrupted,
    HeartbeatMissed,
    ServiceStarted,
    ServiceStopped,
    StartRefused,
    TradingAccepted,
    TradingRefused,
    VenueUnreachable,
)
from render.alerts.model import Choice, Words, told
from render.format import count, duration

_MOST_LISTED = 20
_WHERE = "/trades and /orders closed show them"
_LOOK = (Choice(label="Status", line="/status"), Choice(label="Differences", line="/differences"))


def service_started(event: ServiceStarted) -> Words:
    first = event.down_for_seconds is None and not event.crashed
    how = "restarted after a crash" if event.crashed else "started" if first else "restarted"
    down = (
        f"away for {duration(timedelta(seconds=event.down_for_seconds))}"
        if event.down_for_seconds is not None
        else ""
    )
    runs = f"strategies: {', '.join(event.runs)}" if event.runs else "no strategy is running"
    found = f"Found {_listed(event.found)}." if event.found else "Found no position and no order."
    changed = _bullets("Changed while it was away", event.changed, _WHERE)
    quiet = "" if first else "Nothing changed while it was away."
    calm = "" if first or event.waiting else "Nothing was lost and nothing waits for you."
    return Words(
        headline=f"Outcry {event.version} {how}, reconciled with the venue",
        context=(down, runs),
        facts=(found, changed or quiet, calm),
        todo=_waiting(event.waiting),
        choices=_LOOK if event.waiting else (),
    )


def _waiting(waiting: tuple[str, ...]) -> str:
    if not waiting:
        return ""
    listed = _bullets("Waits for you or for the venue", waiting, "/status shows them")
    return f"{listed}\n/status shows how it stands, /differences what differs from the venue."


def _bullets(title: str, things: tuple[str, ...], where: str) -> str:
    """Return a titled list, its length bounded; nothing for an empty one.

    Args:
        where: Which commands show what is left out.
    """
    if not things:
        return ""
    shown = [f"• {thing.strip()}" for thing in things[:_MOST_LISTED]]
    rest = len(things) - len(shown)
    more = [f"and {rest} more: {where}"] if rest else []
    return "\n".join([f"{title}:", *shown, *more])


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
    if event.running:
        state = (
            "No entry is tried until the venue takes them again. Exits, stops and cancels still "
            "are, less and less often; what rests at the venue works on."
        )
        todo = (
            "Mend the key or the settings at the venue: that it works again is noticed and told. "
            "A new key needs a start. Until then close by hand what must not stay open."
        )
    else:
        state = (
            "Outcry has ended and sent no order. Positions and stops at the venue are as they "
            "were; nothing else watches them."
        )
        todo = "Mend the key or the settings, then start Outcry again."
    return Words(
        headline="Not trading: the venue or its settings forbid it",
        facts=(told("Reason", event.message), state),
        todo=todo,
    )


def trading_accepted(event: TradingAccepted) -> Words:
    away = duration(timedelta(seconds=event.seconds))
    return Words(
        headline="Trading again: the venue takes the key and the settings",
        facts=(
            f"It had refused them for {away}. No entry was sent in that time, and none is made up "
            "for: strategies enter from their next change of signal.",
        ),
        todo="/positions shows what is open, /orders what works.",
    )


def start_refused(event: StartRefused) -> Words:
    return Words(
        headline="Outcry did not start",
        facts=(
            told("Reason", event.message),
            "No strategy decides, and no order was sent. Positions and stops at the venue are as "
            "they were; nothing else watches them.",
        ),
        todo="Mend what it names, then start Outcry again; `outcry doctor` checks it before.",
    )


def venue_unreachable(event: VenueUnreachable) -> Words:
    return Words(
        headline="The venue can't be reached",
        facts=(
            told("Reason", event.message),
            "Nothing is traded and no strategy decides yet. Stops that rest at the venue work on; "
            "no others are watched.",
        ),
        todo="It is tried again until it answers; the first message of the start follows then. "
        "If it stays so, look at the network and at the venue's own status page.",
    )


def feed_interrupted(event: FeedInterrupted) -> Words:
    if event.instrument_id is None:
        headline = "Connection to the venue broken"
        todo = "Nothing now: its end is told. /venues shows the state."
    else:
        headline = f"Market data interrupted: {event.instrument_id}"
        todo = "It is mended by itself as soon as the venue answers; /venues shows the state."
    return Words(
        headline=headline,
        facts=(
            told("Reason", event.message),
            "Strategies do not act on missing bars. Stops at the venue work on.",
        ),
        todo=todo,
    )


def connection_restored(event: ConnectionRestored) -> Words:
    changed = _bullets("Came meanwhile, and is booked", event.changed, _WHERE)
    if event.result:
        compared = f"Compared with the venue: {event.result}."
    else:
        compared = "It could not be compared yet; that is tried again by itself."
    return Words(
        headline="Connected to the venue again",
        context=(f"broken for {duration(timedelta(seconds=event.seconds))}",),
        facts=(changed, compared),
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


def _listed(things: tuple[str, ...]) -> str:
    return ", ".join(thing.rstrip(". \n") for thing in things)
