"""The methods of the Bot API, a module per kind; `all_methods` puts them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from sandbox.botapi.methods.edit import edit_methods
from sandbox.botapi.methods.profile import profile_methods
from sandbox.botapi.methods.rooms import room_methods
from sandbox.botapi.methods.send import send_methods
from sandbox.botapi.methods.webhook import webhook_methods
from sandbox.botapi.params import Params
from sandbox.botapi.world import World

Method: TypeAlias = Callable[[Params], object]


def all_methods(world: World) -> Mapping[str, Method]:
    """Return every method by its lower-case name; Telegram ignores case in method names.

    `getUpdates`, which waits, is the server's own.
    """
    methods: dict[str, Method] = {}
    for group in (
        send_methods(world),
        edit_methods(world),
        profile_methods(world),
        room_methods(world),
        webhook_methods(world),
    ):
        methods.update({name.lower(): method for name, method in group.items()})
    return methods
