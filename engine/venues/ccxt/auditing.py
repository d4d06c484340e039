"""Whether the account may be traded as it is configured: key, position mode, margin, leverage.

Everything is read and compared; nothing is switched.
"""

from collections.abc import Awaitable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Protocol, cast

from engine.domain.ids import InstrumentId
from engine.domain.money import to_text
from engine.errors import TradingNotAllowed
from engine.ports import KeyAudit
from engine.venues.ccxt.account import Access
from engine.venues.ccxt.asking import Failure
from engine.venues.ccxt.fields import as_bool, as_decimal, as_instant, as_object, as_text
from engine.venues.ccxt.quirks import KeyQuestion
from engine.venues.ccxt.settings import CcxtSettings, KeyPolicy, MarketKind
from engine.venues.ccxt.troubles import Operation, Trouble

JsonObject = Mapping[str, object]
_SUBJECT = "check of the API key"
_NOT_TOLD = frozenset({Trouble.NOT_SUPPORTED, Trouble.NOT_FOUND})


class _Raw(Protocol):
    def __call__(self, params: JsonObject) -> Awaitable[object]: ...


class Auditor:
    """Asks what the key may do and how positions are held."""

    def __init__(self, access: Access, settings: CcxtSettings) -> None:
        self._access = access
        self._has_key = settings.credentials is not None
        self._terms = settings.terms
        self._policy = settings.key_policy
        self._instruments = settings.instruments

    async def audit(self, now: datetime) -> KeyAudit:
        """As `Venue.audit`.

        Args:
            now: On the venue's clock.
        """
        if not self._has_key:
            raise self._refusal("no API key is configured", "Add one, or use mode paper.")
        await self._check_account()
        answer = await self._key_answer()
        question = self._access.quirks.key
        if question is None or answer is None:
            told = KeyAudit(may_trade=None, may_withdraw=None, ip_restricted=None)
            notes = ["the exchange does not tell what the key may do"]
        else:
            self._check_key(question, answer, now)
            told = KeyAudit(
                may_trade=_any(answer, question.trade),
                may_withdraw=_any(answer, question.withdraw),
                ip_restricted=_any(answer, question.ip_restricted),
            )
            notes = []
        self._check_withdrawal(told.may_withdraw)
        if self._access.market is not MarketKind.SPOT:
            notes += await self._check_terms()
        return KeyAudit(
            may_trade=told.may_trade,
            may_withdraw=told.may_withdraw,
            ip_restricted=told.ip_restricted,
            notes=tuple(notes),
        )

    async def _check_account(self) -> None:
        """One signed read: a key that is refused, expired or cut off shows here."""
        access = self._access
        answer = await access.requests.ask(
            Operation.AUDIT,
            "fetch_balance",
            lambda: access.client.fetch_balance(access.quirks.account_params),
            subject=_SUBJECT,
        )
        if as_object(answer.get("info")).get("canTrade") is False:
            raise self._refusal("the account may not trade", "Ask the exchange why.")

    async def _key_answer(self) -> JsonObject | None:
        access, question = self._access, self._access.quirks.key
        if question is None:
            return None
        try:
            ask = cast(_Raw, getattr(access.client, question.method))
            answer = await access.requests.tried(
                Operation.AUDIT, question.method, lambda: ask(question.params), subject=_SUBJECT
            )
        except Failure as failure:
            if failure.trouble in _NOT_TOLD:  # test networks and demo trading lack it
                return None
            raise failure.error from failure.__cause__
        return as_object(answer)

    def _check_key(self, question: KeyQuestion, answer: JsonObject, now: datetime) -> None:
        expires = as_instant(_at(answer, question.expires_ms)) if question.expires_ms else None
        if expires is not None and expires <= now:
            raise self._refusal(
                f"the API key's right to trade ended at {expires:%Y-%m-%d %H:%M} UTC",
                "Renew it at the exchange, or make a new one.",
            )
        read_only = _truth(answer, question.read_only) if question.read_only else None
        if _any(answer, question.trade) is False or read_only:
            raise self._refusal(
                f"the API key may not trade {self._access.market} markets",
                "Give it that right at the exchange, and none to withdraw.",
            )

    def _check_withdrawal(self, may_withdraw: bool | None) -> None:
        if self._policy is KeyPolicy.REPORTED:
            return
        if may_withdraw:
            raise self._refusal(
                "the API key may withdraw money",
                "Take that right from it at the exchange, or make a key that can only trade.",
            )
        if may_withdraw is None and self._policy is KeyPolicy.PROVEN:
            raise self._refusal(
                "the exchange does not tell whether the API key may withdraw",
                "Look it up there; with venue.unaudited_key: true you answer for it yourself.",
            )

    async def _check_terms(self) -> list[str]:
        question = self._access.quirks.terms
        notes = []
        if question.hedged:
            notes.append(await self._check_mode())
        elif self._terms.hedged:
            raise self._refusal(
                "hedge mode is configured, and the exchange does not tell the position mode",
                "Configure one-way mode.",
            )
        if question.leverages:
            notes += await self._check_leverages(per_symbol=question.per_symbol)
        if not notes:
            notes.append("position mode, margin mode and leverage can't be read here")
        return notes

    async def _check_mode(self) -> str:
        access = self._access
        answer = await access.requests.ask(
            Operation.AUDIT,
            "fetch_position_mode",
            lambda: access.client.fetch_position_mode(None, access.quirks.account_params),
            subject="check of the position mode",
        )
        hedged = as_bool(answer.get("hedged"))
        if hedged is None:
            return "the exchange does not tell the position mode"
        names = {True: "hedge", False: "one-way"}
        if hedged is not self._terms.hedged:
            raise self._refusal(
                f"the account is in {names[hedged]} mode, configured is "
                f"{names[self._terms.hedged]}",
                "Change one of the two; the service switches neither.",
            )
        return f"{names[hedged]} mode"

    async def _check_leverages(self, *, per_symbol: bool) -> list[str]:
        access = self._access
        found: dict[str, JsonObject] = {}
        if per_symbol:
            for symbol in self._instruments:
                found[symbol] = await access.requests.ask(
                    Operation.AUDIT,
                    "fetch_leverage",
                    partial(access.client.fetch_leverage, symbol),
                    subject=f"check of the leverage of {symbol}",
                )
        else:
            answer = await access.requests.ask(
                Operation.AUDIT,
                "fetch_leverages",
                lambda: access.client.fetch_leverages(
                    list(self._instruments), access.quirks.account_params
                ),
                subject="check of the leverages",
            )
            found = {symbol: as_object(row) for symbol, row in answer.items()}
        notes = [
            self._compared(symbol, found[symbol]) for symbol in self._instruments if symbol in found
        ]
        return [note for note in notes if note]

    def _compared(self, symbol: InstrumentId, row: JsonObject) -> str:
        margin = as_text(row.get("marginMode"))
        leverage = as_decimal(row.get("longLeverage"))
        wanted = self._terms
        if wanted.margin_mode is not None and margin and margin != wanted.margin_mode:
            raise self._refusal(
                f"{symbol} is on {margin} margin, configured is {wanted.margin_mode}",
                "Change one of the two; the service switches neither.",
            )
        short = as_decimal(row.get("shortLeverage"))
        for has in (leverage, short):
            if wanted.leverage is not None and has is not None and has != wanted.leverage:
                raise self._refusal(
                    f"{symbol} is at leverage {to_text(has)}x, configured is "
                    f"{to_text(wanted.leverage)}x",
                    "Change one of the two; the service switches neither.",
                )
        shown = f"leverage {to_text(leverage)}x" if isinstance(leverage, Decimal) else ""
        parts = [part for part in (shown, f"{margin} margin" if margin else "") if part]
        return f"{symbol}: {', '.join(parts)}" if parts else ""

    def _refusal(self, what: str, to_do: str) -> TradingNotAllowed:
        return TradingNotAllowed(f"{self._access.name}: {what}. Nothing will be sent. {to_do}")


def _any(answer: JsonObject, paths: tuple[str, ...]) -> bool | None:
    """True where any path is; None where none of them tells."""
    told = [truth for path in paths if (truth := _truth(answer, path)) is not None]
    return any(told) if told else None


def _truth(answer: JsonObject, path: str) -> bool | None:
    """Read a flag; `path#word` asks whether the list at `path` holds the word.

    A list without a word to look for counts by what is in it: addresses, "*" meaning any.
    """
    where, _, word = path.partition("#")
    value = _at(answer, where)
    if isinstance(value, list):
        texts = [as_text(item) for item in value]
        return word in texts if word else any(text != "*" for text in texts)
    number = as_decimal(value)
    return as_bool(value) if number is None else bool(number)


def _at(answer: object, path: str) -> object:
    for key in path.split("."):
        answer = as_object(answer).get(key)
    return answer
