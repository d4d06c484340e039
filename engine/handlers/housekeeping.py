"""Forget what nobody needs any more: bookkeeping of messages, never of money."""

from datetime import datetime, timedelta

import structlog

from engine.desk.state import Desk

_KEEP = timedelta(days=7)

_log = structlog.get_logger(__name__)


class Housekeeping:
    """Prunes delivered messages and finished chat updates older than a week."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def tidy(self, due: datetime) -> None:
        """Delete what is old; entries, orders, events and the audit are kept for good."""
        before = self._desk.wall.now() - _KEEP
        async with self._desk.storage() as uow:
            deliveries = await uow.deliveries.prune(before)
            updates = await uow.inbox.prune(before)
            await uow.commit()
        if deliveries or updates:
            _log.info("pruned", deliveries=deliveries, updates=updates)
