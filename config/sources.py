"""Where settings come from: YAML files that may include others, and the environment over them."""

import json
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Key = tuple[str, ...]
Tree = dict[str, Any]  # what YAML holds: checked against the model before anybody uses it

PREFIX = "OUTCRY_"
ALIASES: Mapping[str, Key] = {"TELEGRAM_TOKEN": ("telegram", "token")}
# Ours, and not a key of the configuration.
RESERVED = frozenset({"OUTCRY_CONFIG", "OUTCRY_ALLOW_LIVE"})
SECRETS = frozenset(
    {
        *(("telegram", "token"), ("email", "password"), ("push", "token")),
        *(("venue", "key"), ("venue", "secret"), ("venue", "passphrase")),
    }
)
# Keys that hold paths, "*" for any list item: relative to the file they are written in.
_PATHS: tuple[Key, ...] = (
    ("data_dir",),
    ("replay", "data", "*", "file"),
    ("strategies", "folder"),
    ("email", "ca_file"),
    *((*key[:-1], f"{key[-1]}_file") for key in sorted(SECRETS)),
)


@dataclass(slots=True)
class Draft:
    """Settings before they are checked.

    Attributes:
        origins: Where each key was written: a file's name, or an environment variable.
        problems: What is wrong so far, one line each.
    """

    tree: Tree = field(default_factory=dict)
    origins: dict[Key, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def origin(self, key: Key) -> str:
        """Return who wrote `key`, or the nearest part above it that somebody wrote."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.origins:
                return self.origins[key[:length]]
        return "configuration"

    def merge(self, other: Tree, source: str) -> None:
        """Lay `other` on top: maps are merged, everything else replaces."""
        _merge(self.tree, other, (), source, self.origins)


def _merge(into: Tree, other: Tree, at: Key, source: str, origins: dict[Key, str]) -> None:
    for name, value in other.items():
        key = (*at, str(name))
        present = into.get(name)
        if isinstance(value, dict) and isinstance(present, dict):
            _merge(present, value, key, source, origins)
            continue
        into[name] = value
        for old in [known for known in origins if known[: len(key)] == key]:
            del origins[old]
        origins[key] = source
        if isinstance(value, dict):  # so that an error below it can name its file
            origins.update({(*key, *leaf): source for leaf in _leaves(value)})


def _leaves(tree: Tree) -> Iterator[Key]:
    for name, value in tree.items():
        yield (str(name),)
        if isinstance(value, dict):
            yield from ((str(name), *rest) for rest in _leaves(value))


# --- files ------------------------------------------------------------------------------------


def read_file(draft: Draft, path: Path, above: tuple[Path, ...] = ()) -> None:
    """Lay a file and what it includes onto `draft`; the including file wins."""
    path = path.absolute()
    if path in above:
        draft.problems.append(f"{path.name}: it includes itself; take one `include` out")
        return
    tree = _parsed(draft, path)
    if tree is None:
        return
    included = tree.pop("include", [])
    for name in [included] if isinstance(included, str) else included:
        if not isinstance(name, str):
            draft.problems.append(f"{path.name}: include: {name!r} is not a path")
            continue
        read_file(draft, path.parent / name, (*above, path))
    for key in _PATHS:
        _anchor(tree, key, path.parent)
    for key in _secrets_in(tree):
        draft.problems.append(
            f"{path.name}: {'.'.join(key)}: a secret does not belong in this file; set "
            f"{env_name(key)}, or {'.'.join(key)}_file with the path of a file that holds it"
        )
    draft.merge(tree, path.name)


def _parsed(draft: Draft, path: Path) -> Tree | None:
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  a SafeLoader
    except FileNotFoundError:
        draft.problems.append(f"{path}: there is no such file; check the path")
    except (OSError, UnicodeDecodeError) as exc:
        draft.problems.append(f"{path}: it can't be read ({exc}); make it readable UTF-8 text")
    except yaml.YAMLError as exc:
        draft.problems.append(f"{path.name}{_where(exc)}; correct it there")
    else:
        if tree is None:
            return {}
        if isinstance(tree, dict):
            return tree
        draft.problems.append(f"{path.name}: it holds no keys; see config/example.yaml")
    return None


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    line = "" if mark is None else f", line {mark.line + 1}"
    return f"{line}: not valid YAML ({what})"


class _Loader(yaml.SafeLoader):
    """YAML without its two surprises: 17:30 is text, and a key written twice is refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key_node.value} is there twice", key_node.start_mark
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def _without_base_60() -> None:
    """YAML 1.1 reads 17:30 as the number 1050: keep decimal numbers only."""
    kept = {
        first: [(tag, regexp) for tag, regexp in rules if not tag.endswith((":int", ":float"))]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _Loader.yaml_implicit_resolvers = kept
    _Loader.add_implicit_resolver(
        "tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9][0-9_]*$"), list("-+0123456789")
    )
    _Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?$"),
        list("-+0123456789."),
    )


_without_base_60()


def _anchor(tree: Any, key: Key, folder: Path) -> None:
    """Make the path at `key` absolute, from the folder of the file it is written in."""
    if not key:
        return
    name, rest = key[0], key[1:]
    if name == "*":
        for item in tree if isinstance(tree, list) else []:
            _anchor(item, rest, folder)
    elif isinstance(tree, dict) and name in tree:
        value = tree[name]
        if not rest and isinstance(value, str):
            tree[name] = str(folder / Path(value).expanduser())
        else:
            _anchor(value, rest, folder)


def _secrets_in(tree: Tree) -> list[Key]:
    found: list[Key] = []
    for key in sorted(SECRETS):
        section = tree.get(key[0])
        if isinstance(section, dict) and key[1] in section:
            found.append(key)
            del section[key[1]]  # so that no message and no log sees it
    return found


# --- the environment --------------------------------------------------------------------------


def env_name(key: Key) -> str:
    """Return the variable that sets `key`."""
    return PREFIX + "__".join(key).upper()


def read_environment(draft: Draft, environ: Mapping[str, str]) -> None:
    """Lay OUTCRY_SECTION__KEY variables and aliases onto `draft`."""
    aliased = {alias: environ[alias] for alias in ALIASES if environ.get(alias)}
    for name, text in sorted(aliased.items()):
        _put(draft, ALIASES[name], text, name)
    for name, text in sorted(environ.items()):
        if name.startswith(PREFIX) and name not in RESERVED:
            key = tuple(part.lower() for part in name[len(PREFIX) :].split("__"))
            _put(draft, key, _value(draft, key, text, name), name)


def _value(draft: Draft, key: Key, text: str, name: str) -> object:
    """Read lists and maps as JSON; everything else stays text, which the model converts."""
    if key in SECRETS or not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError as exc:
        draft.problems.append(f'{name}: not valid JSON ({exc}); quote names and texts with "')
        return [] if text.lstrip().startswith("[") else {}


def _put(draft: Draft, key: Key, value: object, name: str) -> None:
    tree: object = value
    for part in reversed(key):
        tree = {part: tree}
    if isinstance(tree, dict):
        draft.merge(tree, name)


def read_secret_files(draft: Draft) -> None:
    """Put the content of each `..._file` where its secret belongs; a secret set itself wins."""
    for section_name, name in sorted(SECRETS):
        section = draft.tree.get(section_name)
        if not isinstance(section, dict):
            continue
        path = section.get(f"{name}_file")
        if not path or section.get(name):
            continue
        key = (section_name, f"{name}_file")
        try:
            text = Path(str(path)).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "not UTF-8 text"
            draft.problems.append(
                f"{draft.origin(key)}: {'.'.join(key)}: {path} can't be read ({reason}); "
                "check the path and its permissions"
            )
        else:
            section[name] = text
            draft.origins[section_name, name] = str(path)
