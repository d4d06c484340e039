"""Alerts on their way to the bot's sender."""

import msgspec
import pytest

from engine.domain.events import DailyReportReady
from engine.domain.messages import Severity
from engine.errors import DeliveryDelayed, DeliveryRefused
from engine.ports import ChatMessage
from notifiers.channels.telegram import ChatBody, TelegramChannel, TelegramSettings
from render.html import CAPTION_LIMIT, MESSAGE_LIMIT, utf16_length, visible_text
from tests.fakes.channels import FakeArtist, FakeSender
from tests.fakes.events import a_failure, a_fill, a_report, every_event, told

REPORT = DailyReportReady(**told("report"), report=a_report())


def channel(sender: FakeSender, artist: FakeArtist | None = None) -> TelegramChannel:
    settings = TelegramSettings(chat_ids=(1001, -100200300))
    return TelegramChannel(settings, sender=sender, artist=artist)


async def sent(sender: FakeSender, body: str, artist: FakeArtist | None = None) -> ChatMessage:
    await channel(sender, artist).send("1001", body, key="k", repeat=False, late_seconds=None)
    return sender.messages[-1]


def test_recipients_are_the_chats() -> None:
    assert channel(FakeSender()).recipients() == ("1001", "-100200300")


@pytest.mark.parametrize(
    ("severity", "silent"),
    [(Severity.INFO, True), (Severity.NOTICE, False), (Severity.CRITICAL, False)],
)
async def test_only_info_makes_no_sound(severity: Severity, silent: bool) -> None:
    sender = FakeSender()
    (body,) = channel(sender).compose(a_fill(), severity)
    message = await sent(sender, body)
    assert (message.chat_id, message.silent) == (1001, silent)
    assert "<b>Bought 0.5 AAPL @ 201.32</b>" in message.html


async def test_a_long_alert_is_numbered_parts_that_fit_with_their_mark() -> None:
    long = a_failure(message="\n".join(f"{number} {'x' * 60}" for number in range(400)))
    sender = FakeSender()
    bodies = channel(sender).compose(long, Severity.WARNING)
    for body in bodies:
        await channel(sender).send("1001", body, key="k", repeat=True, late_seconds=90_000.0)
    for number, message in enumerate(sender.messages, start=1):
        assert f"({number}/{len(bodies)})" in message.html
        assert utf16_length(message.html) <= MESSAGE_LIMIT


async def test_a_difference_goes_with_a_button_for_each_answer() -> None:
    sender = FakeSender()
    (body,) = channel(sender).compose(every_event()["difference_found"], Severity.CRITICAL)
    message = await sent(sender, body)
    assert [(button.label, button.line, button.danger) for button in message.buttons] == [
        ("Adopt", "/answer di7 adopt", False),
        ("Close", "/answer di7 close", True),
        ("Ignore", "/answer di7 ignore", False),
    ]


async def test_an_alert_that_asks_nothing_has_no_buttons() -> None:
    sender = FakeSender()
    (body,) = channel(sender).compose(a_fill(), Severity.INFO)
    assert (await sent(sender, body)).buttons == ()


async def test_of_several_parts_only_the_last_has_the_buttons() -> None:
    found = every_event()["service_restarted_asking"]
    fields = {name: getattr(found, name) for name in type(found).__dataclass_fields__}
    waiting = tuple(f"{number} {'x' * 300}" for number in range(20))
    sender = FakeSender()
    bodies = channel(sender).compose(type(found)(**fields | {"waiting": waiting}), Severity.WARNING)
    messages = [await sent(sender, body) for body in bodies]
    assert len(messages) > 1
    assert [bool(message.buttons) for message in messages] == [False] * (len(messages) - 1) + [True]


async def test_the_report_goes_with_its_equity_as_picture() -> None:
    sender, artist = FakeSender(), FakeArtist()
    (body,) = channel(sender).compose(REPORT, Severity.NOTICE)
    message = await sent(sender, body, artist)
    assert artist.charts is not None
    assert message.photo == artist.charts.equity
    assert artist.asked == [REPORT.report]
    assert utf16_length(message.html) <= CAPTION_LIMIT


async def test_a_report_whose_picture_fails_goes_as_text() -> None:
    sender = FakeSender()
    (body,) = channel(sender).compose(REPORT, Severity.NOTICE)
    assert (await sent(sender, body, FakeArtist(charts=None))).photo is None
    assert (await sent(sender, body, None)).photo is None


async def test_a_caption_too_long_goes_as_text_uncut() -> None:
    lines = a_report().by_run * 20
    event = DailyReportReady(**told("long"), report=a_report(by_run=lines))
    sender = FakeSender()
    (body,) = channel(sender).compose(event, Severity.NOTICE)
    message = await sent(sender, body, FakeArtist())
    assert message.photo is None
    assert message.html.count("ema_crossover") == 20


async def test_markup_that_is_refused_is_sent_once_more_without_it() -> None:
    refused = DeliveryRefused("can't parse entities", try_plain=True)
    sender = FakeSender(troubles=[refused])
    (body,) = channel(sender).compose(a_fill(), Severity.INFO)
    message = await sent(sender, body)
    stored = msgspec.json.decode(body, type=ChatBody)
    assert "<b>" not in message.html
    assert visible_text(message.html) == visible_text(stored.html)
    with pytest.raises(DeliveryRefused):
        await sent(FakeSender(troubles=[refused, refused]), body)


async def test_a_picture_that_is_refused_does_not_take_the_words_with_it() -> None:
    sender = FakeSender(troubles=[DeliveryRefused("Image_process_failed")])
    (body,) = channel(sender).compose(REPORT, Severity.NOTICE)
    message = await sent(sender, body, FakeArtist())
    assert message.photo is None
    assert "+158.90 USD" in message.html


@pytest.mark.parametrize(
    "trouble",
    [DeliveryDelayed("flood", retry_after=3), DeliveryRefused("blocked", disable=True)],
)
async def test_other_refusals_and_delays_pass_through(trouble: Exception) -> None:
    sender = FakeSender(troubles=[trouble])
    (body,) = channel(sender).compose(REPORT, Severity.NOTICE)
    with pytest.raises(type(trouble)) as raised:
        await sent(sender, body, FakeArtist())
    assert raised.value is trouble
    assert sender.messages == []
