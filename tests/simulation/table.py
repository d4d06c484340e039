"""The table at the end."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.simulation.world import Result

_WIDTH = 30


@dataclass(slots=True)
class Total:
    """Sums over seeds."""

    results: list[Result] = field(default_factory=list)
    cpu_seconds: float = 0.0

    def add(self, result: Result, cpu_seconds: float) -> None:
        self.results.append(result)
        self.cpu_seconds += cpu_seconds

    @property
    def days(self) -> float:
        return sum(result.days for result in self.results)

    @property
    def violations(self) -> int:
        return sum(len(result.violations) for result in self.results)

    def sum(self, name: str) -> float:
        return sum(getattr(result, name) for result in self.results)

    def counts(self, name: str) -> dict[str, int]:
        """Sum dictionaries of counts by key."""
        total: dict[str, int] = {}
        for result in self.results:
            for key, number in getattr(result, name).items():
                total[key] = total.get(key, 0) + number
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def rows(total: Total, wall_seconds: float) -> list[tuple[str, str]]:
    """Return the table of a run at random."""
    minutes = wall_seconds / 60
    days = total.days
    longest = max((result.longest_unprotected for result in total.results), default=0.0)
    found = [
        ("seeds", f"{len(total.results)}"),
        ("days", f"{days:g}"),
        ("bars", f"{total.sum('bars'):,.0f}"),
        ("orders accepted", f"{total.sum('orders'):,.0f}"),
        ("fills", f"{total.sum('fills'):,.0f}"),
        ("commands answered", f"{total.sum('commands'):,.0f}"),
        ("differences asked about", f"{total.sum('differences'):,.0f}"),
        ("alerts delivered", f"{total.sum('alerts'):,.0f}"),
        ("lives", f"{total.sum('lives'):,.0f}"),
        ("crashes", f"{total.sum('crashes'):,.0f}"),
        ("commits", f"{total.sum('commits'):,.0f}"),
        ("turns of the loop", f"{total.sum('turns'):,.0f}"),
        ("checks", f"{total.sum('checks'):,.0f}"),
        ("unprotected seconds", f"{total.sum('unprotected_seconds'):.1f} (longest {longest:.1f})"),
        ("seconds", f"{wall_seconds:.1f} ({total.cpu_seconds:.1f} of processor)"),
        ("days per minute", f"{days / minutes:.0f}" if minutes else "-"),
    ]
    faults = [(f"  {name}", f"{number:,}") for name, number in total.counts("faults").items()]
    return [*found, ("faults", f"{sum(total.counts('faults').values()):,}"), *faults]


def quiet_rows(total: Total) -> list[tuple[str, str]]:
    """Return the table of quiet days: what must not happen on one."""
    loudest = max((result.loud / _days_lived(result) for result in total.results), default=0.0)
    found = [
        ("symbol days", f"{total.days:g}"),
        ("calendar days", f"{sum(_days_lived(result) for result in total.results):g}"),
        ("orders accepted", f"{total.sum('orders'):,.0f}"),
        ("fills", f"{total.sum('fills'):,.0f}"),
        ("faults of the network", f"{sum(total.counts('faults').values()):,}"),
        ("false kills", f"{total.sum('kills'):.0f}"),
        ("false differences", f"{total.sum('differences'):.0f}"),
        ("loud alerts a day, at most", f"{loudest:g}"),
    ]
    kinds = [(f"  {name}", f"{number:,}") for name, number in total.counts("loud_kinds").items()]
    return [*found, *kinds]


def quiet_violations(total: Total) -> list[str]:
    """Return what broke the promise of quiet days, one line each."""
    found: list[str] = []
    for result in total.results:
        seed = result.scenario.seed
        if result.kills:
            found.append(f"seed {seed}: {result.kills} false kills")
        if result.differences:
            found.append(f"seed {seed}: {result.differences} false differences")
        if result.loud > 5 * _days_lived(result):
            found.append(f"seed {seed}: {result.loud} loud alerts a day: {result.loud_kinds}")
    return found


def _days_lived(result: Result) -> float:
    return result.scenario.seconds / 86_400


def printed(table: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"{name:<{_WIDTH}}{value}" for name, value in table)
