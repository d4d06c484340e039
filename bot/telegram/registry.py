"""The one list of commands: routing, `/help`, the phone's menu and docs/commands.md follow it."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.telegram.replies import Reply
from engine.domain.messages import Role
from engine.errors import OutcryError

if TYPE_CHECKING:
    from bot.telegram.call import Call

Handler = Callable[["Call"], Awaitable[Reply]]

_NAME = re.compile(r"[a-z0-9_]{1,32}\Z")  # https://core.telegram.org/bots/api#botcommand
_SUMMARY_LIMIT = 256


class UsageError(OutcryError):
    """The words after a command make no sense; says which form does."""


class Tier(StrEnum):
    """How dangerous a command is: what a late one does, and whether it is confirmed."""

    READ = "read"  # changes nothing
    TIGHTEN = "tighten"  # less risk: at once, never held back
    TRADE = "trade"  # more risk, or orders
    DANGER = "danger"  # many orders at once, or a safety latch released


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One word, or with `many` all that are left."""

    name: str
    help: str
    required: bool = False
    many: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """One command.

    Attributes:
        role: The least role that may use it.
        confirmed: It shows a preview first; only the button under that acts.
        in_menu: Listed in the phone's command menu and in `/help`.
    """

    name: str
    summary: str
    group: str
    tier: Tier
    handler: Handler
    arguments: tuple[Argument, ...] = ()
    aliases: tuple[str, ...] = ()
    details: str = ""
    confirmed: bool = False
    in_menu: bool = True
    minimum_role: Role | None = None

    @property
    def role(self) -> Role:
        if self.minimum_role is not None:
            return self.minimum_role
        return Role.VIEWER if self.tier is Tier.READ else Role.TRADER

    @property
    def usage(self) -> str:
        """Return e.g. "/start [NAME ...] [now]"."""
        words = [f"/{self.name}"]
        for argument in self.arguments:
            text = f"{argument.name} ..." if argument.many else argument.name
            words.append(text if argument.required else f"[{text}]")
        return " ".join(words)

    def check(self, words: Sequence[str]) -> None:
        """Raise UsageError when words are missing or too many."""
        needed = sum(argument.required for argument in self.arguments)
        unlimited = any(argument.many for argument in self.arguments)
        if len(words) < needed:
            missing = self.arguments[len(words)]
            raise UsageError(f"{missing.name} is missing ({missing.help}). Usage: {self.usage}")
        if not unlimited and len(words) > len(self.arguments):
            extra = words[len(self.arguments)]
            raise UsageError(f"{extra!r} is one word too many. Usage: {self.usage}")


class Registry:
    """Looks commands up by name or alias."""

    def __init__(self, specs: Iterable[CommandSpec]) -> None:
        self._specs = tuple(specs)
        by_name: dict[str, CommandSpec] = {}
        for spec in self._specs:
            if len(spec.summary) > _SUMMARY_LIMIT:
                raise ValueError(f"summary of /{spec.name} is longer than {_SUMMARY_LIMIT}")
            for name in (spec.name, *spec.aliases):
                if not _NAME.match(name):
                    raise ValueError(f"/{name} is no command name that Telegram takes")
                if name in by_name:
                    raise ValueError(f"/{name} is there twice")
                by_name[name] = spec
        self._by_name: Mapping[str, CommandSpec] = by_name

    def find(self, name: str) -> CommandSpec | None:
        return self._by_name.get(name)

    def nearest(self, name: str) -> CommandSpec | None:
        """Return the command that an unknown name most likely means, None if none is near."""
        close = get_close_matches(name, self._by_name, n=1, cutoff=0.5)
        if close:
            return self._by_name[close[0]]
        starts = [known for known in self._by_name if name and known.startswith(name)]
        return self._by_name[starts[0]] if starts else None

    def all(self) -> tuple[CommandSpec, ...]:
        """Return every command in the order it is listed to people."""
        return self._specs

    def menu(self, role: Role) -> tuple[CommandSpec, ...]:
        """Return what the menu of somebody with that role shows."""
        return tuple(spec for spec in self._specs if spec.in_menu and role.covers(spec.role))
