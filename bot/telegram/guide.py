"""The commands page of the documentation, written from the registry."""

from itertools import groupby

from bot.telegram.registry import CommandSpec, Registry, Tier

_TIER_WORDS = {
    Tier.READ: "reads only",
    Tier.TIGHTEN: "lowers risk: acts at once",
    Tier.TRADE: "may raise risk or place orders",
    Tier.DANGER: "dangerous",
}
_INTRODUCTION = """\
# Commands

Written from the command registry (`bot/telegram/commands.py`); a test keeps the two in step.
`NAME` is to be replaced, `[...]` may be left out, `...` may be repeated. Each role may do what the
ones before it may: viewer, trader, risk, admin. What the verbs do to entries, stops and positions
is told by every answer; no command is a toggle, so sending one twice does no more than once.
"""


def commands_page(registry: Registry) -> str:
    """Return docs/commands.md."""
    parts = [_INTRODUCTION]
    for group, specs in groupby(registry.all(), key=lambda spec: spec.group):
        parts.append(f"## {group}\n")
        parts.extend(_section(spec) for spec in specs)
    return "\n".join(parts)


def _section(spec: CommandSpec) -> str:
    facts = [_TIER_WORDS[spec.tier], f"role {spec.role.value}"]
    if spec.confirmed:
        facts.append("shows a preview; only the button under it acts")
    if spec.aliases:
        facts.append("also " + ", ".join(f"`/{alias}`" for alias in spec.aliases))
    lines = [f"### `{spec.usage}`", "", f"{spec.summary}. {spec.details}".strip(), ""]
    lines.extend(f"- `{argument.name}`: {argument.help}" for argument in spec.arguments)
    lines.append(f"- {'; '.join(facts)}")
    return "\n".join(lines) + "\n"
