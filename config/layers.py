"""The layers of a configuration: files, environment, command line, in this order."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.known_keys import KeyPath, KnownKey
from config.tree import Entries, Items, Node, Scalar, Source, TreePath, merge
from config.yaml_reader import Document, read_document
from quant_core.foundation.errors import ConfigurationError

BASE = "base.yaml"
FACTORS = "factors.yaml"
"""The user's own factors, name: text; its content stands under the key ``factors``."""

SECRETS = "secrets.yaml"
ENVIRONMENT_PREFIX = "QUANT__"

OTHERS_MAY_READ = 0o077
"""Permission bits of everybody but the owner."""

_NOTHING_READ = Entries({}, Source(BASE), 1)


@dataclass(frozen=True, slots=True)
class Layers:
    """All layers merged, and what could not be read.

    ``complete``: every file was read, so that a key that is missing is missing indeed.
    """

    merged: Entries
    problems: tuple[ConfigurationError, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of the YAML files, and the name messages call it by."""

    path: Path
    shown: str

    def read(self, name: str, *, required: bool, secret: bool = False) -> Document:
        """One file of the folder; an absent one is a problem only if it is ``required``."""
        source = Source(f"{self.shown}/{name}", secret=secret)
        try:
            with (self.path / name).open("rb") as stream:
                if secret and os.name == "posix":
                    _refuse_readers(os.fstat(stream.fileno()).st_mode, source)
                text = stream.read().decode("utf-8-sig")
        except FileNotFoundError:
            return Document(None, (_absent(source),) if required else ())
        except ConfigurationError as problem:
            return Document(None, (problem,))
        except OSError as error:
            return Document(None, (_unreadable(source, error.strerror or "no answer"),))
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            return Document(None, (_unreadable(source, f"no UTF-8 text on line {line}"),))
        return _with_keys_on_top(read_document(text, source), source)


def read_layers(
    folder: Folder,
    mode: str,
    overrides: Sequence[str],
    environment: Mapping[str, str],
    known: Mapping[KeyPath, KnownKey],
) -> Layers:
    """Read and merge: base, mode, factors, secrets, environment, overrides."""
    if not folder.path.is_dir():
        return Layers(_NOTHING_READ, (_no_folder(folder),), complete=False)
    files = [
        _not_empty(folder.read(BASE, required=True), f"{folder.shown}/{BASE}"),
        folder.read(f"{mode}.yaml", required=True),
        _under("factors", folder.read(FACTORS, required=False)),
        folder.read(SECRETS, required=False, secret=True),
    ]
    rest = [*_environment_layers(environment), *(_override(text) for text in overrides)]
    merged = next((d.root for d in files if isinstance(d.root, Entries)), _NOTHING_READ)

    def whole_at(path: TreePath) -> bool | None:
        key = known.get(tuple(str(part) for part in path))
        return False if key is None or not key.whole else None if key.has_entries else True

    for document in [*files, *rest]:
        if document.root is not None:
            merged = merge(merged, document.root, whole_at)
    problems = tuple(problem for document in [*files, *rest] for problem in document.problems)
    complete = not any(document.problems for document in files)
    return Layers(merged if isinstance(merged, Entries) else _NOTHING_READ, problems, complete)


def _under(key: str, document: Document) -> Document:
    """A document whose whole content is the value of ``key``."""
    root = document.root
    if root is None:
        return document
    again = root.values.get(key) if isinstance(root, Entries) else None
    if isinstance(again, Entries):
        return Document(None, (*document.problems, _indented_once_too_often(key, again)))
    return Document(Entries({key: root}, root.source, root.line), document.problems)


def _indented_once_too_often(key: str, node: Entries) -> ConfigurationError:
    return ConfigurationError(
        f"the names stand under a key `{key}:`",
        expected="names stand at the top level of this file",
        found=f"`{key}:` and below it {', '.join(node.values)}",
        where=node.source.where(node.line),
        fix=f"remove the line `{key}:` and the indentation below it",
    )


def _environment_layers(environment: Mapping[str, str]) -> list[Document]:
    names = sorted(name for name in environment if name.startswith(ENVIRONMENT_PREFIX))
    return [
        _dotted(
            name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"),
            environment[name],
            f"environment {name}",
        )
        for name in names
    ]


def _override(text: str) -> Document:
    """One ``dotted.key=value``; a malformed one is not repeated: it may hold a secret."""
    key, equals, value = text.partition("=")
    if not equals or re.search(r"[\s:]", key):
        start = re.match(r"[\w.-]*", text)
        return _malformed(f"--set {start.group() if start else ''}")
    return _dotted(key.split("."), value, f"--set {key}")


def _dotted(parts: list[str], value: str, name: str) -> Document:
    """A tree with one value in it, at the dotted key."""
    if not all(parts):
        return _malformed(name)
    source = Source(name, key=".".join(parts))
    document = read_document(value, source)
    if document.problems:
        return Document(None, document.problems)
    node: Node = document.root or Scalar(None, "", source, 1)
    for part in reversed(parts):
        node = Entries({part: node}, source, 1, addressed=True)
    return Document(node)


def _malformed(name: str) -> Document:
    problem = ConfigurationError(
        "an override cannot be read",
        expected="--set dotted.key=value, or QUANT__SECTION__KEY=value in the environment",
        where=name,
        fix="for example --set execution.slippage=0.001",
    )
    return Document(None, (problem,))


def _with_keys_on_top(document: Document, source: Source) -> Document:
    root = document.root
    if root is None or isinstance(root, Entries):
        return document
    found = "a list" if isinstance(root, Items) else "a single value"
    problem = ConfigurationError(
        "a settings file must hold sections",
        expected="sections with keys, such as `data:` and below it `dataset: demo`",
        found=found,
        where=source.where(root.line),
        fix="a colon after a key needs a space behind it",
    )
    return Document(None, (*document.problems, problem))


def _not_empty(document: Document, name: str) -> Document:
    if document.root is not None or document.problems:
        return document
    problem = ConfigurationError(
        "the file is empty",
        expected="the values of all settings",
        where=name,
        fix="restore it from the project; the other files may be empty, this one not",
    )
    return Document(None, (problem,))


def _refuse_readers(permissions: int, source: Source) -> None:
    if permissions & OTHERS_MAY_READ:
        raise ConfigurationError(
            "others may read the file of the secrets; it was not read",
            expected="permissions 600: the owner reads and writes, nobody else",
            found=f"permissions {permissions & 0o777:o}",
            where=source.name,
            fix=f"chmod 600 {source.name}",
        )


def _no_folder(folder: Folder) -> ConfigurationError:
    is_file = folder.path.exists()
    return ConfigurationError(
        "the folder of the settings cannot be read",
        expected=f"a folder with {BASE} and the file of the mode",
        found="a file" if is_file else "nothing of that name",
        where=folder.shown,
        fix="--config-dir takes the folder, not one of its files" if is_file else "check the path",
    )


def _absent(source: Source) -> ConfigurationError:
    return ConfigurationError(
        "a settings file is missing",
        expected="a file; the file of a mode may be empty",
        found="nothing of that name",
        where=source.name,
        fix="restore it from the project, or check --config-dir",
    )


def _unreadable(source: Source, found: str) -> ConfigurationError:
    return ConfigurationError(
        "a settings file cannot be read",
        expected="a text file in UTF-8",
        found=found,
        where=source.name,
    )
