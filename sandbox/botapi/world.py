"""Everything the parts of one sandbox share."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.botapi.chats import Chats
from sandbox.botapi.files import Files
from sandbox.botapi.limits import SendLimits
from sandbox.botapi.presence import Presence
from sandbox.botapi.updates import Updates
from sandbox.clock import Clock
from sandbox.db import Database
from sandbox.faults import FaultBoard
from sandbox.hub import Hub
from sandbox.jsontypes import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The state of one bot's world and the ways to change it."""

    db: Database
    hub: Hub
    clock: Clock
    faults: FaultBoard
    limits: SendLimits
    chats: Chats
    updates: Updates
    files: Files
    presence: Presence
    bot: JsonObject
    token: str
