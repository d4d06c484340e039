"""python -m tests.simulation [--days N] [--seed N] [--quiet-days N]

Without an option: 1,000 days at random. The last line is `days N, violations N`; the exit status
is 1 when a violation was found.
"""

import argparse
import sys

from tests.simulation.running import cores, many, now, play, silence
from tests.simulation.scenario import Mood
from tests.simulation.table import Total, printed, quiet_rows, quiet_violations, rows
from tests.simulation.world import Result


def main() -> int:
    options = _options()
    if options.seed is not None:
        return _one(options)
    if options.quiet_days is not None:
        return _quiet(options)
    return _random(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simtest", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay one seed and print its events")
    parser.add_argument("--days", type=float, default=1000, help="symbol days to play")
    parser.add_argument("--quiet-days", type=int, help="calendar days with ordinary noise only")
    parser.add_argument("--first-seed", type=int, default=1, help="where to begin")
    parser.add_argument("--mood", choices=[mood.name.lower() for mood in Mood], default="rough")
    parser.add_argument("--symbols", type=int, help="with --seed: how many instruments")
    parser.add_argument("--quiet", action="store_true", help="with --seed: no event lines")
    parser.add_argument("--jobs", type=int, default=cores(), help="processes")
    return parser.parse_args()


def _mood(options: argparse.Namespace) -> Mood:
    return Mood[options.mood.upper()]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _tell_violations(result: Result, mood: Mood) -> None:
    for violation in result.violations:
        _say(f"VIOLATION {violation}")
    if result.violations:
        more = "" if mood is Mood.ROUGH else f" --mood {mood.name.lower()}"
        more += f" --symbols {result.scenario.asked}" if result.scenario.asked is not None else ""
        _say(f'  replay: make simtest ARGS="--seed {result.scenario.seed}{more}"')


def _one(options: argparse.Namespace) -> int:
    silence()
    begun = now()
    result = play(
        options.seed, _mood(options), symbols=options.symbols, show=None if options.quiet else _say
    )
    total = Total()
    total.add(result, now() - begun)
    _say(printed(rows(total, now() - begun)))
    _say(f"digest {result.digest}")
    _tell_violations(result, _mood(options))
    return _end(result.days, len(result.violations))


def _random(options: argparse.Namespace) -> int:
    total, begun = Total(), now()
    for result, cpu in many(
        options.days, _mood(options), first_seed=options.first_seed, jobs=options.jobs
    ):
        total.add(result, cpu)
        _tell_violations(result, _mood(options))
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{total.days:g} of {options.days:g} days ")
    _say(printed(rows(total, now() - begun)))
    return _end(total.days, total.violations)


def _quiet(options: argparse.Namespace) -> int:
    total = Total()
    days = options.quiet_days * 3.0
    for result, cpu in many(
        days, Mood.QUIET, first_seed=options.first_seed, jobs=options.jobs, symbols=3
    ):
        total.add(result, cpu)
        _tell_violations(result, Mood.QUIET)
    broken = quiet_violations(total)
    for line in broken:
        _say(f"VIOLATION {line}")
    _say(printed(quiet_rows(total)))
    return _end(total.days, total.violations + len(broken))


def _end(days: float, violations: int) -> int:
    _say(f"days {days:g}, violations {violations}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
