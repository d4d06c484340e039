"""Commands typed on the phone, answered through a Bot API server."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engine.domain.commands import (
    HandToManual,
    Kill,
    PauseRuns,
    ResumeRuns,
    StartRuns,
    StopRuns,
)
from engine.domain.queries import (
    GetChart,
    GetInstruments,
    GetPositions,
    GetReport,
    GetStatus,
    GetStrategies,
    GetTrades,
)
from engine.errors import OutcryError, QueryTimedOut
from sandbox.server import Sandbox
from tests.fakes import views
from tests.integration.bot.conftest import (
    ALEX,
    PIXEL,
    VERA,
    Chat,
    labels,
    shown_text,
)

READS = (
    "/status /positions /orders /trades /pnl /balance /equity /report /strategies /chart btcusdt"
    " /health /version /venues /differences"
)


class Painter:
    """A `ChartMaker` that draws one pixel, or fails."""

    def __init__(self, error: OutcryError | None = None) -> None:
        self.error = error

    async def candles(self, view: Any) -> bytes:
        return self._draw()

    async def equity(self, view: Any) -> bytes:
        return self._draw()

    def _draw(self) -> bytes:
        if self.error is not None:
            raise self.error
        return PIXEL


@pytest.mark.parametrize("line", READS.replace(" /", "\n/").split("\n"))
async def test_every_question_is_answered_with_the_mode_first(chat: Chat, line: str) -> None:
    async with chat.serving():
        answer = await chat.ask(line)
    assert shown_text(answer).startswith("REPLAY · demo")
    assert chat.engine.commands == []


async def test_positions_show_stop_and_target(chat: Chat) -> None:
    async with chat.serving():
        answer = await chat.ask("/positions")
    assert "stop 66,000.00  target 74,000.00" in shown_text(answer)


async def test_bare_start_greets_and_never_trades(chat: Chat) -> None:
    async with chat.serving():
        answer = await chat.ask("/start")
        assert "Hello Alex." in shown_text(answer)
        assert "Start eth-slow" in labels(answer)
        assert chat.engine.commands == []
        await chat.press(answer, "Start eth-slow")
        await chat.reply(after=answer["message_id"])
    assert chat.engine.of(StartRuns)[0].names == ("eth-slow",)


@pytest.mark.parametrize(
    ("line", "kind", "names"),
    [
        ("/start ema-btc", StartRuns, ("ema-btc",)),
        ("/start all", StartRuns, ()),
        ("/stop ema-btc", StopRuns, ("ema-btc",)),
        ("/stop", StopRuns, ()),
        ("/pause", PauseRuns, ()),
        ("/pause ema-btc rsi-aapl", PauseRuns, ("ema-btc", "rsi-aapl")),
        ("/resume all", ResumeRuns, ()),
    ],
)
async def test_a_verb_becomes_its_command(
    chat: Chat, line: str, kind: type, names: tuple[str, ...]
) -> None:
    async with chat.serving():
        await chat.ask(line)
    (command,) = chat.engine.commands
    assert isinstance(command, kind)
    assert command.names == names
    assert command.actor.id == f"telegram:{ALEX}"
    assert command.expires_at - command.issued_at == timedelta(seconds=60)


async def test_start_now_acts_on_the_standing_signal(chat: Chat) -> None:
    async with chat.serving():
        await chat.ask("/start ema-btc now")
        refused = await chat.ask("/start now")
    assert chat.engine.of(StartRuns)[0].now is True
    assert len(chat.engine.commands) == 1
    assert "Say which run" in shown_text(refused)


async def test_stop_offers_to_close_or_hand_over_what_is_held(chat: Chat) -> None:
    chat.engine.outcomes[StopRuns] = lambda _: views.outcome(runs=(views.run(),))
    async with chat.serving():
        answer = await chat.ask("/stop ema-btc")
        assert labels(answer) == ["Hand to manual", "Close now"]
        await chat.press(answer, "Hand to manual")
        preview = await chat.reply(after=answer["message_id"])
        assert "Hand ema-btc to manual?" in shown_text(preview)
        assert chat.engine.of(HandToManual) == []
        await chat.press(preview, "Hand to manual")
        await chat.until_edited(preview)
    assert chat.engine.of(HandToManual)[0].names == ("ema-btc",)


async def test_kill_acts_at_once_and_offers_to_flatten(chat: Chat) -> None:
    async with chat.serving():
        answer = await chat.ask("/kill too wild")
    assert chat.engine.of(Kill)[0].reason == "too wild"
    assert "HALTED" in shown_text(answer)
    assert "Flatten" in labels(answer)


async def test_an_unknown_command_names_the_nearest_and_does_nothing(chat: Chat) -> None:
    async with chat.serving():
        answer = await chat.ask("/killl")
    assert "Did you mean /kill?" in shown_text(answer)
    assert chat.engine.commands == []


async def test_a_wrong_word_is_answered_with_the_usage(chat: Chat) -> None:
    async with chat.serving():
        assert "one word too many" in shown_text(await chat.ask("/health now"))
        assert "is no page" in shown_text(await chat.ask("/positions x"))
        assert "is no date" in shown_text(await chat.ask("/report tomorrow"))
        assert "number of bars" in shown_text(await chat.ask("/chart btcusdt 3"))
        assert "No run 'foo'" in shown_text(await chat.ask("/manual foo"))


async def test_talk_is_answered_with_the_way_to_help(chat: Chat) -> None:
    async with chat.serving():
        assert "/help" in shown_text(await chat.ask("how are you?"))


async def test_help_lists_what_the_role_may_use(chat: Chat) -> None:
    async with chat.serving():
        full = shown_text(await chat.ask("/help"))
        short = shown_text(await chat.ask("/help", user_id=VERA))
        one = shown_text(await chat.ask("/help kill"))
    assert "/flatten" in full
    assert "/flatten" not in short
    assert "/status" in short
    assert "/kill [REASON ...]" in one


async def test_a_viewer_is_refused_what_changes_anything(chat: Chat) -> None:
    async with chat.serving():
        for line in ("/kill", "/start all", "/pause", "/flatten", "/rearm"):
            answer = await chat.ask(line, user_id=VERA)
            assert "needs the role" in shown_text(answer), line
    assert chat.engine.commands == []


async def test_refresh_asks_again_with_its_arguments(chat: Chat) -> None:
    days: list[Any] = []

    def report(query: GetReport) -> object:
        days.append(query.day)
        return views.report(incidents=(f"asked {len(days)} times",))

    chat.engine.answers[GetReport] = report
    async with chat.serving():
        answer = await chat.ask("/report 2026-03-09")
        await chat.press(answer, "Refresh")
        edited = await chat.until_edited(answer)
    assert "asked 2 times" in shown_text(edited)
    assert [str(day) for day in days] == ["2026-03-09", "2026-03-09"]


async def test_a_refresh_that_changes_nothing_is_no_error(chat: Chat) -> None:
    async with chat.serving():
        answer = await chat.ask("/balance")
        query = await chat.press(answer, "Refresh")
        await chat.box.wait_for(lambda: chat.box.callback_answer(query))
        after = await chat.ask("/version")
    assert [shown_text(item) for item in chat.box.replies(after=answer["message_id"])] == [
        shown_text(after)
    ]


async def test_a_long_list_is_turned_in_place(chat: Chat) -> None:
    chat.engine.answers[GetPositions] = lambda _: views.many_positions()
    async with chat.serving():
        answer = await chat.ask("/positions")
        assert labels(answer)[:2] == ["1/6", "▶"]
        await chat.press(answer, "▶")
        second = await chat.until_edited(answer)
    assert "11 to 20 of 60" in shown_text(second)
    assert "COIN010/USDT" in shown_text(second)


async def test_trades_are_paged_by_key(chat: Chat) -> None:
    asked: list[str | None] = []

    def trades(query: GetTrades) -> object:
        asked.append(query.before)
        return views.trades(10, total=37, older=views.trade(10).key)

    chat.engine.answers[GetTrades] = trades
    async with chat.serving():
        answer = await chat.ask("/trades")
        await chat.press(answer, "▶ Older")
        second = await chat.until_edited(answer)
    assert asked == [None, views.trade(10).key]
    assert "page 2" in shown_text(second)
    assert "◀ Newest" in labels(second)


async def test_an_ambiguous_symbol_is_a_choice_and_never_a_guess(chat: Chat) -> None:
    names = (views.BTC, views.ETH)
    chat.engine.answers[GetChart] = lambda query: views.chart(instrument_id=query.instrument_id)
    chat.engine.answers[GetInstruments] = lambda _: views.instruments(*names)
    async with chat.serving():
        answer = await chat.ask("/chart")
        assert labels(answer) == ["BTC/USDT", "ETH/USDT"]
        await chat.press(answer, "ETH/USDT")
        assert "ETH/USDT 15m" in shown_text(await chat.reply(after=answer["message_id"]))


async def test_a_chart_is_a_picture_with_its_numbers(chat: Chat) -> None:
    chat.charts = Painter()
    async with chat.serving():
        for line in ("/chart btcusdt", "/equity"):
            answer = await chat.ask(line)
            assert answer["photo"], line
            assert answer["caption"].startswith("REPLAY"), line


async def test_a_chart_can_be_refreshed_in_place(chat: Chat) -> None:
    chat.charts = Painter()
    async with chat.serving():
        answer = await chat.ask("/chart btcusdt")
        chat.engine.answers[GetChart] = lambda _: views.chart(timeframe="1h")
        await chat.press(answer, "Refresh")
        edited = await chat.until_edited(answer)
    assert "BTC/USDT 1h" in edited["caption"]


async def test_a_chart_that_can_not_be_drawn_is_told_in_words(chat: Chat) -> None:
    chat.charts = Painter(OutcryError("the chart worker is restarting"))
    async with chat.serving():
        answer = await chat.ask("/chart btcusdt")
    assert "stop 66,000.00" in shown_text(answer)
    assert "the chart worker is restarting" in shown_text(answer)


async def test_an_error_is_answered_with_a_reference_and_no_detail(chat: Chat) -> None:
    def broken(_: object) -> object:
        raise RuntimeError("secret detail")

    chat.engine.answers[GetStatus] = broken
    async with chat.serving():
        answer = shown_text(await chat.ask("/status"))
        assert "Not done: /status" in answer
        assert "Reference E-" in answer
        assert "secret detail" not in answer
        assert "REPLAY" in shown_text(await chat.ask("/pnl"))


async def test_an_engine_that_does_not_answer_in_time_is_told(chat: Chat) -> None:
    def late(_: object) -> object:
        raise QueryTimedOut("no answer to GetStatus in 5 s. Nothing was changed.")

    chat.engine.answers[GetStatus] = late
    async with chat.serving():
        answer = await chat.ask("/status")
    assert "Nothing was changed" in shown_text(answer)
    assert labels(answer) == ["Try again"]


async def test_a_refusal_says_what_did_not_happen_and_the_next_step(chat: Chat) -> None:
    chat.engine.outcomes[StartRuns] = lambda _: views.refused()
    async with chat.serving():
        answer = shown_text(await chat.ask("/start foo"))
    assert "Start: NOT done" in answer
    assert "Next: the runs are" in answer


async def test_a_long_answer_comes_in_parts_and_loses_nothing(chat: Chat) -> None:
    many = tuple(replace(views.run(), name=f"run-{index:03}") for index in range(120))
    chat.engine.answers[GetStrategies] = lambda _: views.strategies(runs=many)
    async with chat.serving():
        sent = chat.box.send_text("/strategies")
        await chat.reply(after=sent.message_id, where=lambda item: "Refresh" in labels(item))
    text = "".join(shown_text(item) for item in chat.box.replies(after=sent.message_id))
    assert all(f"run-{index:03}" in text for index in range(120))


async def test_the_menu_is_set_for_each_operator(chat: Chat) -> None:
    async with chat.serving():
        await chat.ask("/status")
        commands = await chat.box.wait_for(lambda: _menu(chat.box, ALEX))
        viewers = await chat.box.wait_for(lambda: _menu(chat.box, VERA))
    assert "kill" in commands
    assert "kill" not in viewers


def _menu(box: Sandbox, chat_id: int) -> list[str]:
    stored = box.world.db.setting("commands") or {}
    found = [commands for key, commands in stored.items() if str(chat_id) in key]
    return [command["command"] for command in found[0]] if found else []
