"""The page in a real browser: what a person does, and what the page must never do."""

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import pytest
from playwright.async_api import Browser, Page, async_playwright, expect
from telegram import (
    Bot,
    BotCommand,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    ReplyKeyboardMarkup,
)

from sandbox.config import SandboxConfig
from sandbox.server import Sandbox
from tests.sandbox.conftest import OPERATOR, bot_of, png

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
TABLE = "<pre>" + "\n".join(["1234567890123456789012345678901234"] * 3) + "</pre>"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no /usr/bin/chromium: apt install chromium"),
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        await running.close()


@pytest.fixture
async def page(browser: Browser, box: Sandbox) -> AsyncIterator[Page]:
    """The page at desktop size; an error in its scripts or its policy fails the test."""
    problems: list[str] = []
    opened = await browser.new_page(viewport=DESKTOP)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda line: problems.append(line.text) if "Policy" in line.text else None)
    await opened.goto(box.page_url)
    yield opened
    assert problems == []


def bubbles(page: Page):
    return page.locator("#log .msg .text")


async def test_start_button_sends_start_as_telegram_does(page: Page, box: Sandbox):
    await expect(page.get_by_text("What can this bot do?")).to_be_visible()
    await expect(page.locator("#composer")).to_be_hidden()
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(bubbles(page)).to_have_text(["/start"])
    await expect(page.locator("#composer")).to_be_visible()
    assert box.world.updates.pending(1)[0]["message"]["text"] == "/start"


async def test_typing_a_command_and_reading_the_reply(page: Page, box: Sandbox, bot: Bot):
    box.send_text("/start")
    field = page.get_by_role("combobox", name="Message")
    await field.fill("/status BTC")
    await field.press("Enter")
    await expect(bubbles(page).last).to_have_text("/status BTC")
    await expect(field).to_have_value("")
    await bot.send_chat_action(OPERATOR, "typing")
    await expect(page.locator("#chat-status")).to_have_text("typing…")
    await bot.send_message(OPERATOR, "<b>Equity</b> 101,842", parse_mode="HTML")
    await expect(page.locator("#log strong")).to_have_text("Equity")
    await expect(page.locator("#chat-status")).not_to_have_text("typing…")


async def test_command_menu_filters_completes_and_sends(page: Page, box: Sandbox, bot: Bot):
    box.send_text("/start")
    await bot.set_my_commands(
        [BotCommand("status", "How it goes"), BotCommand("stop", "No new entries")]
    )
    await page.get_by_role("button", name="Commands").click()
    await expect(page.get_by_role("option")).to_have_count(2)
    field = page.locator("#composer-input")
    await field.fill("/sta")
    await expect(page.get_by_role("option")).to_have_text(["/statusHow it goes"])
    await field.press("Tab")
    await expect(field).to_have_value("/status ")
    await field.fill("/")
    await field.press("ArrowDown")
    await field.press("ArrowDown")
    await field.press("Enter")
    await expect(bubbles(page).last).to_have_text("/stop")
    await expect(page.locator("#suggest")).to_be_hidden()


async def test_inline_button_is_pressed_answered_and_edited_in_place(
    page: Page, box: Sandbox, bot: Bot
):
    row = [
        InlineKeyboardButton("Refresh", callback_data="r"),
        InlineKeyboardButton("Kill", callback_data="k", api_kwargs={"style": "danger"}),
    ]
    sent = await bot.send_message(OPERATOR, "one", reply_markup=InlineKeyboardMarkup([row]))
    await page.get_by_role("button", name="Refresh").click()
    [update] = await bot.get_updates(timeout=5)
    await expect(page.get_by_role("button", name="Refresh")).to_have_attribute("aria-busy", "true")
    await update.callback_query.answer("Up to date")
    await expect(page.locator(".toast")).to_have_text("Up to date")
    await sent.edit_text("two", reply_markup=InlineKeyboardMarkup([row]))
    await expect(bubbles(page)).to_have_text(["two"])
    await expect(page.locator(".edited")).to_be_visible()
    await page.get_by_role("button", name="Kill").click()
    [update] = await bot.get_updates(offset=update.update_id + 1, timeout=5)
    await update.callback_query.answer("Halted. 0 orders left.", show_alert=True)
    await expect(page.locator("#alert-text")).to_have_text("Halted. 0 orders left.")
    await page.keyboard.press("Escape")
    await expect(page.locator("#alert")).to_be_hidden()


async def test_picture_is_shown_and_enlarged_and_a_file_can_be_saved(page: Page, bot: Bot):
    await bot.send_photo(OPERATOR, png(320, 180), caption="Equity")
    image = page.locator(".photo img")
    await expect(image).to_be_visible()
    await expect(image).to_have_js_property("naturalWidth", 320)
    await page.get_by_role("button", name="Enlarge: Equity").click()
    await expect(page.locator("#lightbox-image")).to_be_visible()
    await page.keyboard.press("Escape")
    await bot.send_document(OPERATOR, b"a,b\n", filename="trades.csv")
    async with page.expect_download() as waiting:
        await page.get_by_text("trades.csv").click()
    download = await waiting.value
    assert download.suggested_filename == "trades.csv"


async def test_keyboard_of_the_bot_and_a_forced_reply(page: Page, box: Sandbox, bot: Bot):
    await bot.send_message(
        OPERATOR, "choose", reply_markup=ReplyKeyboardMarkup([["/status", "/pnl"]])
    )
    await page.get_by_role("group", name="Keyboard of the bot").get_by_text("/pnl").click()
    await expect(bubbles(page).last).to_have_text("/pnl")
    asked = await bot.send_message(
        OPERATOR, "How much?", reply_markup=ForceReply(input_field_placeholder="USDT")
    )
    field = page.locator("#composer-input")
    await expect(field).to_have_attribute("placeholder", "USDT")
    await expect(page.locator("#reply-text")).to_have_text("How much?")
    await field.fill("100")
    await field.press("Enter")
    await expect(page.locator(".quote")).to_contain_text("How much?")
    assert box.messages()[-1]["reply_to_message"]["message_id"] == asked.message_id


async def test_pinned_message_deletion_and_rich_text(page: Page, bot: Bot):
    html = (
        "<tg-spoiler>secret</tg-spoiler> <blockquote expandable>a\nb\nc\nd</blockquote>"
        '<a href="https://a.example/">l</a> <tg-time unix="0" format="r">then</tg-time>'
    )
    sent = await bot.send_message(OPERATOR, html, parse_mode="HTML", disable_notification=True)
    await bot.pin_chat_message(OPERATOR, sent.message_id)
    await expect(page.locator("#pinned")).to_contain_text("Pinned message")
    spoiler = page.get_by_role("button", name="Hidden text")
    await spoiler.click()
    await expect(spoiler).to_have_attribute("aria-expanded", "true")
    await expect(page.locator("#log a")).to_have_attribute("rel", "noopener noreferrer")
    await expect(page.get_by_role("img", name="silent")).to_be_visible()
    await sent.delete()
    await expect(page.locator("#log .msg")).to_have_count(0)
    await expect(page.locator("#pinned")).to_be_hidden()


XSS = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>"\'`'


async def test_text_from_outside_stays_text(page: Page, box: Sandbox, bot: Bot, http):
    await bot.set_my_commands([BotCommand("x", XSS)])
    box.send_text(XSS, user_id=OPERATOR)
    await bot.send_message(
        OPERATOR,
        XSS,
        reply_markup=InlineKeyboardMarkup([[InlineKeyboardButton(XSS, callback_data="x")]]),
    )
    await bot.send_message(
        OPERATOR, '<a href="javascript:window.pwned=1">link</a>', parse_mode="HTML"
    )
    box.send_text("/start", user_id=666)
    await http.post("sandbox/send", json={"text": XSS, "chat": {"id": -5, "title": XSS}})
    await http.post("ntfy", json={"topic": "t", "title": XSS, "message": XSS, "tags": [XSS]})
    await expect(page.locator(".note")).to_contain_text("<script>")
    await expect(bubbles(page).first).to_have_text(XSS)
    await expect(page.locator("#log script, #log img, .notes img, .notes script")).to_have_count(0)
    await expect(page.locator("#log a")).to_have_count(0)
    assert await page.evaluate("window.pwned") is None


async def test_mail_appears_is_read_and_runs_nothing(page: Page, box: Sandbox):
    mail = EmailMessage()
    mail["From"], mail["To"] = "Outcry <r@outcry.example>", "a@example.org"
    mail["Subject"] = "Daily report"
    mail.set_content("Plain twin")
    html = '<h1>Formatted</h1><script>document.title="pwned"</script><img src="cid:c">'
    mail.add_alternative(html, subtype="html")
    mail.get_payload()[1].add_related(png(), "image", "png", cid="<c>")
    mail.add_attachment(b"x", maintype="text", subtype="csv", filename="trades.csv")
    await aiosmtplib.send(
        mail,
        hostname=box.smtp_host,
        port=box.smtp_port,
        username=box.smtp_user,
        password=box.smtp_password,
        start_tls=True,
        tls_context=ssl.create_default_context(cafile=str(box.certificate.cert_file)),
    )
    await expect(page.locator("#pane-mail .count").first).to_have_text("1")
    await page.get_by_role("button", name="Daily report").click()
    frame = page.frame_locator("#mail-reader iframe")
    await expect(frame.get_by_role("heading", name="Formatted")).to_be_visible()
    await expect(frame.locator("img")).to_have_js_property("naturalWidth", 64)
    assert await page.title() == "Outcry sandbox"
    await expect(page.get_by_role("link", name="trades.csv")).to_be_visible()
    await page.get_by_role("tab", name="Text").click()
    await expect(page.locator(".mail-body pre")).to_contain_text("Plain twin")
    await box.wait_for(lambda: not box.mails()[0].unread)
    await expect(page.locator("#pane-mail .count").first).to_be_hidden()


async def test_push_notes_appear_and_are_replaced_by_their_sequence(page: Page, http):
    note = {"topic": "risk", "title": "Drawdown", "message": "1", "tags": ["warning", "sev1"]}
    await http.post("ntfy", json={**note, "priority": 5, "sequence_id": "a"})
    card = page.locator(".note")
    await expect(card.locator("h3")).to_have_text("⚠️ Drawdown")
    await expect(card).to_have_attribute("data-priority", "5")
    await expect(card).to_contain_text("urgent")
    await http.post("ntfy", json={**note, "message": "2", "sequence_id": "a"})
    await expect(card.locator("p")).to_have_text("2")
    await expect(card).to_have_count(1)


@pytest.mark.parametrize("width", [390, 360])
async def test_phone_width_has_no_sideways_scroll_and_a_table_fits(
    browser: Browser, box: Sandbox, bot: Bot, width: int
):
    await bot.send_message(OPERATOR, f"Positions{TABLE}", parse_mode="HTML")
    await bot.send_message(OPERATOR, "x" * 300 + " https://a.example/" + "y" * 200)
    await bot.send_photo(OPERATOR, png(1280, 720), caption="wide")
    page = await browser.new_page(viewport={**PHONE, "width": width})
    await page.goto(box.page_url)
    await expect(page.locator("pre")).to_be_visible()
    inside = "node => node.scrollWidth - node.clientWidth"
    for part in ("html", "#log", "pre"):
        assert await page.locator(part).first.evaluate(inside) <= 0, part
    line = "parseFloat(getComputedStyle(node).lineHeight)"
    lines = await page.locator("pre").evaluate(f"node => (node.clientHeight - 14) / {line}")
    assert round(lines) == 3
    for tab in ("Mail", "Push", "Chat"):
        await page.get_by_role("button", name=tab, exact=True).click()
        assert await page.locator("html").evaluate(inside) <= 0, tab
    await expect(page.locator("#pane-mail")).to_be_hidden()


async def test_banner_tells_that_the_bot_is_away_and_that_it_is_back(page: Page, box: Sandbox):
    banner = page.locator("#banner")
    await expect(banner).to_have_text("No bot has connected yet. What you type waits for it.")
    async with bot_of(box) as bot:
        poll = asyncio.create_task(bot.get_updates(timeout=30))
        await expect(banner).to_be_hidden()
        await expect(page.locator("#chat-status")).to_have_text("bot, listening")
        poll.cancel()
        await asyncio.gather(poll, return_exceptions=True)
    await expect(banner).to_contain_text("The bot is not polling: last seen", timeout=15_000)


async def test_crash_button_says_what_was_killed_and_when_it_is_back(
    browser: Browser, config: SandboxConfig, tmp_path: Path
):
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-c", "input()")
    victim = await asyncio.create_subprocess_exec(*command, stdin=pipe, stderr=pipe)
    pid_file = tmp_path / "pid"
    pid_file.write_text(str(victim.pid))
    async with Sandbox(replace(config, service_pid_file=pid_file)) as box, bot_of(box) as bot:
        await bot.get_updates()
        page = await browser.new_page(viewport=DESKTOP)
        await page.goto(box.page_url)
        await page.get_by_role("button", name="Crash it").click()
        await expect(page.locator("#banner")).to_contain_text(
            f"Killed process {victim.pid}, waiting for it to come back"
        )
        assert await victim.wait() == -9
        await bot.get_updates()
        await expect(page.locator("#banner")).to_be_hidden()
        await expect(page.locator(".toast").last).to_contain_text("It is back, after")
    await victim.communicate()


async def test_fault_switches_act_from_the_page(page: Page, box: Sandbox):
    await page.get_by_role("button", name="Faults").click()
    await page.get_by_role("switch", name="Answers 429 Too Many Requests").check()
    await expect(page.locator("#faults-count")).to_have_text("1")
    seconds = page.locator("#fault-telegram-flood_429-retry_after")
    await seconds.fill("17")
    await seconds.press("Enter")
    await box.wait_for(
        lambda: box.faults.to_json()["telegram"] == {"flood_429": {"retry_after": 17}}
    )
    await page.get_by_role("button", name="All faults off").click()
    await box.wait_for(lambda: not box.faults.is_on("telegram", "flood_429"))


async def test_the_page_comes_back_by_itself_after_a_restart_of_the_sandbox(
    browser: Browser, config: SandboxConfig
):
    async with Sandbox(config) as box:
        port = box.addresses.http_port
        box.send_text("before")
        page = await browser.new_page(viewport=DESKTOP)
        await page.goto(box.page_url)
        await expect(bubbles(page)).to_have_text(["before"])
    await expect(page.locator("#banner")).to_contain_text("The sandbox does not answer")
    async with Sandbox(replace(config, port=port)) as box:
        box.send_text("after")
        await expect(bubbles(page)).to_have_text(["before", "after"], timeout=15_000)
