"""Who comes first: what delays one side of a race, so that each is waited for in some story.

In calm weather the machine decides whether an answer overtakes the frame that tells the same, and
whether a unit of work has to wait for another. A place that is reached only one way round is found
and met again under the weather that brings it about.
"""

import asyncio
from enum import StrEnum

from engine.errors import StorageError
from engine.ports import UnitOfWorkFactory
from sandbox.exchange.core.faults import Effect, Rule

CROWDED = "CRASH_CROWDED"
_LATE_MS = 80  # longer than the service takes to look an order up
_HELD_S = 0.004  # about what a commit takes
_ANSWERS = ("submit", "cancel", "query")


class Weather(StrEnum):
    CALM = "calm"
    LATE_FRAMES = "late-frames"  # the account's frames come after the answers
    LATE_ANSWERS = "late-answers"  # answers come after the frames that tell the same
    NO_FRAMES = "no-frames"  # the account's frames are lost: a pass each second finds what happened
    CROWDED = "crowded"  # somebody else writes half of the time

    def rules(self) -> tuple[Rule, ...]:
        """Return what the exchange delays, life after life."""
        if self is Weather.LATE_FRAMES:
            return (_always("stream.user", Effect.DELAY),)
        if self is Weather.NO_FRAMES:
            return (_always("stream.user", Effect.DROP),)
        if self is Weather.LATE_ANSWERS:
            return tuple(_always(operation, Effect.DELAY_REPLY) for operation in _ANSWERS)
        return ()

    def environ(self) -> dict[str, str]:
        """Return what a life is told of it."""
        if self is Weather.CROWDED:
            return {CROWDED: "1"}
        if self is Weather.NO_FRAMES:
            return {"OUTCRY_VENUE__RECONCILE_SECONDS": "1"}
        return {}


def _always(operation: str, effect: Effect) -> Rule:
    return Rule(name=f"weather/{operation}", operation=operation, effect=effect, delay_ms=_LATE_MS)


async def crowd(storage: UnitOfWorkFactory) -> None:
    """Write half of the time, so that others have to wait for their turn; never ends."""
    written = 0
    while True:
        written += 1
        try:
            async with storage() as uow:
                await uow.cursors.set("crowd", written)
                await uow.cursors.get("crowd")  # what was set is written before it is read
                await asyncio.sleep(_HELD_S)
                await uow.commit()
        except StorageError:
            pass  # the disk is full: the service has to say so, not the crowd
        await asyncio.sleep(_HELD_S)
