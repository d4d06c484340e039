"""Measure everything and print one table; `--only NAME` for one module, `--list` for names."""

import argparse
import sys

from benchmarks.modules import MODULES, measured
from benchmarks.table import Row, machine, print_table


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", choices=MODULES, action="append", help="measure just this")
    parser.add_argument("--list", action="store_true", help="name the modules and end")
    options = parser.parse_args()
    if options.list:
        print("\n".join(MODULES))
        return 0
    rows: list[Row] = []
    for name in options.only or MODULES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += measured(name)
    print(machine())
    print("Figures are of one run on a shared machine; latencies include synchronous=FULL commits.")
    print_table(rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
