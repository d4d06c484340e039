"""/positions, /orders, /trades, /close, /flatten."""

from collections.abc import Sequence

from bot.telegram.call import Call
from bot.telegram.pages import (
    PAGE_SIZE,
    expand_key,
    find_page,
    is_page,
    pager,
    shorten_key,
    tag,
)
from bot.telegram.registry import UsageError
from bot.telegram.replies import Reply, command_button, grid, refresh_button, row, rows
from bot.telegram.resolve import match_instruments, match_positions
from bot.telegram.tickets import Subject
from engine.domain.ids import UNMANAGED_BOOK
from engine.domain.queries import GetInstruments, GetOrders, GetPositions, GetTrades
from engine.domain.views import (
    InstrumentsView,
    OrdersView,
    PositionsView,
    PositionView,
    TradesView,
)
from render.format import quantity
from render.html import escape
from render.views.money import trades_text
from render.views.outcomes import nothing_text
from render.views.positions import orders_text, positions_text

_MOST_BUTTONS = 20


async def positions(call: Call) -> Reply:
    """Show open positions with stop and target, a page at a time."""
    view = await call.ask(GetPositions(), PositionsView)
    keys = [held.ref.id for held in view.positions]
    page = find_page(keys, _page_word(call))
    closing = command_button("Close ...", "/close") if keys else None
    return Reply(
        html=positions_text(view, page.first, PAGE_SIZE),
        buttons=rows(pager("/positions", keys, page), row(refresh_button(call.line), closing)),
    )


async def orders(call: Call) -> Reply:
    """Show open orders, or with "closed" the last ended ones."""
    words = [word for word in call.words if word.lower() != "closed"]
    closed = len(words) < len(call.words)
    if words and not is_page(words[0]):
        raise UsageError(f"{words[0]!r} makes no sense here. Usage: /orders [closed] [PAGE]")
    view = await call.ask(GetOrders(closed=closed), OrdersView)
    keys = [str(order.client_order_id) for order in view.orders]
    page = find_page(keys, words[0] if words else "1")
    command = "/orders closed" if closed else "/orders"
    other = (
        command_button("Open", "/orders") if closed else command_button("Ended", "/orders closed")
    )
    return Reply(
        html=orders_text(view, page.first, PAGE_SIZE, closed=closed),
        buttons=rows(pager(command, keys, page), row(refresh_button(call.line), other)),
    )


async def trades(call: Call) -> Reply:
    """Show closed round trips, newest first, paged by key."""
    run, before, number = _trade_words(call.words)
    view = await call.ask(GetTrades(limit=PAGE_SIZE, before=before, run=run), TradesView)
    command = f"/trades {run}" if run else "/trades"
    older = None
    if view.older is not None:
        line = f"{command} {shorten_key(view.older)} @{number + 1}"
        older = command_button("▶ Older", line, edit=True)
    newest = command_button("◀ Newest", command, edit=True) if before else None
    html = trades_text(view, number)
    if view.older is not None and older is None:
        html += f"\nOlder: <code>{escape(f'{command} {view.older}')}</code>"
    return Reply(html=html, buttons=rows(row(newest, older), row(refresh_button(call.line))))


async def close(call: Call) -> Reply:
    """Preview closing a position, or ask which."""
    view = await call.ask(GetPositions(), PositionsView)
    managed = tuple(held for held in view.positions if held.ref.book_id != UNMANAGED_BOOK)
    if not managed:
        return Reply(html=nothing_text(view.header, "No managed position is open."))
    if not call.words:
        return _which(managed, "Which position?")
    if call.words[0].lower() == "all":
        raise UsageError("To close everything send /flatten: it shows a preview first.")
    found = match_positions(managed, " ".join(call.words))
    if len({held.book_name for held in found}) > 1:
        return _which(found, "There are several. Which one?")
    if len(found) > 1 and found[0].book_name.casefold() != call.words[0].casefold():
        return _which(found, "There are several. Which one?")
    refs = tuple(held.ref for held in found)
    return await call.tools.offers.offer(call, "close", Subject(refs=refs))


async def flatten(call: Call) -> Reply:
    """Preview closing all that we manage, or what is in the instruments named."""
    if not call.words or call.words[0].lower() == "all":
        return await call.tools.offers.offer(call, "flatten", Subject())
    known = (await call.ask(GetInstruments(), InstrumentsView)).instrument_ids
    chosen = []
    for word in call.words:
        found = match_instruments(known, word)
        if len(found) > 1:
            names = ", ".join(map(str, found))
            raise UsageError(f"{word!r} may be {names}. Nothing was done: send the full name.")
        chosen.append(found[0])
    subject = Subject(instrument_ids=tuple(dict.fromkeys(chosen)))
    return await call.tools.offers.offer(call, "flatten", subject)


def _which(held: Sequence[PositionView], question: str) -> Reply:
    buttons = [
        command_button(
            f"{position.ref.instrument_id} {quantity(position.quantity, sign=True)}"
            f" ({position.book_name})",
            f"/close #{tag(position.ref.id)}",
        )
        for position in held[:_MOST_BUTTONS]
    ]
    more = len(held) - len(buttons)
    rest = f" {more} more are not listed: send /close SYMBOL." if more else ""
    found = [button for button in buttons if button is not None]
    return Reply(
        html=f"{escape(question)} Nothing is closed before you confirm.{rest}",
        buttons=grid(found, across=1),
    )


def _page_word(call: Call) -> str:
    if not call.words:
        return "1"
    if not is_page(call.words[0]):
        raise UsageError(f"{call.words[0]!r} is no page. Usage: /{call.name} [PAGE]")
    return call.words[0]


def _trade_words(words: Sequence[str]) -> tuple[str | None, str | None, int]:
    """Return run, cursor and page number of "/trades [RUN] [CURSOR] [@PAGE]"."""
    run: str | None = None
    before: str | None = None
    number = 1
    for word in words:
        if word.startswith("@") and word[1:].isdigit():
            number = int(word[1:])
        elif word.startswith("~") or "|" in word:
            before = expand_key(word)
        elif run is None:
            run = word
        else:
            raise UsageError(f"{word!r} is one word too many. Usage: /trades [RUN]")
    return run, before, number
