"""The matrix of the venue acceptance suite, case by venue: `python -m tests.contract.matrix`.

Prints the Markdown that docs/venues.md holds between its markers.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import FunctionType, MappingProxyType, ModuleType

from tests.contract.venues.needs import Case, Need
from tests.contract.venues.roster import ENTRANTS

BEGINS, ENDS = "<!-- matrix begins -->", "<!-- matrix ends -->"
_FOLDER = Path(__file__).parent / "venues"
_APPLIES = "✓"
_LETTERS: Mapping[Need, str] = MappingProxyType(
    {need: chr(ord("a") + number) for number, need in enumerate(Need)}
)


def modules() -> list[ModuleType]:
    """Return the modules of the cases, by group."""
    names = sorted(path.stem for path in _FOLDER.glob("test_[0-9]_*.py"))
    return [import_module(f"tests.contract.venues.{name}") for name in names]


def functions_of(module: ModuleType) -> list[FunctionType]:
    """Return the tests of a module, as written."""
    return [
        found
        for name, found in vars(module).items()
        if name.startswith("test_") and isinstance(found, FunctionType)
    ]


def case_of(test: Callable[..., object]) -> Case | None:
    found = getattr(test, "venue_case", None)
    return found if isinstance(found, Case) else None


def cases_of(module: ModuleType) -> list[Case]:
    found = [case for test in functions_of(module) if (case := case_of(test)) is not None]
    return sorted(found, key=lambda case: case.number)


def matrix() -> str:
    """Return the matrix as Markdown: one table a group, and what the letters stand for."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    groups = [(module, cases_of(module)) for module in modules()]
    every = [case for _, cases in groups for case in cases]
    applying = sum(not case.lacks(one.offers) for case in every for one in ENTRANTS)
    yield f"{len(every)} cases, {len(ENTRANTS)} venues, {applying} combinations that apply."
    for module, cases in groups:
        yield from ("", f"### {_title(module)}", "")
        yield from _table(cases)
    yield from ("", "A letter says why a case is none of a venue's:", "")
    for need in _used(every):
        yield f"- **{_LETTERS[need]}**: {need.value}"


def _title(module: ModuleType) -> str:
    return (module.__doc__ or "").splitlines()[0].rstrip(".")


def _table(cases: list[Case]) -> Iterator[str]:
    yield f"| case | it promises | {' | '.join(one.name for one in ENTRANTS)} |"
    yield f"|---|---|{':-:|' * len(ENTRANTS)}"
    for case in cases:
        cells = [_cell(case.lacks(one.offers)) for one in ENTRANTS]
        yield f"| V{case.number} | {case.promise} | {' | '.join(cells)} |"


def _cell(lacking: tuple[Need, ...]) -> str:
    return " ".join(_LETTERS[need] for need in lacking) or _APPLIES


def _used(cases: list[Case]) -> list[Need]:
    """Return the needs that keep a case from a venue."""
    lacking = {need for case in cases for one in ENTRANTS for need in case.lacks(one.offers)}
    return [need for need in Need if need in lacking]


def main() -> int:
    sys.stdout.write(matrix())
    return 0


if __name__ == "__main__":
    sys.exit(main())
