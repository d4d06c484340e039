"""Which strategies there are, found by file and without importing any of them.

Built-ins lie in `engine/strategies/builtin`, the user's as NAME.py or NAME/strategy.py in a
folder of theirs, where they override a built-in of the same name. Names that begin with an
underscore are helpers, not strategies. Importing happens in worker processes (`loader`).
"""

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import StrategyError

BUILT_IN = "built-in"
_BUILTIN_FOLDER = Path(__file__).parent / "builtin"


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategySource:
    """Where one strategy is written.

    Attributes:
        path: The file that holds its class.
        origin: "built-in", or the user's file relative to their folder.
        is_package: The file is NAME/strategy.py, and may import its neighbours.
    """

    name: str
    path: Path
    origin: str
    is_package: bool = False

    def files(self) -> tuple[Path, ...]:
        """Return the files its code hash covers: its own, or all of its package, sorted."""
        if not self.is_package:
            return (self.path,)
        return tuple(sorted(self.path.parent.rglob("*.py")))

    def code_hash(self) -> str:
        """Return the SHA-256 of the source files, names included, in hex.

        Raises:
            StrategyError: A file can't be read.
        """
        digest = hashlib.sha256()
        for path in self.files():
            digest.update(path.relative_to(self.path.parent).as_posix().encode() + b"\0")
            digest.update(_read(path) + b"\0")
        return digest.hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StrategyError(
            f"{path.name} can't be read: {error.strerror}; check its permissions"
        ) from error


class Registry:
    """The strategies that can be run, as the folders have them at the moment of asking."""

    def __init__(self, custom: Path | None = None) -> None:
        """Take the user's strategies from `custom`; it need not exist."""
        # Absolute: workers and tracebacks must name the same file whatever the folder at hand.
        self.custom = custom.absolute() if custom is not None else None

    def sources(self) -> Mapping[str, StrategySource]:
        """Return every strategy by name, sorted; a user's file hides a built-in."""
        found = {source.name: source for source in _in_folder(_BUILTIN_FOLDER, built_in=True)}
        if self.custom is not None:
            found |= {source.name: source for source in _in_folder(self.custom, built_in=False)}
        return dict(sorted(found.items()))

    def find(self, name: str) -> StrategySource:
        """Return one strategy's source.

        Raises:
            StrategyError: There is none of that name; names the nearest.
        """
        sources = self.sources()
        if name in sources:
            return sources[name]
        near = difflib.get_close_matches(name, sources, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sources)}"
        raise StrategyError(f"no strategy is named {name!r}; {hint}")


def _in_folder(folder: Path, *, built_in: bool) -> list[StrategySource]:
    if not folder.is_dir():
        return []
    found = []
    for path in sorted(folder.iterdir()):
        is_package = path.is_dir() and (path / "strategy.py").is_file()
        name = path.name if is_package else path.stem
        if not is_package and not (path.suffix == ".py" and path.is_file()):
            continue
        if name.startswith("_") or not name.isidentifier():
            continue
        file = path / "strategy.py" if is_package else path
        origin = BUILT_IN if built_in else file.relative_to(folder).as_posix()
        found.append(StrategySource(name=name, path=file, origin=origin, is_package=is_package))
    return found
