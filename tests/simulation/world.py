"""One seed: an exchange, a service that lives and dies, a person, and a judge."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sandbox.exchange.core import Act, Exchange
from sandbox.exchange.core.kinds import Wallet
from tests.simulation import weather
from tests.simulation.channel import Mailbox, ScriptedChannel, SendFate
from tests.simulation.clocks import instant, milliseconds
from tests.simulation.draws import Draws
from tests.simulation.journal import PROMPT, CommitFate, CrashJournal
from tests.simulation.judge import Judge, Violation
from tests.simulation.life import Life, Surroundings, may_end_a_life, root_causes
from tests.simulation.log import EventLog, told
from tests.simulation.loop import DeterministicLoop
from tests.simulation.meddling import Meddler
from tests.simulation.operator import Operator
from tests.simulation.scenario import ACCOUNT, Mood, Scenario
from tests.simulation.venue.simulated import Watch
from tests.simulation.venue.wire import Disturbances

_TICKS = (0.0, 20.0, 40.0, 59.0)  # seconds of a minute at which the crowd trades
_CALM_EVERY = 6 * 3_600.0
_SETTLES_WITHIN = 900.0
_FELT_FOR = 90.0  # after the end of trouble: a message that was dropped is found by a comparison
_SETTLE_STEP = 5.0
_BETWEEN_TICKS = 2.5  # what the market fills at a tick has been heard of when it is compared
_MEDDLED_EVERY, _TOLD_EVERY = 18_000.0, 14_400.0  # mean seconds, per symbol
_OPENING = Decimal(100_000)
_WARM_UP_MINUTES = 120
_TROUBLE_FROM = 30.0  # the account has been opened by then


@dataclass(slots=True)
class Result:
    """What one seed came to."""

    scenario: Scenario
    digest: str
    days: float = 0.0
    bars: int = 0
    orders: int = 0
    fills: int = 0
    lives: int = 0
    crashes: int = 0
    turns: int = 0
    commits: int = 0
    commands: int = 0
    checks: int = 0
    alerts: int = 0
    loud: int = 0
    loud_kinds: dict[str, int] = field(default_factory=dict)
    kills: int = 0
    differences: int = 0
    unprotected_seconds: float = 0.0
    longest_unprotected: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)


class World:
    """Everything around one service. `run` plays the scenario to its end."""

    def __init__(self, scenario: Scenario, show: Callable[[str], None] | None = None) -> None:
        self.scenario = scenario
        draws = self._draws = Draws(scenario.seed)
        loop = self._loop = DeterministicLoop(draws.stream("turns"))
        self._log = EventLog(loop, show)
        self._exchange = Exchange(
            scenario.markets,
            seed=scenario.seed,
            start_ms=milliseconds(0),
            warm_up_minutes=_WARM_UP_MINUTES,
        )
        self._open_account()
        self._journal = CrashJournal(self._commit_fate)
        self._journal.on_commit = self._committed
        self._mailbox = Mailbox()
        self._disturbances = Disturbances()
        tables = self._journal.storage.tables
        self.life: Life | None = None
        self._lives = 0
        self._crashes = 0
        self._told = 0
        self._faults: dict[str, int] = {}
        self._is_calm = scenario.mood is Mood.FLAT
        self._chance = draws.stream("crashes")
        self._disk = draws.stream("disk")
        self._post = draws.stream("deliveries")
        self._judge = Judge(
            scenario,
            loop,
            self._exchange,
            tables,
            self._mailbox,
            self._disturbances,
            lambda: self.life,
        )
        self._operator = Operator(
            loop, draws.stream("operator"), tables, lambda: self.life, self._log
        )
        self._meddler = Meddler(
            self._exchange,
            draws.stream("meddling"),
            lambda symbol, seconds: self._disturbances.note(symbol, loop.time() + seconds),
        )
        self._around = Surroundings(
            loop=loop,
            exchange=self._exchange,
            scenario=scenario,
            draws=draws,
            disturbances=self._disturbances,
            watch=Watch(
                submitting=self._judge.submitting,
                submitted=self._judge.submitted,
                proved_absent=self._judge.proved_absent,
            ),
            code_hash="drawn",
        )
        loop.on_fuse = self._crash

    def _open_account(self) -> None:
        exchange = self._exchange
        wallet = Wallet.LINEAR if self.scenario.is_linear else Wallet.SPOT
        exchange.accounts.open(ACCOUNT)
        exchange.hands.deposit(ACCOUNT, "USDT", _OPENING, wallet)

    # --- playing -----------------------------------------------------------------------------

    def run(self) -> Result:
        """Play to the end, or to the first violation."""
        try:
            self._play()
        except Exception:  # a fault of the simulation, or of the product where nobody catches it
            self._judge.broken("the simulation goes on", traceback.format_exc())
        return self._result()

    def _play(self) -> None:
        loop, scenario = self._loop, self.scenario
        self._tick(0)
        self._begin_life()
        if scenario.mood is Mood.QUIET:
            self._exchange.faults.replace(weather.noise())
        if scenario.mood is Mood.ROUGH:
            loop.world_at(_TROUBLE_FROM, self._next_spell)
            loop.world_at(_TROUBLE_FROM, self._next_word)
            loop.world_at(_TROUBLE_FROM, self._next_meddling)
        calm_at = _CALM_EVERY
        while calm_at < scenario.seconds and not self._judge.violations:
            loop.run_until(calm_at)
            self._settle()
            calm_at += _CALM_EVERY
        if not self._judge.violations:
            loop.run_until(scenario.seconds)
            self._settle()

    def _tick(self, number: int) -> None:
        """Let the market move; what it does is judged at once."""
        loop = self._loop
        self._exchange.advance(milliseconds(loop.time()))
        self._look()
        minute, place = divmod(number + 1, len(_TICKS))
        loop.world_at(minute * 60.0 + _TICKS[place], self._tick, number + 1)

    def _look(self) -> None:
        told = self._judge.look_at_the_exchange()
        for line in told:
            self._log.write("exchange", line)
        if told:
            self._judge.stops.something_changed()
        if self._judge.violations:
            self._loop.stop()

    # --- lives -------------------------------------------------------------------------------

    def _begin_life(self) -> None:
        if self.life is not None:
            return
        self._lives += 1
        self._log.write("life", f"{self._lives} begins")
        channel = ScriptedChannel(self._loop, self._mailbox, self._send_fate)
        self.life = Life(self._lives, self._around, self._journal.open(), channel, self._life_ended)
        self._when_ready()
        self._set_fuse()

    def _when_ready(self) -> None:
        """Hand over what the person has said meanwhile, once somebody listens."""
        life = self.life
        if life is None:
            return
        if life.is_ready:
            self._operator.hand_over()
            self._judge.stops.something_changed()
        else:
            self._loop.world_at(self._loop.time() + 0.5, self._when_ready)

    def _set_fuse(self) -> None:
        """Draw when this life is cut off: at a turn soon after the start, or some time later."""
        loop, draw = self._loop, self._chance
        mean = self.scenario.life_seconds
        if not mean or self._is_calm:
            return
        if draw.random() < 0.2:
            loop.fuse = draw.randrange(1, 400)
            return
        number = self._lives
        loop.world_at(loop.time() + draw.expovariate(1 / mean), self._light, number)

    def _light(self, number: int) -> None:
        """Crash within the next few turns, wherever they are."""
        if self._lives == number and not self._is_calm:
            self._loop.fuse = self._chance.randrange(1, 60)

    def _crash(self) -> None:
        if self.life is None or self._is_calm:
            return
        self._crashes += 1
        self._end_life("killed")

    def _life_ended(self, error: BaseException | None) -> None:
        if self.life is None:
            return
        if error is None or not may_end_a_life(error):
            cause = "returned" if error is None else repr(root_causes(error)[0])
            self._judge.broken("the service goes on", cause)
            self._loop.stop()
        self._end_life(f"ended by itself: {error!r}")

    def _end_life(self, why: str) -> None:
        life, self.life = self.life, None
        self._loop.fuse = -1
        if life is not None:
            life.kill()
        self._log.write("life", f"{self._lives} {why}")
        away = self._chance.choice((1.0, 2.0, 5.0, 20.0, 90.0, 600.0))
        self._loop.world_at(self._loop.time() + away, self._begin_life)

    # --- what happens to it ------------------------------------------------------------------

    def _next_spell(self) -> None:
        loop, draw = self._loop, self._draws.stream("weather")
        rules, seconds, silent = weather.spell(draw)
        if not self._is_calm:
            self._exchange.faults.replace(rules)
            if silent:
                self._disturbances.note("", loop.time() + seconds + 30.0)
            self._log.write("weather", f"{rules[0].name} for {seconds:.0f} s")
        loop.world_at(loop.time() + seconds, self._next_spell)

    def _next_word(self) -> None:
        loop, draw = self._loop, self._draws.stream("operator times")
        if not self._is_calm:
            self._operator.says_something()
            if draw.random() < 0.5:
                self._operator.answers_differences()
        loop.world_at(
            loop.time() + draw.expovariate(len(self.scenario.markets) / _TOLD_EVERY),
            self._next_word,
        )

    def _next_meddling(self) -> None:
        loop, draw = self._loop, self._draws.stream("meddling times")
        if not self._is_calm:
            what = self._meddler.does_something()
            if what:
                self._log.write("meddling", what)
            self._look()
        loop.world_at(
            loop.time() + draw.expovariate(len(self.scenario.markets) / _MEDDLED_EVERY),
            self._next_meddling,
        )

    def _commit_fate(self) -> CommitFate:
        if self._is_calm or self.scenario.mood is not Mood.ROUGH:
            return PROMPT
        fate = weather.commit_fate(self._disk)
        if fate.fails:
            self._faults["disk full"] = self._faults.get("disk full", 0) + 1
        return fate

    def _committed(self) -> None:
        events = self._journal.storage.tables.events
        for stored in events[self._told :]:
            self._log.write("event", told(stored.event))
        self._told = len(events)
        self._judge.stops.something_changed()

    def _send_fate(self) -> tuple[SendFate, float]:
        if self._is_calm or self.scenario.mood is not Mood.ROUGH:
            return weather.prompt_send(self._post)
        fate, seconds = weather.send_fate(self._post)
        if fate is not SendFate.ARRIVES:
            name = f"message {fate.name.lower()}"
            self._faults[name] = self._faults.get(name, 0) + 1
        return fate, seconds

    # --- calm --------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Stop all trouble, wait until nothing moves, and hold the books against the exchange."""
        loop = self._loop
        rules = self._exchange.faults.rules
        was_calm, self._is_calm = self._is_calm, True
        since = instant(loop.time())
        self._exchange.faults.clear()
        self._exchange.clock.clear()
        for market in self._exchange.markets:
            self._exchange.hands.resume(market.symbol)
        loop.fuse = -1
        self._disturbances.end_by(loop.time() + _FELT_FOR)
        loop.run_until(loop.time() + _BETWEEN_TICKS)
        deadline, why = loop.time() + _SETTLES_WITHIN, "it never was quiet"
        while loop.time() < deadline and not self._judge.violations:
            loop.run_until(loop.time() + _SETTLE_STEP)
            self._operator.answers_differences(adopt=True)
            why = self._still_moving(since)
            if not why:
                self._judge.compare()
                self._log.write("calm", "everything was compared")
                break
        else:
            if not self._judge.violations:
                self._judge.broken("all comes to rest", why)
        self._is_calm = was_calm
        self._exchange.faults.replace(rules)
        self._set_fuse()

    def _still_moving(self, since: datetime) -> str:
        if self._operator.inbox:
            return f"no answer to {next(iter(self._operator.inbox))}"
        if self._disturbances.any_lasts(self._loop.time()):
            return "what a fault has done may not have been noticed yet, as a stream's silence"
        return self._judge.unsettled(since)

    # --- the end -----------------------------------------------------------------------------

    def _result(self) -> Result:
        if self.life is not None:
            self.life.kill()
        journal, tables = self._exchange.journal, self._journal.storage.tables
        for complaint in self._loop.complaints:
            self._judge.broken("no error goes unheard", complaint)
        for entry in journal.of(Act.FAULT):
            name = entry.note.split(": ", 1)[-1].split(" on ")[0]
            self._faults[name] = self._faults.get(name, 0) + 1
        for name, times in self._meddler.done.items():
            self._faults[name] = self._faults.get(name, 0) + times
        for said in tables.commands.values():
            if said.finished_at is None:
                self._judge.broken("commands are answered", f"{said.command_id} {said.name}")
        self._log.write("end", self._exchange.state_digest())
        exposure, seconds = self._judge.stops.exposure, self._loop.time()
        loud: dict[str, int] = {}
        for event_id in self._mailbox.arrived:
            if self._mailbox.severities[event_id].rank >= 2:
                kind = self._mailbox.kinds[event_id]
                loud[kind] = loud.get(kind, 0) + 1
        return Result(
            scenario=self.scenario,
            digest=self._log.digest(),
            days=min(seconds / self.scenario.seconds, 1.0) * self.scenario.days,
            bars=int(seconds // 60) * len(self.scenario.markets),
            orders=len(journal.accepted(ACCOUNT)),
            fills=len(journal.fills(ACCOUNT)),
            lives=self._lives,
            crashes=self._crashes,
            turns=self._loop.turns,
            commits=self._journal.commits,
            commands=self._operator.answered,
            checks=self._judge.checks + exposure.looks,
            alerts=self._mailbox.total,
            loud=self._judge.loud(),
            loud_kinds=loud,
            kills=sum(kind == "TradingHalted" for kind in self._mailbox.kinds.values()),
            differences=len(tables.differences),
            unprotected_seconds=exposure.unprotected,
            longest_unprotected=exposure.longest,
            faults=self._faults,
            violations=list(self._judge.violations),
        )
