"""The exchange's part of the page in a real browser, at the size of a phone and of a desk."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from telegram import Bot

from sandbox.config import SandboxConfig
from sandbox.exchange.core.kinds import OrderType, Side
from sandbox.exchange.core.orders import OrderRequest
from sandbox.exchange.hosting import ACCOUNT
from sandbox.server import Sandbox
from tests.sandbox.conftest import OPERATOR
from tests.sandbox.test_browser import DESKTOP, PHONE, browser, pytestmark

__all__ = ["browser", "pytestmark"]
BTC = "BTCUSDT"


@pytest.fixture
def config(tmp_path: Path) -> SandboxConfig:
    return SandboxConfig(state_dir=tmp_path / "state", limits=False, exchange="spot")


@pytest.fixture
async def page(browser: Browser, box: Sandbox) -> AsyncIterator[Page]:
    """The page at phone size, the exchange chosen; an error in its scripts fails the test."""
    problems: list[str] = []
    opened = await browser.new_page(viewport=PHONE)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda line: problems.append(line.text) if "Policy" in line.text else None)
    await opened.goto(box.page_url)
    await opened.locator('.tabs [data-tab="exchange"]').click()
    yield opened
    assert problems == []


def exchange_of(box: Sandbox):
    assert box.exchange is not None
    return box.exchange.exchange


async def test_a_switch_begins_an_outage_and_all_off_ends_every_one(page: Page, box: Sandbox):
    slow = page.get_by_role("switch", name="Slow")
    await expect(slow).not_to_be_checked()
    await slow.check()
    await page.get_by_role("switch", name="Wrong clock").check()
    await expect(page.locator(".outage[data-on]")).to_have_count(2)
    await expect(page.locator('.tabs [data-count="outages"]')).to_have_text("2")
    await expect(page.locator("#exchange-note")).to_contain_text("90 s ahead")
    assert {rule.name for rule in exchange_of(box).faults.rules} == {"slow/1"}

    await page.get_by_role("button", name="All off").click()
    await expect(page.locator(".outage[data-on]")).to_have_count(0)
    await expect(page.locator("#exchange-note")).not_to_contain_text("ahead")
    assert exchange_of(box).faults.rules == ()


async def test_a_manual_trade_shows_in_the_account_and_in_the_log(page: Page, box: Sandbox):
    await page.get_by_role("tab", name="By hand").click()
    await page.get_by_label("Quantity").fill("0.01")
    await page.get_by_role("button", name="Buy").click()
    await expect(page.locator("#pane-exchange .toast")).to_have_text("Bought on the website")
    [fill] = exchange_of(box).history.fills(ACCOUNT)
    assert fill.quantity == Decimal("0.01")
    await page.get_by_role("tab", name="Account").click()
    await expect(page.locator("#exchange-account")).to_contain_text("0.01 BTC/USDT")
    await expect(page.locator("#exchange-account table")).to_contain_text("BTC")
    await page.get_by_role("tab", name="Log").click()
    await expect(page.locator("#exchange-log li").first).to_contain_text("order on the website")
    await expect(page.locator("#exchange-record")).to_contain_text("1 order accepted, none twice")


async def test_what_is_impossible_says_so_and_changes_nothing(page: Page, box: Sandbox):
    await page.get_by_role("tab", name="By hand").click()
    await page.get_by_label("Quantity").fill("1000")
    await page.get_by_role("button", name="Buy").click()
    await expect(page.locator("#pane-exchange .toast")).to_contain_text("and 100000 is free")
    assert exchange_of(box).history.fills(ACCOUNT) == ()


async def test_an_open_order_is_cancelled_at_the_exchange(page: Page, box: Sandbox):
    hands = exchange_of(box).hands
    request = OrderRequest(
        symbol=BTC,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=Decimal("0.001"),
        price=Decimal(50_000),
    )
    hands.manual_order(ACCOUNT, request)
    await page.get_by_role("tab", name="Account").click()
    await expect(page.locator("#exchange-account")).to_contain_text("limit 50,000")
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator("#exchange-account")).to_contain_text("No open order.")
    assert exchange_of(box).history.open_orders(ACCOUNT) == ()


async def test_a_price_jump_moves_the_price_on_the_page(page: Page, box: Sandbox):
    before = exchange_of(box).data.last_price(BTC)
    await page.get_by_role("tab", name="By hand").click()
    await page.get_by_role("button", name="−5 %").click()
    await expect(page.locator("#exchange-log li").first).to_contain_text("price set to")
    assert exchange_of(box).data.last_price(BTC) < before * Decimal("0.97")


async def test_a_message_of_the_bot_is_seen_from_the_exchange_and_leads_to_the_chat(
    page: Page, bot: Bot
):
    await bot.send_message(OPERATOR, "No answer from the venue: buy 0.2 BTC/USDT")
    heads_up = page.locator("#pane-exchange .toast")
    await expect(heads_up).to_contain_text("No answer from the venue")
    await heads_up.click()
    await expect(page.locator("#pane-chat")).to_be_visible()
    await expect(page.locator("#pane-exchange")).to_be_hidden()


async def test_nothing_sticks_out_on_a_phone_and_everything_is_there_on_a_desk(
    page: Page, box: Sandbox
):
    for view in ("Outages", "By hand", "Account", "Log"):
        await page.get_by_role("tab", name=view).click()
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    await page.set_viewport_size(DESKTOP)
    for pane in ("chat", "exchange", "mail", "push"):
        await expect(page.locator(f"#pane-{pane}")).to_be_visible()
    await page.set_viewport_size({"width": 1000, "height": 760})
    await expect(page.locator("#pane-chat")).to_be_visible()
    await expect(page.locator("#pane-exchange")).to_be_visible()
    await page.locator('.tabs [data-tab="mail"]').click()
    await expect(page.locator("#pane-exchange")).to_be_hidden()
    await expect(page.locator("#pane-mail")).to_be_visible()


async def test_there_is_no_exchange_on_the_page_when_none_runs(browser: Browser, tmp_path: Path):
    async with Sandbox(SandboxConfig(state_dir=tmp_path / "without", limits=False)) as box:
        page = await browser.new_page(viewport=PHONE)
        await page.goto(box.page_url)
        await expect(page.locator("#pane-chat")).to_be_visible()
        await expect(page.locator('.tabs [data-tab="exchange"]')).to_be_hidden()
        await page.locator("#open-help").click()
        await expect(page.locator("#help .of-exchange")).to_be_hidden()
