"""From typed text to a command's name and words."""

import re
from dataclasses import dataclass

# Names: https://core.telegram.org/bots/api#botcommand. Phones write a dash as an em dash at times.
_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,64})(?:@([A-Za-z0-9_]{1,64}))?(?:\s+(.*))?\Z", re.DOTALL)
_WORDS_AT_MOST = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """What was typed.

    Attributes:
        name: Lower case, without slash.
        words: The arguments as typed.
    """

    name: str
    words: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return " ".join((f"/{self.name}", *self.words))


def parse_line(text: str, bot_name: str | None = None) -> CommandLine | None:
    """Read a message; None when it is no command, or one for another bot in the group.

    Args:
        bot_name: Our user name, for groups; None takes a command whoever it is addressed to.
    """
    match = _COMMAND.match(text.strip())
    if match is None:
        return None
    name, addressee, rest = match.groups()
    if addressee and bot_name is not None and addressee.lower() != bot_name.lower():
        return None
    return CommandLine(name=name.lower(), words=tuple((rest or "").split()[:_WORDS_AT_MOST]))
