"""Importing a strategy's file and making its class; only where user code may run."""

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import cleandoc
from types import ModuleType

from engine.domain.bars import Timeframe
from engine.domain.views import StrategyView
from engine.errors import StrategyError
from engine.ports import LoadedRun
from engine.strategies.answers import check_exit_plan, check_policy
from engine.strategies.api import Strategy, refuse_room_only
from engine.strategies.calls import guarded
from engine.strategies.params import params_of
from engine.strategies.registry import StrategySource

_PREFIX = "outcry_strategies"
MAX_WARMUP = 100_000


@dataclass(frozen=True, slots=True)
class StrategyCode:
    """A strategy's class as its source files were at one moment."""

    source: StrategySource
    code_hash: str
    cls: type[Strategy]

    def build(self, params: Mapping[str, object], timeframe: Timeframe) -> Strategy:
        """Return an instance that is ready to decide.

        Raises:
            StrategyError: A parameter is refused, or its own code raised.
        """

        def make() -> Strategy:
            strategy = self.cls(params, timeframe=timeframe)
            strategy.prepare()
            return strategy

        return guarded(make, self.source.path.parent)

    def describe(self, strategy: Strategy) -> LoadedRun:
        """Return what the engine must know of an instance.

        Raises:
            StrategyError: Its warm-up, time frames, policy or exit plan make no sense.
        """
        return guarded(lambda: _describe(self, strategy), self.source.path.parent)

    def view(self) -> StrategyView:
        """Return what a person is shown, parameters with their bounds."""
        doc = cleandoc(self.cls.__doc__ or "") if self.cls.__doc__ != Strategy.__doc__ else ""
        return StrategyView(
            name=self.source.name,
            summary=" ".join(doc.partition("\n\n")[0].split()),
            source=self.source.origin,
            params=tuple(param.view() for param in params_of(self.cls).values()),
            timeframe=str(self.cls.default_timeframe),
        )


def _describe(code: StrategyCode, strategy: Strategy) -> LoadedRun:
    name = type(strategy).__name__
    warmup: object = strategy.warmup
    if isinstance(warmup, bool) or not isinstance(warmup, int) or not 0 <= warmup <= MAX_WARMUP:
        raise StrategyError(
            f"{name}.warmup is {warmup!r}; it must be a number of bars from 0 to {MAX_WARMUP}"
        )
    if strategy.cooldown:
        raise StrategyError(f"{name}.cooldown is not run yet in this version; remove it")
    check_policy(strategy.policy, f"{name}.policy")
    check_exit_plan(strategy.exit_plan, f"{name}.exit_plan")
    return LoadedRun(
        warmup_bars=warmup,
        code_hash=code.code_hash,
        higher_timeframes=_higher(strategy, name),
        adjusts=strategy.adjusts(),
    )


def _higher(strategy: Strategy, name: str) -> tuple[Timeframe, ...]:
    frames = []
    for text in strategy.higher_timeframes:
        try:
            frame = Timeframe.parse(text)
        except (ValueError, AttributeError, TypeError):
            raise StrategyError(
                f"{name}.higher_timeframes: {text!r} is not a time frame such as '4h'"
            ) from None
        if frame <= strategy.timeframe or frame.seconds % strategy.timeframe.seconds:
            raise StrategyError(
                f"{name}.higher_timeframes: {text} is not a multiple of the run's "
                f"{strategy.timeframe}"
            )
        frames.append(frame)
    return tuple(frames)


class Loader:
    """Imports strategy files, each version of a file once."""

    def __init__(self) -> None:
        self._codes: dict[str, StrategyCode] = {}

    def load(self, source: StrategySource) -> StrategyCode:
        """Return the strategy class of a file as it is now.

        Raises:
            StrategyError: It can't be imported, or holds no usable strategy class.
        """
        code_hash = source.code_hash()
        known = self._codes.get(source.name)
        if known is not None and known.source == source and known.code_hash == code_hash:
            return known
        module = guarded(lambda: _import(source, code_hash), source.path.parent)
        code = StrategyCode(source, code_hash, _strategy_class(module, source))
        self._codes[source.name] = code
        return code


def _import(source: StrategySource, code_hash: str) -> ModuleType:
    """Import under a name of its own, so that nothing of ours or another version is hidden."""
    package = f"{_PREFIX}_{source.name}_{code_hash[:12]}"
    for stale in [name for name in sys.modules if name.startswith(f"{_PREFIX}_{source.name}_")]:
        del sys.modules[stale]
    if not source.is_package:
        return _execute(package, source.path, None)
    folder = source.path.parent
    start = folder / "__init__.py"
    if start.is_file():
        _execute(package, start, [str(folder)])
    else:
        module = ModuleType(package)
        module.__path__ = [str(folder)]
        sys.modules[package] = module
    importlib.invalidate_caches()
    return importlib.import_module(f"{package}.strategy")


def _execute(name: str, path: object, search: list[str] | None) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        name, str(path), submodule_search_locations=search
    )
    if spec is None or spec.loader is None:
        raise StrategyError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before: dataclasses and relative imports look themselves up
    spec.loader.exec_module(module)  # one that failed half-way is dropped by the next import
    return module


def _strategy_class(module: ModuleType, source: StrategySource) -> type[Strategy]:
    """Return the one strategy class defined in the module; among several, the file's namesake.

    Raises:
        StrategyError: There is none or no way to tell which, or it relies on what is not run.
    """
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Strategy)
        and value.__module__ == module.__name__
    ]
    wanted = source.name.replace("_", "").lower()
    named = [cls for cls in classes if cls.__name__.lower() == wanted] or classes
    file = source.path.name
    if not named:
        raise StrategyError(f"{file} defines no class derived from Strategy; add one")
    if len(named) > 1:
        listed = ", ".join(cls.__name__ for cls in named)
        raise StrategyError(
            f"{file} defines several strategies ({listed}); keep one, or name one like the file"
        )
    cls = named[0]
    if cls.decide is Strategy.decide and cls.work is Strategy.work:
        raise StrategyError(f"{file}: {cls.__name__} has no decide method; write one")
    refuse_room_only(cls)
    return cls
