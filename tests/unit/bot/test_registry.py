"""The one list of commands, and what is made from it."""

from pathlib import Path

import pytest

from bot.telegram.commands import build_registry
from bot.telegram.guide import commands_page
from bot.telegram.handlers import info
from bot.telegram.parse import CommandLine, parse_line
from bot.telegram.registry import CommandSpec, Registry, Tier, UsageError
from engine.domain.messages import Role

PAGE = Path(__file__).parents[3] / "docs" / "commands.md"
ASKED_FOR = {"start", "stop", "pause", "resume", "strategies", "status", "positions", "orders"} | {
    *("trades", "pnl", "balance", "close", "flatten", "kill", "rearm", "chart", "equity"),
    *("report", "health", "help", "version", "venues", "reconcile", "differences", "answer"),
}


def spec(name: str = "x", **changes: object) -> CommandSpec:
    fields = {"summary": "s", "group": "g", "tier": Tier.READ, "handler": info.status}
    return CommandSpec(name=name, **{**fields, **changes})


def test_every_command_asked_for_is_there() -> None:
    registry = build_registry()
    assert [name for name in ASKED_FOR if registry.find(name) is None] == []


def test_the_documentation_is_in_step(request: pytest.FixtureRequest) -> None:
    text = commands_page(build_registry())
    if request.config.getoption("--update-golden"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text


def test_every_command_that_trades_asks_for_a_trader() -> None:
    for found in build_registry().all():
        assert (found.role is Role.VIEWER) == (found.tier is Tier.READ), found.name


def test_a_viewer_sees_only_what_he_may_use() -> None:
    names = {found.name for found in build_registry().menu(Role.VIEWER)}
    assert "status" in names
    assert not names & {"kill", "start", "flatten", "rearm"}


def test_reconciling_and_answering_ask_for_a_trader_and_looking_does_not() -> None:
    roles = {found.name: found.role for found in build_registry().all()}
    assert (roles["reconcile"], roles["answer"]) == (Role.TRADER, Role.TRADER)
    assert (roles["venues"], roles["differences"]) == (Role.VIEWER, Role.VIEWER)


def test_an_answer_shows_its_preview_first_and_is_left_to_its_buttons() -> None:
    found = build_registry().find("answer")
    assert found is not None
    assert found.confirmed
    assert found not in build_registry().menu(Role.ADMIN)


def test_what_telegram_would_refuse_is_refused_here() -> None:
    with pytest.raises(ValueError, match="no command name"):
        Registry([spec("Not-Good")])
    with pytest.raises(ValueError, match="twice"):
        Registry([spec("a"), spec("b", aliases=("a",))])
    with pytest.raises(ValueError, match="longer"):
        Registry([spec(summary="x" * 257)])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("stauts", "status"), ("flat", "flatten"), ("positons", "positions"), ("halp", "help")],
)
def test_an_unknown_name_finds_the_nearest(typed: str, meant: str) -> None:
    near = build_registry().nearest(typed)
    assert near is not None
    assert near.name == meant


def test_a_name_like_nothing_finds_nothing() -> None:
    assert build_registry().nearest("qqqqqqq") is None


def test_words_are_counted() -> None:
    registry = build_registry()
    by_name = {found.name: found for found in registry.all()}
    manual, health, stop = by_name["manual"], by_name["health"], by_name["stop"]
    with pytest.raises(UsageError, match="NAME is missing"):
        manual.check(())
    with pytest.raises(UsageError, match="one word too many"):
        health.check(("now",))
    stop.check(("a", "b", "c"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("/status", CommandLine(name="status")),
        ("  /Start  ema-BTC   NOW ", CommandLine(name="start", words=("ema-BTC", "NOW"))),
        ("/pause@OutcryBot all", CommandLine(name="pause", words=("all",))),
        ("/kill\nreason here", CommandLine(name="kill", words=("reason", "here"))),
        ("/stop@other_bot", None),
        ("status", None),
        ("/", None),
        ("/ status", None),
        ("say /kill", None),
        ("/kill-all", None),
        ("", None),
    ],
)
def test_text_is_read_as_a_command_or_not_at_all(text: str, line: CommandLine | None) -> None:
    assert parse_line(text, "outcrybot") == line


def test_in_a_private_chat_the_addressee_does_not_matter() -> None:
    assert parse_line("/status@whoever") == CommandLine(name="status")
