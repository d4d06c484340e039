"""Spot's account, the key's rights, deposits and withdrawals."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from sandbox.exchange.binance.part import Call
from sandbox.exchange.binance.wirejson import Json, JsonList, JsonObject, exact, fixed, plain
from sandbox.exchange.core import Flow
from sandbox.exchange.core.kinds import FlowReason, Permission, Wallet

ZERO = Decimal(0)


def account(call: Call) -> Json:
    """Show balances and what the account may do."""
    markets = list(call.part.markets.values())
    maker = max((market.maker_fee for market in markets), default=ZERO)
    taker = max((market.taker_fee for market in markets), default=ZERO)
    shown = call.exchange.accounts.balances(call.account, Wallet.SPOT)
    hide_empty = call.params.flag("omitZeroBalances")
    return {
        "makerCommission": int(maker * 10_000),
        "takerCommission": int(taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": fixed(maker),
            "taker": fixed(taker),
            "buyer": fixed(ZERO),
            "seller": fixed(ZERO),
        },
        "canTrade": _allowed(call, Permission.TRADE_SPOT),
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": call.part.shown_now(),
        "accountType": "SPOT",
        "balances": [
            {"asset": item.asset, "free": exact(item.free), "locked": exact(item.locked)}
            for item in shown
            if item.total or not hide_empty
        ],
        "permissions": ["SPOT"],
        "uid": 354937868,
    }


def _allowed(call: Call, right: Permission) -> bool:
    return call.key is not None and right in call.key.permissions


def api_restrictions(call: Call) -> Json:
    """Show what the key may do."""
    key = call.key
    body: JsonObject = {
        "ipRestrict": key is not None and key.ip_restricted,
        "createTime": 1698645219000,
        "enableReading": _allowed(call, Permission.READ),
        "enableWithdrawals": _allowed(call, Permission.WITHDRAW),
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": _allowed(call, Permission.TRADE_LINEAR),
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": _allowed(call, Permission.TRADE_SPOT),
        "enablePortfolioMarginTrading": False,
    }
    if key is not None and key.expires_at_ms is not None:
        body["tradingAuthorityExpirationTime"] = key.expires_at_ms
    return body


def deposits(call: Call) -> Json:
    """List deposits to the spot wallet, newest first."""
    return [_deposit(call, flow) for flow in _flows(call, FlowReason.DEPOSIT)]


def withdrawals(call: Call) -> Json:
    """List withdrawals from the spot wallet, newest first."""
    return [_withdrawal(call, flow) for flow in _flows(call, FlowReason.WITHDRAWAL)]


def _flows(call: Call, reason: FlowReason) -> list[Flow]:
    start, end = call.span()
    coin = call.params.optional("coin")
    found = call.exchange.history.flows(
        call.account, reasons=frozenset({reason}), start_ms=start, end_ms=end
    )
    chosen = [
        flow
        for flow in found
        if flow.wallet is Wallet.SPOT and (coin is None or flow.asset == coin)
    ]
    return chosen[::-1][: call.params.limit(1000, 1000)]


def _deposit(call: Call, flow: Flow) -> JsonObject:
    return {
        "id": str(flow.flow_id),
        "amount": plain(flow.amount),
        "coin": flow.asset,
        "network": "BSC",
        "status": 1,
        "address": "0xc9c923c87347ca0f3451d6d308ce84f691b9f501",
        "addressTag": "",
        "txId": f"deposit-{flow.flow_id}",
        "insertTime": call.part.shown(flow.time_ms),
        "transferType": 0,
        "confirmTimes": "15/15",
        "unlockConfirm": 15,
        "walletType": 0,
    }


def _withdrawal(call: Call, flow: Flow) -> JsonObject:
    moment = datetime.fromtimestamp(call.part.shown(flow.time_ms) / 1000, tz=UTC)
    return {
        "id": str(flow.flow_id),
        "amount": plain(-flow.amount),
        "transactionFee": "0",
        "coin": flow.asset,
        "status": 6,
        "address": "0x94df8b352de7f46f64b01d3666bf6e936e44ce60",
        "txId": f"withdrawal-{flow.flow_id}",
        "applyTime": f"{moment:%Y-%m-%d %H:%M:%S}",
        "network": "ETH",
        "transferType": 0,
        "walletType": 0,
    }


def coins(call: Call) -> Json:
    """List the coins that the markets know."""
    names = {market.base: None for market in call.part.markets.values()}
    names |= {market.quote: None for market in call.part.markets.values()}
    held = {item.asset: item for item in call.exchange.accounts.balances(call.account)}
    listed: JsonList = []
    for name in names:
        own = held.get(name)
        listed.append(
            {
                "coin": name,
                "depositAllEnable": True,
                "withdrawAllEnable": True,
                "name": name,
                "free": plain(own.free) if own else "0",
                "locked": plain(own.locked) if own else "0",
                "freeze": "0",
                "withdrawing": "0",
                "ipoing": "0",
                "ipoable": "0",
                "storage": "0",
                "isLegalMoney": False,
                "trading": True,
                "networkList": [],
            }
        )
    return listed


def nothing(call: Call) -> Json:
    """List nothing: a product that this exchange does not have."""
    return []


def system_status(call: Call) -> Json:
    """Say that the system works."""
    return {"status": 0, "msg": "normal"}


def trade_fees(call: Call) -> Json:
    """List the fees by market."""
    market = call.optional_market()
    wanted = [market] if market is not None else list(call.part.markets.values())
    return [
        {
            "symbol": call.wire(item.symbol),
            "makerCommission": plain(item.maker_fee),
            "takerCommission": plain(item.taker_fee),
        }
        for item in wanted
    ]
