"""Rules a linter does not know: who reads the clock, who catches everything, what tests wait for.

Each rule is a function from a module to the lines that break it, and is itself tested to fail.
"""

import ast
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.source_tree import CODE, PRODUCT, ROOT, Source, dotted, references, sources

# Only a clock adapter reads the clock; everything else is given one (the `Clock` port), so that
# replayed days and tests run at any speed. `time.perf_counter` is for durations and stays free.
CLOCK_READS = {
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "pandas.Timestamp.now",
    "pandas.Timestamp.today",
    "pandas.Timestamp.utcnow",
    "time.monotonic",
    "time.monotonic_ns",
    "time.time",
    "time.time_ns",
}
MAY_READ_THE_CLOCK = (
    "engine/schedule/",  # the clock adapters
    "sandbox/",  # the outside world has a clock of its own
    "outcry/demo",  # supervises processes before there is a service with a clock
    "tests/",
    "benchmarks/",
)

# `except Exception` belongs where somebody else's fault must not stop the work: bus publish, job
# boundary, bot error handler, call of user strategy code, delivery worker. To add one of these,
# name the function and the reason: "engine/bus/local.py:LocalBus.publish": "bus publish".
MAY_CATCH_EVERYTHING: dict[str, str] = {
    "outcry/running.py:Restarted._once": "job boundary",
    "render/chart_process.py:_answer": "job boundary",
    "bot/telegram/guard.py:guarded": "bot error handler",
    "notifiers/compose.py:composed": "delivery worker",
    "notifiers/worker.py:ChannelWorker._try": "delivery worker",
    "engine/bus/inprocess.py:InProcessBus._tell": "bus publish",
    "engine/schedule/live.py:ApschedulerScheduler._call": "job boundary",
    "engine/schedule/simulated.py:_call": "job boundary",
    "engine/handlers/jobs.py:Jobs._act": "job boundary",
    "engine/strategies/calls.py:guarded": "call of user strategy code",
    "engine/strategies/calls.py:described": "call of user strategy code (its exception's text)",
}
EVERYTHING = {"Exception", "BaseException", "builtins.Exception", "builtins.BaseException"}

SLEEPS = {"time.sleep", "asyncio.sleep", "anyio.sleep"}

# Time is the loop's own there: a sleep takes none.
ON_VIRTUAL_TIME = ("tests/simulation/", "tests/unit/simulation/")

# Written in two parts, so that this file does not break its own rule.
MACHINE_PATH = re.compile(r"(?<![\w./-])/" + r"(?:work|farm)/")


def clock_reads(source: Source) -> list[str]:
    """A call or a mere mention (`default_factory=time.time`) of a function that reads the clock."""
    if source.path.startswith(MAY_READ_THE_CLOCK):
        return []
    return [
        f"{source.path}:{node.lineno}: {name} reads the clock; take a Clock"
        for node, name in references(source.tree)
        if name in CLOCK_READS
    ]


def bare_excepts(source: Source) -> list[str]:
    return [
        f"{source.path}:{node.lineno}: bare except"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]


def broad_excepts(source: Source) -> list[str]:
    """`except Exception`, also in a tuple or as `suppress(Exception)`, where it is not listed."""
    return [
        f"{source.path}:{line}: catches everything in {place or 'the module'}; catch narrowly"
        for place, line in broad_places(source)
        if f"{source.path}:{place}" not in MAY_CATCH_EVERYTHING
    ]


def broad_places(source: Source) -> Iterator[tuple[str, int]]:
    """Yield (qualified name of the function, line) of each place that catches everything."""

    def visit(node: ast.AST, place: tuple[str, ...]) -> Iterator[tuple[str, int]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ExceptHandler | ast.Call) and catches_everything(child):
                yield ".".join(place), child.lineno
            named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            yield from visit(child, (*place, child.name) if named else place)

    yield from visit(source.tree, ())


def catches_everything(node: ast.ExceptHandler | ast.Call) -> bool:
    """Tell whether a fault could end here; one that cleans up and raises it again lets none."""
    if isinstance(node, ast.ExceptHandler) and _raises_again(node):
        return False
    if isinstance(node, ast.Call):
        caught = node.args if (dotted(node.func) or "").endswith("suppress") else []
    elif isinstance(node.type, ast.Tuple):
        caught = node.type.elts
    else:
        caught = [node.type] if node.type else []
    return any(dotted(item) in EVERYTHING for item in caught)


def _raises_again(node: ast.ExceptHandler) -> bool:
    last = node.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def sleeps(source: Source) -> list[str]:
    """A fixed wait in a test: slow where it is long enough, flaky where it is not."""
    if source.path.startswith(ON_VIRTUAL_TIME):
        return []
    names = {id(node): name for node, name in references(source.tree)}
    return [
        f"{source.path}:{node.lineno}: sleeps; wait for the event itself or move a fake clock"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and names.get(id(node.func)) in SLEEPS
        and any(
            isinstance(value, ast.Constant)
            and isinstance(value.value, int | float)
            and value.value > 0
            for value in [*node.args, *(keyword.value for keyword in node.keywords)]
        )
    ]


def machine_paths(path: str, text: str) -> list[str]:
    """A path that exists on one machine only."""
    return [
        f"{path}:{number}: {line.strip()[:100]}"
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]


def lock_addresses(path: str, text: str) -> list[str]:
    """An index address in a lock ties everybody to the index of whoever made it."""
    return [
        f"{path}:{number}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), 1)
        if "://" in line or re.match(r"\s*(--(extra-)?index-url|--find-links|-i |-f )", line)
    ]


Rule = Callable[[Source], list[str]]
RULES: list[tuple[Rule, tuple[str, ...]]] = [
    (clock_reads, CODE),
    (bare_excepts, CODE),
    (broad_excepts, (*PRODUCT, "benchmarks")),
    (sleeps, ("tests",)),
]


@pytest.mark.parametrize(("rule", "folders"), RULES, ids=[rule.__name__ for rule, _ in RULES])
def test_the_source_keeps_the_rule(rule: Rule, folders: tuple[str, ...]) -> None:
    found = [line for source in sources(*folders) for line in rule(source)]
    assert not found, "\n" + "\n".join(found)


def test_no_permission_to_catch_everything_is_left_over() -> None:
    used = {
        f"{source.path}:{place}" for source in sources(*CODE) for place, _ in broad_places(source)
    }
    assert set(MAY_CATCH_EVERYTHING) <= used


def test_no_tracked_file_names_a_path_of_one_machine() -> None:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    # safe.directory: a build may run as another user than the one that cloned
    listing = subprocess.run(
        [git, "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    found = []
    for path in filter(None, listing.stdout.decode().split("\0")):
        file = ROOT / path
        if file.is_file():
            text = file.read_bytes().decode("utf-8", errors="replace")
            found += machine_paths(path, text)
    assert not found, "\n" + "\n".join(found)


def test_locks_hold_no_addresses() -> None:
    locks = sorted((ROOT / "requirements").glob("*.lock"))
    found = [line for lock in locks for line in lock_addresses(lock.name, lock.read_text())]
    assert locks
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (clock_reads, "engine/a.py", "import time\ntime.time()"),
        (clock_reads, "engine/a.py", "import time as t\nt.monotonic()"),
        (clock_reads, "engine/a.py", "from time import monotonic as m\nm()"),
        (clock_reads, "engine/a.py", "import time\nf(clock=time.time_ns)"),
        (clock_reads, "outcry/app.py", "from datetime import UTC, datetime\ndatetime.now(UTC)"),
        (clock_reads, "bot/a.py", "import datetime as dt\ndt.datetime.utcnow()"),
        (clock_reads, "bot/a.py", "from datetime import date\ndate.today()"),
        (clock_reads, "engine/a.py", "def f():\n    import time\n    return time.time()"),
        (bare_excepts, "tests/a.py", "try:\n    f()\nexcept:\n    pass"),
        (broad_excepts, "bot/a.py", "try:\n    f()\nexcept Exception:\n    pass"),
        (broad_excepts, "bot/a.py", "try:\n    f()\nexcept (OSError, BaseException):\n    pass"),
        (broad_excepts, "bot/a.py", "try:\n    f()\nexcept* Exception:\n    pass"),
        (broad_excepts, "bot/a.py", "import contextlib\nwith contextlib.suppress(Exception): f()"),
        (sleeps, "tests/a.py", "import time\ntime.sleep(0.1)"),
        (sleeps, "tests/a.py", "from asyncio import sleep\nasync def f():\n    await sleep(1)"),
        (sleeps, "tests/a.py", "import asyncio\nasync def f():\n    await asyncio.sleep(delay=2)"),
    ],
)
def test_a_rule_notices_what_breaks_it(rule: Rule, path: str, text: str) -> None:
    assert rule(Source.of(path, text))


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (clock_reads, "engine/schedule/live.py", "import time\ntime.time()"),
        (clock_reads, "engine/a.py", "import time\ntime.perf_counter()"),
        (clock_reads, "engine/a.py", "async def f(clock):\n    return clock.now()"),
        (clock_reads, "engine/a.py", "from datetime import datetime\ndatetime.fromtimestamp(0)"),
        (broad_excepts, "bot/a.py", "try:\n    f()\nexcept (OSError, ValueError):\n    pass"),
        (sleeps, "tests/a.py", "import asyncio\nasync def f():\n    await asyncio.sleep(0)"),
    ],
)
def test_a_rule_leaves_alone_what_keeps_it(rule: Rule, path: str, text: str) -> None:
    assert rule(Source.of(path, text)) == []


def test_cleaning_up_and_raising_again_swallows_nothing_but_raising_on_a_branch_may() -> None:
    again = "try: f()\nexcept BaseException:\n    undo()\n    raise"
    branch = "try: f()\nexcept BaseException:\n    if undo():\n        raise"
    assert broad_excepts(Source.of("bot/x.py", again)) == []
    assert broad_excepts(Source.of("bot/x.py", branch))


def test_a_broad_except_is_known_by_the_function_around_it() -> None:
    text = "class Bus:\n    def publish(self):\n        try: f()\n        except Exception: g()"
    assert list(broad_places(Source.of("engine/bus/local.py", text))) == [("Bus.publish", 4)]


def test_machine_paths_and_addresses_are_noticed() -> None:
    assert machine_paths("README.md", "see /" + "work/main")
    assert machine_paths("Makefile", "x=/" + "farm/cache")
    assert not machine_paths("README.md", "docs/work" + "/plan, https://example.org/work" + "/")
    assert lock_addresses("core.lock", "--index-url https://example.org/simple")
    assert lock_addresses("core.lock", "  --find-links wheels")
    assert not lock_addresses("core.lock", "aiohttp==3.14.5 \\\n    --hash=sha256:00")
