"""Listing strategies where importing them is allowed."""

from engine.domain.views import StrategyView
from engine.errors import StrategyError
from engine.strategies.loader import Loader
from engine.strategies.registry import Registry, StrategySource


def listed(registry: Registry, loader: Loader) -> tuple[StrategyView, ...]:
    """Return every strategy, one that can't be loaded with its error."""
    return tuple(view_of(source, loader) for source in registry.sources().values())


def view_of(source: StrategySource, loader: Loader) -> StrategyView:
    """Return one strategy as a person is shown it."""
    try:
        return loader.load(source).view()
    except StrategyError as error:
        return broken(source, str(error))


def broken(source: StrategySource, error: str) -> StrategyView:
    """Return the view of a strategy that can't be loaded."""
    return StrategyView(name=source.name, summary="", source=source.origin, params=(), error=error)
