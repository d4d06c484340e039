"""python -m tests.storm [SECONDS] [--seed N] [--symbols N]

Everything goes wrong at random for so long (600 by default), then it calms down. The last line has
the counts; the exit status is 1 unless all is as it must be (docs/testing.md).
"""

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from tests.storm.storm import PRICES, Plan, Weathered, weather_a_storm


def main() -> int:
    options = _options()
    plan = Plan(seconds=options.seconds, seed=options.seed, symbols=options.symbols)
    folder = Path(tempfile.mkdtemp(prefix="outcry-storm-"))
    _say(f"seed {plan.seed}: {plan.seconds:g} s of storm, then calm ...")
    weathered = asyncio.run(weather_a_storm(plan, folder / "storm"))
    _say(table(weathered))
    if weathered.is_clean:
        shutil.rmtree(folder)
    else:
        _say(f"kept in {folder}")
        again = f"{plan.seconds:g} --seed {plan.seed} --symbols {plan.symbols}"
        _say(f'again: make stormtest ARGS="{again}"')
    _say(last_line(weathered))
    return 0 if weathered.is_clean else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make stormtest", description=__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=600.0, help="of storm")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument(
        "--symbols",
        type=int,
        choices=range(1, len(PRICES) + 1),
        default=len(PRICES),
        metavar="N",
        help="so many are traded: each fill is a message, and a chat takes one a second",
    )
    return parser.parse_args()


def table(weathered: Weathered) -> str:
    """Return what happened, and what was wrong, a line each."""
    rows = [("lives", weathered.lives), *sorted(weathered.counts.items())]
    lines = [f"{name:<24}{number:>10,}" for name, number in rows]
    lines.append(
        f"{'longest without a stop':<24}{weathered.findings.unprotected_ms / 1000:>8.2f} s"
    )
    return "\n".join([*lines, *weathered.findings.lines])


def last_line(weathered: Weathered) -> str:
    findings = weathered.findings
    return (
        f"duplicate orders {len(findings.duplicates)}, lost fills {len(findings.lost_fills)}, "
        f"lost alerts {len(findings.lost_alerts)}, ledger differences {len(findings.ledger)}, "
        f"unprotected seconds {-(-findings.unprotected_ms // 1000)}, "
        f"a person was needed {weathered.asked}"
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
