"""How the connection to Telegram is, for /health, /healthz and the log: told when it changes."""

import structlog

from engine.domain.views import ComponentHealth, ComponentState
from engine.ports import WallClock

_log = structlog.get_logger(__name__)

NAME = "telegram"


class Condition:
    """The present state and since when."""

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall
        self._state = ComponentState.DEGRADED
        self._detail = "not connected yet"
        self._since = wall.monotonic()

    def well(self) -> None:
        """Note an answer in good order."""
        self._become(ComponentState.OK, "")

    def ill(self, detail: str, *, down: bool = True) -> bool:
        """Note a problem; True when it is a new one.

        Args:
            down: Nothing comes in; else it works in part.
        """
        return self._become(ComponentState.DOWN if down else ComponentState.DEGRADED, detail)

    @property
    def seconds(self) -> float:
        """Return for how long it has been so."""
        return self._wall.monotonic() - self._since

    def component(self) -> ComponentHealth:
        return ComponentHealth(name=NAME, state=self._state, detail=self._detail)

    def _become(self, state: ComponentState, detail: str) -> bool:
        if (state, detail) == (self._state, self._detail):
            return False
        if state is not self._state:
            self._since = self._wall.monotonic()
        if state is ComponentState.OK:
            _log.info("telegram connected")
        else:
            _log.warning("telegram trouble", detail=detail)
        self._state, self._detail = state, detail
        return True
