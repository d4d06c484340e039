"""A key or an account that the venue refuses: no entry is tried until they are taken again.

Exits, stops and cancels go on being tried; whoever sends them does so less and less often.
"""

from datetime import datetime, timedelta

import structlog

from engine.desk.state import Changes, Desk
from engine.domain.events import TradingAccepted, TradingRefused
from engine.errors import TradingError, TradingNotAllowed
from engine.handlers.backoff import Backoff

_log = structlog.get_logger(__name__)

_QUIET = timedelta(minutes=15)  # a key that comes and goes is told of this often at most
_REMIND = timedelta(days=1)
_FIRST_TRIAL, _LONGEST_TRIAL = timedelta(minutes=1), timedelta(hours=1)
_AUDIT = "audit"


class Barring:
    """Watches whether the venue takes orders from this account at all. Wall time throughout.

    `desk.barred` is the reason while it does not. The audit tells when it does again. Where the
    audit sees nothing wrong (a right that the venue does not list), entries are tried again after
    a minute, then two, up to an hour.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._since: datetime | None = None  # the first refusal of those that have not ended
        self._seen_by_audit = False
        self._suspected = False
        self._patience: Backoff[str] = Backoff()
        self._trial_wait = _FIRST_TRIAL
        self._trial_at: datetime | None = None
        self._told_at: datetime | None = None
        self._is_told = False  # of the refusal that has not ended

    # --- what is heard -----------------------------------------------------------------------

    def refused(self, reason: str, changes: Changes) -> None:
        """The venue takes nothing: bar entries, and note in `changes` what people hear of it."""
        now = self._desk.wall.now()
        if not self._desk.barred:
            _log.error("the venue takes no orders; entries are not tried", reason=reason)
            self._trial_at = now + self._trial_wait
            self._trial_wait = min(2 * self._trial_wait, _LONGEST_TRIAL)
        self._desk.barred = reason
        self._since = self._since or now
        self._tell(now, changes)

    def accepted(self, changes: Changes) -> None:
        """The venue has taken an order: it refuses nothing any more."""
        if self._since is not None:
            self._lift(changes)

    def suspect(self) -> None:
        """A read failed: the key may be the reason, and is looked at soon."""
        self._suspected = True

    async def not_allowed(self, exc: TradingNotAllowed) -> None:
        """The venue said outside an order that it takes nothing."""
        changes = Changes()
        self._seen_by_audit = True
        self.refused(exc.user_message, changes)
        await self._desk.commit(changes)

    # --- what is asked -----------------------------------------------------------------------

    def has_work(self) -> bool:
        """Tell whether the key is refused, or may be."""
        return bool(self._desk.barred) or self._suspected

    async def watch(self, due: datetime) -> None:
        """Ask, less and less often, whether the key is taken again; by the second."""
        if not self.has_work():
            return
        now = self._desk.wall.now()
        changes = Changes()
        if self._patience.is_due(_AUDIT, now):
            await self._audit(changes)
        if self._desk.barred:
            self._tell(now, changes)
        await self._desk.commit(changes)

    async def _audit(self, changes: Changes) -> None:
        try:
            await self._desk.venue.audit()
        except TradingNotAllowed as exc:
            self._suspected = False
            self._seen_by_audit = True
            self.refused(exc.user_message, changes)
            return
        except TradingError as exc:
            _log.info("the key can't be looked at now", error=str(exc))
            return
        self._suspected = False
        if self._seen_by_audit:
            self._lift(changes)
        elif self._since is None:
            self._patience.forget(_AUDIT)
        elif self._trial_at is not None and self._desk.wall.now() >= self._trial_at:
            _log.warning("the audit finds nothing wrong; entries are tried again")
            self._desk.barred, self._trial_at = "", None
            self._patience.forget(_AUDIT)

    # --- what is told ------------------------------------------------------------------------

    def _tell(self, now: datetime, changes: Changes) -> None:
        wait = _REMIND if self._is_told else _QUIET
        if self._told_at is not None and now - self._told_at < wait:
            return
        self._told_at, self._is_told = now, True
        fact = self._desk.fact("trading refused", now.isoformat())
        event = TradingRefused(**fact, message=self._desk.barred, running=True)
        changes.events.append(event)

    def _lift(self, changes: Changes) -> None:
        now = self._desk.wall.now()
        _log.warning("the venue takes orders again", refused_since=str(self._since))
        if self._is_told and self._since is not None:
            fact = self._desk.fact("trading accepted", self._since.isoformat())
            seconds = (now - self._since).total_seconds()
            changes.events.append(TradingAccepted(**fact, seconds=seconds))
        self._desk.barred = ""
        self._since = self._trial_at = None
        self._seen_by_audit = self._suspected = self._is_told = False
        self._trial_wait = _FIRST_TRIAL
        self._patience.forget(_AUDIT)
