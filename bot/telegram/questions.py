"""Messages that ask what a difference is: answered once, by whoever, they ask no more.

Kept in memory, and bounded: a button of before a restart finds out when it is pressed.
"""

from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from bot.telegram.replies import Button, Press, Reply
from bot.telegram.sender import Buttons
from engine.domain.differences import DifferenceAnswer, DifferenceKind
from engine.domain.ids import DifferenceId
from engine.domain.views import DifferenceView
from render.differences import ANSWER_COMMAND
from render.html import italic

_REMEMBERED = 500

Amend = Callable[[int, int, Reply], Coroutine[Any, Any, None]]
Spawn = Callable[[Coroutine[Any, Any, None]], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """A message as it stands, which asks or has asked about differences."""

    html: str
    buttons: Buttons


class Questions:
    """Knows which messages ask about which difference, and how those that ended did."""

    def __init__(self, amend: Amend, spawn: Spawn) -> None:
        """Store how a message is changed, and how that is done beside everything else."""
        self._amend = amend
        self._spawn = spawn
        self._asking: OrderedDict[tuple[int, int], _Asking] = OrderedDict()
        self._fates: OrderedDict[DifferenceId, str] = OrderedDict()
        self._newest: OrderedDict[tuple[DifferenceKind, str], DifferenceId] = OrderedDict()

    def posted(self, chat_id: int, message_id: int, html: str, buttons: Buttons) -> None:
        """Note what a message shows now; what it asks may have been answered on its way."""
        place = (chat_id, message_id)
        about = _differences(buttons)
        self._asking.pop(place, None)
        if not about:
            return
        self._asking[place] = _Asking(html=html, buttons=buttons)
        _bound(self._asking)
        for difference_id in about:
            if difference_id in self._fates:
                self._mark(place, difference_id, self._fates[difference_id])

    def ended(self, difference_id: DifferenceId, how: str) -> None:
        """Take the difference's buttons off every message, and say below it how it ended."""
        self._fates[difference_id] = how
        self._fates.move_to_end(difference_id)
        _bound(self._fates)
        self._close(difference_id, how)

    def lost(self, difference_id: DifferenceId) -> None:
        """A press found that the difference is not open, and nobody told how it ended."""
        self._close(difference_id, "Not open any more.")

    def found(self, difference: DifferenceView) -> None:
        """A difference is asked about, maybe anew; other numbers of the same thing are past."""
        subject = (difference.kind, difference.subject)
        before = self._newest.pop(subject, None)
        self._newest[subject] = difference.difference_id
        _bound(self._newest)
        self._fates.pop(difference.difference_id, None)
        if before is not None and before != difference.difference_id:
            self._close(before, f"{difference.subject}: the numbers changed, see the newer message")

    def fate(self, difference_id: DifferenceId) -> str:
        """Return how a difference ended, empty where that is not known."""
        return self._fates.get(difference_id, "")

    def knows(self, chat_id: int, message_id: int) -> bool:
        """Tell whether a message's buttons are looked after here."""
        return (chat_id, message_id) in self._asking

    def _close(self, difference_id: DifferenceId, mark: str) -> None:
        for place in list(self._asking):
            self._mark(place, difference_id, mark)

    def _mark(self, place: tuple[int, int], difference_id: DifferenceId, mark: str) -> None:
        asking = self._asking[place]
        if difference_id not in _differences(asking.buttons):
            return
        left = _without(asking.buttons, difference_id)
        html = f"{asking.html}\n{italic(mark)}"
        self._asking[place] = _Asking(html=html, buttons=left)
        self._spawn(self._amend(*place, Reply(html=html, buttons=left)))


def _differences(buttons: Buttons) -> tuple[DifferenceId, ...]:
    """Return the differences that the buttons answer, each once."""
    found = (_answers(button) for line in buttons for button in line)
    return tuple(dict.fromkeys(about for about in found if about is not None))


def _without(buttons: Buttons, difference_id: DifferenceId) -> Buttons:
    kept = (
        tuple(button for button in line if _answers(button) != difference_id) for line in buttons
    )
    return tuple(line for line in kept if line)


def _answers(button: Button) -> DifferenceId | None:
    """Return the difference that a button answers, None for any other button."""
    letter, _, line = button.data.partition("|")
    words = line.split()
    if letter != Press.ANSWER or len(words) != 3 or words[0] != f"/{ANSWER_COMMAND}":
        return None
    return DifferenceId(words[1]) if words[2] in set(DifferenceAnswer) else None


def _bound(remembered: OrderedDict[Any, Any]) -> None:
    while len(remembered) > _REMEMBERED:
        remembered.popitem(last=False)
