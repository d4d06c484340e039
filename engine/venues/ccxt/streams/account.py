"""The account's own messages: orders, fills and money that moves, each once and nothing missed."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import structlog

from engine.domain.orders import Fill
from engine.errors import TradingError
from engine.ports import FillReported, FlowReported, OrderReport, OrderReported
from engine.venues.ccxt.streams.completing import Completer
from engine.venues.ccxt.streams.entries import Unread
from engine.venues.ccxt.streams.library import StreamClient
from engine.venues.ccxt.streams.once import Orders, Seen
from engine.venues.ccxt.streams.outbox import AccountMessage
from engine.venues.ccxt.streams.quirks import StreamQuirks
from engine.venues.ccxt.streams.rounds import Rounds
from engine.venues.ccxt.streams.sources import AccountQueries, AccountReader
from engine.venues.ccxt.streams.tap import GARBAGE
from engine.venues.ccxt.streams.tasks import event_within
from engine.venues.ccxt.streams.watching import Surroundings, Watch, Watches, watched

ACCOUNT = "the account"

# Venues credit deposits long after the time they give them.
_FLOWS_OVERLAP = timedelta(days=1)
# An order this new may be missing in a list that was made before it.
_TOO_NEW = timedelta(seconds=2)

_log = structlog.get_logger(__name__)


class AccountLane:
    """Merges the stream with what REST says: after an outage first what was missed, then the rest.

    The stream's messages wait while that is asked for. As long as the stream is down or has not
    been subscribed to, and where there is none, REST is asked every few seconds. While it is up
    REST is asked now and then as well: a fill that it has and the stream should have told long ago
    means that the stream only looks alive, and it is cut.

    Args:
        emit: Takes each message; fills come before the order reports that count them.

    Attributes:
        began: Fills are told from a little before this instant on, on the venue's clock.
    """

    def __init__(
        self,
        *,
        client: StreamClient,
        queries: AccountQueries,
        reader: AccountReader,
        quirks: StreamQuirks,
        venue_now: Callable[[], datetime],
        emit: Callable[[AccountMessage], None],
        around: Surroundings,
    ) -> None:
        self._client = client
        self._queries = queries
        self._reader = reader
        self._quirks = quirks
        self._venue_now = venue_now
        self._emit = emit
        self._around = around
        self._completers = [Completer(completion) for completion in quirks.completions]
        self._fills = Seen()
        self._flows = Seen()
        self._orders = Orders()
        self._new_orders, self._new_trades = Unread(), Unread()
        self._held: list[Fill | OrderReport] = []  # told by the stream, wait for what was missed
        self._whole = False  # stream and REST agree: messages are handed on as they come
        self._holding_since: float | None = None
        self._subscribed_at: float | None = None  # on the connection that is open
        self._broken_at = around.wall.monotonic()
        self._breaks = 0
        self._untold: dict[str, float] = {}  # fills that only REST told of, and until when
        self.began = venue_now()
        self._overlap = timedelta(seconds=around.policy.overlap)
        self._rounds = Rounds(
            began=self.began, overlap=self._overlap, full=around.policy.full, wall=around.wall
        )
        self._first = True
        self._wake = asyncio.Event()
        self._holding = asyncio.Event()
        self._money_moved = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled."""
        tap, watches = self._around.tap, self._watches()
        tap.on_connection(self._connected)
        for completer in self._completers:
            tap.listen(completer.read, early=True)
        self._around.link.expect(ACCOUNT)
        self._broken_at = self._holding_since = self._around.wall.monotonic()
        try:
            await watched(
                watches,
                self._frame,
                self._around,
                self._keep_up() if watches else self._poll(),
                self._let_go(),
                self._keep_flows(),
                broke=self._broke,
            )
        finally:
            tap.ignore_connections(self._connected)
            for completer in self._completers:
                tap.ignore(completer.read)

    def _watches(self) -> Watches:
        client = self._client
        wanted: list[tuple[str, bool, Watch]] = [
            ("orders", bool(client.has.get("watchOrders")), client.watch_orders),
            ("fills", bool(client.has.get("watchMyTrades")), client.watch_my_trades),
            ("balances", self._quirks.watch_balance, client.watch_balance),
        ]
        return [(part, watch) for part, has, watch in wanted if has]

    # -- the stream ------------------------------------------------------------------------------

    def _frame(self, message: object) -> None:
        """Read what the library made of a frame, in the very step it arrived."""
        if any(match.matches(message) for match in self._quirks.session_ended):
            self._around.tap.cut("the exchange ended the session")
            return
        if any(match.matches(message) for match in self._quirks.subscribed):
            self._subscribed()
        if any(match.matches(message) for match in self._quirks.money_moved):
            self._money_moved.set()
        client, reader = self._client, self._reader
        try:
            reports = [reader.order(new) for new in self._new_orders.take(client.orders)]
            fills = [reader.fill(new) for new in self._new_trades.take(client.myTrades)]
        except GARBAGE as exc:
            _log.warning("a message of the account can't be read", problem=repr(exc)[:200])
            self._around.tap.cut("a message of the account could not be read")
            return
        for fill in fills:
            self._untold.pop(fill.key, None)
        if not self._whole and self._holding_since is not None:
            self._held += [*fills, *reports]
        else:
            self._tell(fills, reports)
        if reports and not client.has.get("watchMyTrades"):
            self._wake.set()  # what it filled is to be asked for

    async def _let_go(self) -> None:
        """Release what is held when REST does not answer: late news are better than none."""
        wall = self._around.wall
        while True:
            if self._holding_since is None:
                await self._holding.wait()
            self._holding.clear()
            if self._holding_since is not None:
                release_at = self._holding_since + self._around.policy.hold
                if wall.monotonic() >= release_at:
                    self._release()
                else:
                    await wall.sleep(release_at - wall.monotonic())

    def _release(self) -> None:
        held, self._held, self._holding_since = self._held, [], None
        self._tell(
            [each for each in held if isinstance(each, Fill)],
            [each for each in held if isinstance(each, OrderReport)],
        )

    def _tell(self, fills: Iterable[Fill], reports: Iterable[OrderReport]) -> list[Fill]:
        """Hand on what is new, fills first; return the new fills."""
        new = [fill for fill in fills if self._fills.is_new(fill.key)]
        for fill in new:
            self._rounds.told(fill.instrument_id)
            self._emit(FillReported(fill))
        for report in reports:
            advanced = self._orders.advance(report)
            if advanced is not None:
                self._rounds.told(advanced.instrument_id)
                self._emit(OrderReported(advanced))
        return new

    def _subscribed(self) -> None:
        self._subscribed_at = self._around.wall.monotonic()
        self._wake.set()

    @property
    def _tells_for(self) -> float | None:
        """Seconds since the stream tells of the account; None while it does not."""
        if self._around.tap.connected_for is None or self._subscribed_at is None:
            return None
        return self._around.wall.monotonic() - self._subscribed_at

    def _connected(self) -> None:
        """A break that nobody was waiting for shows only in the next connection."""
        self._subscribed_at = None
        if not self._quirks.subscribed:
            self._subscribed()
        self._breaks += 1
        if self._whole:
            self._broke("it was connected anew")
        self._wake.set()

    def _broke(self, reason: str) -> None:
        """Hold what comes from now on: something may be missing before it."""
        for group in self._quirks.sessions:
            session = self._client.options.get(group)
            if isinstance(session, dict):
                session["lastAuthenticatedTime"] = 0
        self._breaks += 1
        if self._whole:
            self._whole = False
            self._untold.clear()
            self._broken_at = self._holding_since = self._around.wall.monotonic()
            self._holding.set()
        self._around.link.down(ACCOUNT, reason)
        self._wake.set()

    # -- over REST -------------------------------------------------------------------------------

    async def _keep_up(self) -> None:
        """Catch up after each connection, poll while there is none, check now and then."""
        policy, wall = self._around.policy, self._around.wall
        while True:
            if self._whole:
                await self._check()
                continue
            self._cut_unsubscribed()
            tells_for = self._tells_for
            broken_for = wall.monotonic() - self._broken_at
            if tells_for is None and broken_for < policy.poll:
                await event_within(wall, policy.poll - broken_for, self._wake)  # a dial may do
            elif tells_for is not None and tells_for < policy.settle:
                await event_within(wall, policy.settle - tells_for, self._wake)
            elif await self._caught_up() and tells_for is not None:
                self._mended()
                await event_within(wall, policy.early, self._wake)
            else:
                await event_within(wall, policy.poll, self._wake)

    def _cut_unsubscribed(self) -> None:
        """Give up a connection on which the subscription is neither taken nor refused."""
        connected_for = self._around.tap.connected_for
        overdue = connected_for is not None and connected_for >= self._around.policy.connect
        if overdue and self._subscribed_at is None:
            self._around.tap.cut("the subscription to the account was not answered")

    async def _caught_up(self) -> bool:
        """Ask for what was missed; tell whether the stream held meanwhile."""
        breaks = self._breaks
        if await self._ask() is None:
            return False
        return breaks == self._breaks and self._tells_for is not None

    async def _check(self) -> None:
        """Compare once with REST while the stream is up; what only REST has is awaited."""
        wall, policy = self._around.wall, self._around.policy
        up_for = self._around.link.up_for(ACCOUNT) or 0.0
        whole_since = self._venue_now() - timedelta(seconds=up_for)
        for fill in await self._ask() or ():
            if self._whole and fill.ts_event > whole_since:
                self._untold[fill.key] = wall.monotonic() + policy.late
        await event_within(wall, policy.late if self._untold else policy.check, self._wake)
        if any(deadline <= wall.monotonic() for deadline in self._untold.values()):
            self._untold.clear()
            self._around.tap.cut("it did not tell of a fill")

    async def _poll(self) -> None:
        """Ask every few seconds: the library can't watch this exchange's accounts."""
        self._whole = True
        while True:
            if await self._ask() is None:
                self._around.link.down(ACCOUNT, "no answer")
            else:
                self._around.link.up(ACCOUNT)
            await self._around.wall.sleep(self._around.policy.poll)

    def _mended(self) -> None:
        self._whole = True
        self._around.link.up(ACCOUNT)
        self._release()

    async def _ask(self) -> list[Fill] | None:
        """Ask for orders and fills and hand on what is new; None when there was no answer.

        The fills are asked for last: so every one that a report counts is told before it.
        """
        began = self._venue_now()
        mends = not self._whole and self._tells_for is not None
        try:
            reports = list(await self._queries.open_orders())
            listed = {(report.instrument_id, report.venue_order_id) for report in reports}
            for last in self._orders.working():
                gone = (last.instrument_id, last.venue_order_id) not in listed
                if gone and last.ts_event < began - _TOO_NEW:
                    found = await self._queries.order_now(last)
                    if found is None:
                        self._orders.forget(last)  # whoever keeps orders reconciles them
                    else:
                        reports.append(found)
            held = await self._queries.holdings()
            working = [one.instrument_id for one in (*reports, *self._orders.working())]
            asked = self._rounds.question(began, held, working, everything=mends)
            fills = await self._queries.fills_since(asked.since, asked.instruments)
        except TradingError as exc:
            _log.warning("the account can't be asked", reason=str(exc))
            return None
        if self._first:  # whoever starts a stream has just read the open orders himself
            self._first = False
            reports = [r for r in reports if not self._is_old(r, self.began - self._overlap)]
        new = self._tell(fills, reports)
        self._rounds.answered(asked, held)
        return new

    def _is_old(self, report: OrderReport, since: datetime) -> bool:
        """Note an order that stands as it did before `since`."""
        if report.ts_event >= since:
            return False
        self._orders.advance(report)
        return True

    async def _keep_flows(self) -> None:
        """Ask for money that moved: on a timer, and soon after a frame told of some."""
        policy, wall = self._around.policy, self._around.wall
        since = self.began
        while True:
            began = self._venue_now()
            try:
                flows = await self._queries.flows_since(since - _FLOWS_OVERLAP)
            except TradingError as exc:
                _log.warning("flows can't be asked for", reason=str(exc))
            else:
                since = began
                for flow in flows:
                    if self._flows.is_new(flow.flow_id):
                        self._emit(FlowReported(flow))
            if await event_within(wall, policy.flows, self._money_moved):
                await wall.sleep(policy.settle)  # REST lags behind the stream
