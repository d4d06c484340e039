"""Strategy runs: a class with parameters on symbols of an account, and its state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from engine.domain.bars import Timeframe
from engine.domain.ids import AccountId, BookId, InstrumentId, RunId, run_book
from engine.domain.policies import DEFAULT_POLICY, ExitPlan, OrderPolicy, TargetUnit


class RunState(StrEnum):
    """STOPPED: nothing to do. RUNNING: enters and exits. PAUSED: no entries, exits go on.

    STOPPING: no entries, exits go on until flat, then STOPPED.
    """

    STOPPED = "stopped"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"


ParamValue = int | float | bool | str


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingTarget:
    """The last target of one instrument that was acted on: only a change of it acts again.

    Attributes:
        decided: What `decide` last said, where `adjust` has moved the target since: only a
            change of that makes `decide` heard again. None: the target itself.
    """

    target: Decimal
    unit: TargetUnit
    bar_time: datetime
    tag: str = ""
    policy: OrderPolicy = DEFAULT_POLICY
    exit_plan: ExitPlan | None = None
    decided: Decimal | None = None
    decided_unit: TargetUnit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One strategy run; a row, so it survives restarts.

    Attributes:
        name: What a person types: unique per account.
        strategy: Registry name of the class, e.g. "ema_crossover".
        code_hash: Of the strategy's source when the run was last started or confirmed.
        capital: In the account's reporting asset: what the run may use, plus what it made.
        targets: Standing targets by instrument; one missing has none yet.
        paused_reason: Why it is PAUSED, for a person; empty when a person paused it.
        wait_for_change: Instruments whose present target must change before it is acted on.
    """

    id: RunId
    name: str
    strategy: str
    params: Mapping[str, ParamValue]
    account_id: AccountId
    instrument_ids: tuple[InstrumentId, ...]
    timeframe: Timeframe
    capital: Decimal
    state: RunState
    code_hash: str = ""
    paused_reason: str = ""
    targets: Mapping[InstrumentId, StandingTarget] = field(default_factory=dict)
    wait_for_change: frozenset[InstrumentId] = frozenset()
    started_at: datetime | None = None  # market time UTC
    updated_at: datetime | None = None

    @property
    def book_id(self) -> BookId:
        return run_book(self.id)

    @property
    def may_enter(self) -> bool:
        return self.state is RunState.RUNNING

    @property
    def is_active(self) -> bool:
        """Evaluated at each bar: everything but STOPPED, since exits go on."""
        return self.state is not RunState.STOPPED
