"""What is printed of many cases."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.crash.cases import Case, Fault
from tests.crash.playing import Played
from tests.crash.verdict import BEARABLE_MS


@dataclass(slots=True)
class Total:
    """Sums over runs.

    Attributes:
        met: The cases whose place was reached, by fault, by the names of the places.
        unreached: Those that were given up.
    """

    met: dict[str, set[str]] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)
    longest_ms: dict[str, int] = field(default_factory=dict)
    unreached: list[Case] = field(default_factory=list)
    duplicates: int = 0
    lost_fills: int = 0
    lost_alerts: int = 0
    ledger: int = 0
    troubles: int = 0

    def add(self, went: Played) -> None:
        fault, findings = went.case.fault.value, went.findings
        if went.reached:
            self.met.setdefault(fault, set()).add(went.case.place.name)
        self.broken[fault] = self.broken.get(fault, 0) + bool(findings.lines)
        self.longest_ms[fault] = max(self.longest_ms.get(fault, 0), findings.unprotected_ms)
        self.duplicates += len(findings.duplicates)
        self.lost_fills += len(findings.lost_fills)
        self.lost_alerts += len(findings.lost_alerts)
        self.ledger += len(findings.ledger)
        self.troubles += len(findings.troubles)

    @property
    def cases(self) -> int:
        return sum(map(len, self.met.values()))

    @property
    def unprotected_s(self) -> int:
        """The longest time without a stop, in whole seconds, rounded up."""
        return -(-max(self.longest_ms.values(), default=0) // 1000)

    @property
    def is_clean(self) -> bool:
        wrong = self.duplicates + self.lost_fills + self.lost_alerts + self.ledger + self.troubles
        return not wrong and max(self.longest_ms.values(), default=0) <= BEARABLE_MS

    def table(self) -> str:
        """Return cases by fault, and what else there is to know."""
        lines = [f"{'fault':<18}{'cases':>7}{'broken':>8}{'longest without a stop':>25}"]
        for fault in Fault:
            name = fault.value
            lines.append(
                f"{name:<18}{len(self.met.get(name, ())):>7}{_of(self.broken, name):>8}"
                f"{_of(self.longest_ms, name) / 1000:>23.2f} s"
            )
        places = set().union(*self.met.values())
        lines.append(f"{len(places)} places; {len(self.unreached)} cases never came to theirs")
        lines += [f"  {case.name}: {case.place.name}" for case in self.unreached]
        if self.troubles:
            lines.append(f"{self.troubles} troubles of other kinds, told above")
        return "\n".join(lines)

    def last_lines(self) -> str:
        return "\n".join(
            (
                f"cases {self.cases}",
                f"duplicate orders {self.duplicates}",
                f"lost fills {self.lost_fills}",
                f"lost alerts {self.lost_alerts}",
                f"ledger differences {self.ledger}",
                f"unprotected seconds {self.unprotected_s}",
            )
        )


def _of(counts: Mapping[str, int], name: str) -> int:
    return counts.get(name, 0)


def progress(done: int, of: int, seconds: float) -> str:
    """Return a bar with the time that is left."""
    filled = 30 * done // max(of, 1)
    left = seconds / max(done, 1) * (of - done)
    bar = "#" * filled + "." * (30 - filled)
    return f"[{bar}] {done} of {of}, {left / 60:.0f} min left"
