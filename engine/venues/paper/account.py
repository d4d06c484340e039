"""The paper account: its market, its books on disk, and what waits to be told."""

from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from engine.bars import to_ms
from engine.domain.ids import AccountId, AssetId
from engine.domain.instruments import Instrument
from engine.domain.orders import Order, OrderType
from engine.errors import ConfigError, OrderStateUnknown, StorageError
from engine.ports import Clock, OrderReport, VenueMessage
from engine.venues.answering import Answers, live_order
from engine.venues.book import Book
from engine.venues.bookstore import BookStore
from engine.venues.funds import expected_price
from engine.venues.keeping import BookKeeper
from engine.venues.models import FillModels
from engine.venues.paper.market import PaperMarket


class PaperAccount:
    """One account of a paper venue. Nothing is answered or told before it is on disk.

    Args:
        source: The market it trades on paper; the books belong to it.
        opening_balances: Deposited once, when the books are new.

    Raises:
        ConfigError: From `open`: the stored books belong to another source, or hold an
            instrument that is not listed.
        StorageError: From any method: the books can't be read or written.
    """

    def __init__(
        self,
        account_id: AccountId,
        instruments: Iterable[Instrument],
        *,
        source: str,
        clock: Clock,
        opening_balances: Mapping[AssetId, Decimal],
        store: BookStore | None,
        models: FillModels,
        seed: int,
    ) -> None:
        self.book = Book(account_id, instruments, opening_balances)
        self.market = PaperMarket(self.book, models, seed)
        self._clock = clock
        self._models = models
        prints = {f"paper on {source}": "live"}
        self._keeper = BookKeeper(self.book, store, prints=prints, seed=seed, owner="paper account")
        self._outbox: deque[VenueMessage] = deque()

    # --- opening and closing --------------------------------------------------------------

    async def open(self) -> None:
        """Take the books up where they stood, or make the deposit."""
        if self._keeper.load() is None:
            await self._commit()
            return
        self._check_listed()
        try:
            self.market.restore(self._keeper.notes)
        except msgspec.MsgspecError as exc:
            raise StorageError(
                f"The paper account's books are not readable ({exc}). Nothing was changed. "
                "Start afresh, or bring back the file as it was."
            ) from exc

    def _check_listed(self) -> None:
        """Holdings and live orders need their instrument; what has ended does not."""
        held = {name for name, holding in self.book.holdings.items() if holding.quantity}
        missing = sorted((held | set(self.book.live)) - set(self.book.instruments))
        if missing:
            raise ConfigError(
                f"The paper account holds or has orders in {', '.join(missing)}, which is not "
                "among the symbols or no longer listed. Nothing was changed. Put it back among "
                "the symbols and close it first, or start afresh (--fresh)."
            )
        self.book.holdings = {
            name: holding
            for name, holding in self.book.holdings.items()
            if name in self.book.instruments
        }

    async def close(self) -> None:
        await self._keeper.close()

    # --- what happens and is told ---------------------------------------------------------

    async def settle(self, happened: list[VenueMessage]) -> None:
        """Write what moved, and queue what is to be told of it."""
        self._outbox.extend(happened)
        await self._commit()

    async def next_told(self) -> VenueMessage | None:
        """Return what is to be told next, once what it tells of is on disk; None: nothing."""
        if not self._outbox:
            return None
        await self._keeper.flush()
        return self._outbox.popleft()

    async def _commit(self) -> None:
        notes = self.market.notes()
        if notes is None:
            return
        if self._keeper.keeps:
            await self._keeper.commit(to_ms(self._clock.now()), notes)
        else:
            self.book.take_dirty()

    # --- orders ---------------------------------------------------------------------------

    def knows(self, order: Order) -> bool:
        return self._keeper.order(order.client_order_id) is not None

    def lacks_price(self, order: Order) -> bool:
        """Tell whether nothing says yet what an order would cost."""
        listed = order.instrument_id in self.book.instruments
        needs = order.order_type is OrderType.MARKET and order.quote_quantity is None
        return listed and needs and not expected_price(self.book, order)

    async def submit(self, order: Order) -> OrderReport:
        """Place `order`, or report the one that is there under its id.

        Raises:
            OrderRefused and its subclasses: It is not there.
            OrderStateUnknown: The books could not be written: it may be there after a restart.
        """
        try:
            working = self._keeper.order(order.client_order_id)
            if working is not None:
                await self._keeper.flush()
            else:
                working, happened = self.market.place(order, self._clock.now())
                await self.settle(happened)
        except StorageError as exc:
            raise OrderStateUnknown(
                f"{order.instrument_id}: {exc} The order may or may not be there."
            ) from exc
        return working.report()

    async def cancel(self, order: Order) -> None:
        """End an order; see the port."""
        working = live_order(self._keeper, order)
        report = self.market.cancel(working, self._clock.now())
        try:
            await self.settle([report])
        except StorageError as exc:
            raise OrderStateUnknown(f"{order.instrument_id}: {exc}") from exc

    # --- questions ------------------------------------------------------------------------

    async def answers(self) -> Answers:
        """Return what the books say, once it is on disk."""
        await self._keeper.flush()
        return Answers(self.book, self._keeper, self._models)
