"""Who is told what: by severity, with named exceptions. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from engine.domain.events import (
    EVENTS,
    SEVERITIES,
    DailyReportReady,
    DeliveryFailed,
    OrderEnded,
    OrderRejected,
    RiskBreached,
    RunStateChanged,
    ServiceStarted,
    ServiceStopped,
)
from engine.domain.messages import Event, Severity
from engine.domain.runs import RunState
from engine.errors import ConfigError
from render.alerts import is_breach

_EVENT_NAMES = tuple(event.__name__ for event in EVENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What one channel is told.

    Attributes:
        channel: The channel's name.
        minimum: Events of this severity and above.
        include: Names of event types told whatever their severity, e.g. "OrderFilled".
        exclude: Names of event types never told; stronger than `include`.

    Raises:
        ConfigError: There is no event type of such a name.
    """

    channel: str
    minimum: Severity = Severity.INFO
    include: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name in sorted(self.include | self.exclude):
            if name not in _EVENT_NAMES:
                near = get_close_matches(name, _EVENT_NAMES, n=1)
                hint = (
                    f"did you mean {near[0]}?" if near else f"there are {', '.join(_EVENT_NAMES)}"
                )
                raise ConfigError(f"route of {self.channel}: no event is called {name!r}; {hint}")

    def takes(self, event: Event, severity: Severity) -> bool:
        """Tell whether this channel is told of `event`."""
        name = type(event).__name__
        if name in self.exclude or (
            isinstance(event, DeliveryFailed) and event.channel == self.channel
        ):
            return False
        return name in self.include or severity.rank >= self.minimum.rank


DEFAULT_ROUTES = (
    Route(channel="telegram"),
    Route(channel="push", minimum=Severity.NOTICE, include=frozenset({"OrderFilled"})),
    Route(
        channel="email",
        minimum=Severity.CRITICAL,
        # a channel that failed is told by mail too: the two others may both be unreachable
        include=frozenset({"DailyReportReady", "DeliveryFailed"}),
    ),
)


def severity_of(event: Event) -> Severity:
    """Return how loudly `event` is told: its type's severity, refined by what it says."""
    match event:
        case RiskBreached() if not is_breach(event):
            return Severity.WARNING  # near the limit, not at it
        case OrderRejected() if event.purpose.protects:
            return Severity.CRITICAL  # a position without its stop
        case RunStateChanged() if event.actor == "engine" and event.after is RunState.PAUSED:
            return Severity.WARNING  # nobody asked for it
        case ServiceStarted() if event.crashed or event.waiting:
            return Severity.WARNING
        case ServiceStopped() if event.open_positions > event.working_stops:
            return Severity.WARNING
        case DailyReportReady() if event.report.unexplained or event.report.incomplete:
            return Severity.WARNING
        case _:
            return SEVERITIES.get(type(event), Severity.NOTICE)


def is_routine(event: Event) -> bool:
    """Tell what nobody wants to be told: an order cancelled with nothing of it filled.

    Strategies replace and cancel resting orders all day. One that expired, or that had filled
    in part, is told.
    """
    return (
        isinstance(event, OrderEnded) and event.state == "cancelled" and not event.filled_quantity
    )


def channels_for(event: Event, routes: Iterable[Route]) -> Sequence[str]:
    """Return the names of the channels that are told of `event`, each once, in order."""
    if is_routine(event):
        return ()
    severity = severity_of(event)
    return tuple(dict.fromkeys(route.channel for route in routes if route.takes(event, severity)))
