"""Which messages ask about which difference, and what becomes of their buttons."""

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from bot.telegram.handlers.venues import answer_buttons
from bot.telegram.questions import Questions
from bot.telegram.replies import DATA_LIMIT, Press, Reply, command_button, row
from bot.telegram.sender import Buttons
from engine.domain.differences import DifferenceAnswer
from engine.domain.ids import DifferenceId, digest_id
from render.differences import answer_line
from tests.fakes import views

ONE, TWO = views.difference(), views.foreign_order()
REFRESH = (row(command_button("Refresh", "/differences", edit=True)),)


class Phone:
    """Messages as they stand after every change."""

    def __init__(self) -> None:
        self.messages: dict[tuple[int, int], Reply] = {}
        self.changes = 0
        self.questions = Questions(self._amend, self._at_once)

    def post(self, message_id: int, buttons: Buttons, chat_id: int = 1) -> None:
        self.messages[chat_id, message_id] = Reply(html="asked", buttons=buttons)
        self.questions.posted(chat_id, message_id, "asked", buttons)

    def labels(self, message_id: int, chat_id: int = 1) -> list[str]:
        shown = self.messages[chat_id, message_id].buttons
        return [button.label for line in shown for button in line]

    def text(self, message_id: int, chat_id: int = 1) -> str:
        return self.messages[chat_id, message_id].html

    async def _amend(self, chat_id: int, message_id: int, reply: Reply) -> None:
        self.messages[chat_id, message_id] = reply
        self.changes += 1

    def _at_once(self, work: Coroutine[Any, Any, None]) -> None:
        with pytest.raises(StopIteration):
            work.send(None)


def asking(*found: Any) -> Buttons:
    return answer_buttons(found, 0, numbered=len(found) > 1)


def test_an_answered_difference_leaves_every_message_that_asks_about_it() -> None:
    phone = Phone()
    phone.post(1, asking(ONE), chat_id=1)
    phone.post(1, asking(ONE), chat_id=2)
    phone.post(2, asking(TWO))
    phone.questions.ended(ONE.difference_id, "BTC/USDT: adopted by <Alex>")
    for chat_id in (1, 2):
        assert phone.labels(1, chat_id) == []
        assert "<i>BTC/USDT: adopted by &lt;Alex&gt;</i>" in phone.text(1, chat_id)
    assert phone.labels(2) == ["Adopt", "Close", "Ignore"]


def test_a_list_keeps_the_buttons_of_what_is_open_and_those_that_ask_nothing() -> None:
    phone = Phone()
    phone.post(1, (*asking(ONE, TWO), *REFRESH))
    phone.questions.ended(ONE.difference_id, "one")
    assert phone.labels(1) == ["2 Adopt", "2 Close", "2 Ignore", "Refresh"]
    phone.questions.ended(TWO.difference_id, "two")
    assert phone.labels(1) == ["Refresh"]
    assert phone.text(1) == "asked\n<i>one</i>\n<i>two</i>"


def test_a_message_that_arrives_after_the_answer_is_changed_at_once() -> None:
    phone = Phone()
    phone.questions.ended(ONE.difference_id, "adopted")
    phone.post(1, asking(ONE))
    assert phone.labels(1) == []


def test_facts_that_come_again_are_asked_about_again() -> None:
    phone = Phone()
    phone.questions.ended(ONE.difference_id, "gone by itself")
    phone.questions.found(ONE)
    phone.post(1, asking(ONE))
    assert phone.labels(1) == ["Adopt", "Close", "Ignore"]
    assert phone.questions.fate(ONE.difference_id) == ""


def test_other_numbers_of_the_same_thing_take_the_place_of_the_first() -> None:
    phone = Phone()
    phone.questions.found(ONE)
    phone.post(1, asking(ONE))
    later = replace(ONE, difference_id=DifferenceId("dilater"), venue=ONE.venue + 1)
    phone.questions.found(later)
    phone.post(2, asking(later))
    assert phone.labels(1) == []
    assert "the numbers changed, see the newer message" in phone.text(1)
    assert phone.labels(2) == ["Adopt", "Close", "Ignore"]


def test_a_difference_told_twice_keeps_its_buttons() -> None:
    phone = Phone()
    phone.questions.found(ONE)
    phone.post(1, asking(ONE))
    phone.questions.found(ONE)
    phone.questions.found(TWO)
    assert phone.labels(1) == ["Adopt", "Close", "Ignore"]


def test_a_message_that_shows_something_else_by_now_is_let_be() -> None:
    phone = Phone()
    phone.post(1, asking(ONE))
    phone.post(1, REFRESH)  # refreshed in place
    phone.questions.ended(ONE.difference_id, "adopted")
    assert phone.changes == 0
    assert not phone.questions.knows(1, 1)


def test_a_difference_that_nobody_saw_end_loses_its_buttons_without_a_reason() -> None:
    phone = Phone()
    phone.post(1, asking(ONE))
    phone.questions.lost(ONE.difference_id)
    assert phone.labels(1) == []
    assert phone.questions.fate(ONE.difference_id) == ""
    assert phone.questions.knows(1, 1)


def test_what_is_remembered_is_bounded() -> None:
    phone = Phone()
    for number in range(1000):
        phone.post(number, asking(ONE))
    phone.questions.ended(ONE.difference_id, "adopted")
    assert phone.changes == 500
    assert phone.labels(999) == []


@pytest.mark.parametrize("given", DifferenceAnswer)
def test_every_answer_fits_a_button_whatever_its_difference_is(given: DifferenceAnswer) -> None:
    line = answer_line(DifferenceId(digest_id("di", "any")), given)
    assert len(f"{Press.ANSWER}|{line}".encode()) <= DATA_LIMIT
