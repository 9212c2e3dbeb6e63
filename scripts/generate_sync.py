"""Write every ``_sync`` tree from the ``_async`` tree beside it.

    python scripts/generate_sync.py            write what differs, remove orphans
    python scripts/generate_sync.py --check    name every difference, exit with 1

Every replacement follows from the naming law and the table of irregular names in
``async_sources.py``. Sources that unasync would get wrong are refused, and so are words
of the async world in its output; nothing is written then.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import unasync
from ruff import find_ruff_bin

from async_sources import IRREGULAR, PACKAGE, Module, Names, Refused, prepared, problems

REPOSITORY = Path(__file__).resolve().parent.parent
SEARCHED = (PACKAGE, "tests", "examples")


class Generated(NamedTuple):
    """The files of the sync trees, and the irregular names that no source used."""

    files: dict[Path, bytes]
    unused: list[str]


class Difference(NamedTuple):
    kind: str
    path: Path


def generate(root: Path, irregular: Mapping[str, str] = IRREGULAR) -> Generated:
    names = Names(irregular)
    paths = list(_files(root, "_async"))
    modules = [
        Module.parse(path, (root / path).read_text("utf-8"))
        for path in paths
        if path.suffix == ".py"
    ]
    _refuse(
        f"{module.path}:{problem.line}: {problem.message}"
        for module in modules
        for problem in problems(module, names)
    )
    seen = {name for module in modules for name in module.names()}
    texts = _unasynced(modules, names, seen)
    _refuse(
        f"{path}:{number}: {word!r} would stay in the sync tree"
        for path, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        for word in names.leftovers(line)
    )
    targets = {path: _target(path, names) for path in paths}
    _refuse_shared(targets)
    files = {target: (root / path).read_bytes() for path, target in targets.items()}
    with_header = {targets[path]: _header(path) + texts[path] for path in texts}
    files |= _formatted(with_header)
    return Generated(files, sorted(irregular.keys() - seen) if modules else [])


def differences(root: Path, expected: Mapping[Path, bytes]) -> list[Difference]:
    """How the sync trees on disk differ from the expected ones, both ways."""
    actual = set(_files(root, "_sync"))
    orphaned = [Difference("orphaned", path) for path in actual - expected.keys()]
    missing = [Difference("missing", path) for path in expected.keys() - actual]
    drifted = [
        Difference("drifted", path)
        for path in expected.keys() & actual
        if (root / path).read_bytes() != expected[path]
    ]
    return sorted(orphaned + missing + drifted, key=lambda difference: difference.path)


def main(
    argv: Sequence[str] | None = None, irregular: Mapping[str, str] = IRREGULAR
) -> int:
    summary = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--root", type=Path, default=REPOSITORY, help="the checkout")
    arguments = parser.parse_args(argv)
    try:
        files, unused = generate(arguments.root, irregular)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    for name in unused:
        print(f"unused: IRREGULAR has {name!r}, no async source has", file=sys.stderr)
    found = differences(arguments.root, files)
    if arguments.check:
        _report(found, files)
    else:
        _mend(arguments.root, found, files)
    return int(bool(unused) or (arguments.check and bool(found)))


def _report(found: Sequence[Difference], files: Mapping[Path, bytes]) -> None:
    for difference in found:
        print(f"{difference.kind}: {difference.path.as_posix()}", file=sys.stderr)
    if found:
        print("To mend: python scripts/generate_sync.py", file=sys.stderr)
    else:
        print(f"up to date: {_count(files, 'file')}")


def _mend(root: Path, found: Iterable[Difference], files: Mapping[Path, bytes]) -> None:
    for difference in found:
        path = root / difference.path
        if difference.kind == "orphaned":
            path.unlink()
            print(f"removed {difference.path.as_posix()}")
        else:
            _write(path, files[difference.path])
            print(f"wrote {difference.path.as_posix()}")
    trees = {path.parts[: path.parts.index("_sync")] for path in files}
    print(f"generated {_count(files, 'file')} in {_count(trees, 'tree')}")


def _count(things: Iterable[object], noun: str) -> str:
    number = len(list(things))
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _refuse(found: Iterable[str]) -> None:
    if lines := list(found):
        raise Refused("\n".join(lines))


def _refuse_shared(targets: Mapping[Path, Path]) -> None:
    first: dict[Path, Path] = {}
    _refuse(
        f"{path}: becomes {target}, as {first[target]} does"
        for path, target in targets.items()
        if first.setdefault(target, path) != path
    )


def _files(root: Path, tree: str) -> Iterator[Path]:
    """The files below every directory of that name, relative to the root."""
    for searched in SEARCHED:
        for directory, subdirectories, files in os.walk(root / searched):
            subdirectories[:] = sorted(
                name
                for name in subdirectories
                if name != "__pycache__" and not name.startswith(".")
            )
            relative = Path(directory).relative_to(root)
            if tree in relative.parts:
                yield from (relative / name for name in sorted(files))


def _target(path: Path, names: Names) -> Path:
    tree = path.parts.index("_async")
    below = [names.sync_file(part) for part in path.parts[tree + 1 :]]
    return Path(*path.parts[:tree], "_sync", *below)


def _header(path: Path) -> str:
    source = path.as_posix()
    return f"# Generated by scripts/generate_sync.py from {source}. Do not edit.\n"


def _unasynced(
    modules: Iterable[Module], names: Names, seen: Iterable[str]
) -> dict[Path, str]:
    # A name without an entry of its own would become SyncName.
    table = {name: names.sync(name) for name in seen}
    texts = {module.path: prepared(module, names) for module in modules}
    with tempfile.TemporaryDirectory() as scratch:
        before, after = Path(scratch, "before"), Path(scratch, "after")
        _write_all(before, texts)
        rule = unasync.Rule(str(before), str(after), additional_replacements=table)
        unasync.unasync_files([str(before / path) for path in texts], [rule])
        return {path: (after / path).read_text("utf-8") for path in texts}


def _formatted(texts: Mapping[Path, str]) -> dict[Path, bytes]:
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        _write_all(directory, texts)
        if texts:
            _ruff(directory, "check", "--select=I", "--fix")
            _ruff(directory, "format")
        return {path: (directory / path).read_bytes() for path in texts}


def _ruff(directory: Path, *command: str) -> None:
    options = (
        "--quiet",
        "--no-cache",
        "--no-respect-gitignore",
        f"--config={REPOSITORY / 'pyproject.toml'}",
        # Lines get shorter: without its magic commas the code closes up again.
        "--config=format.skip-magic-trailing-comma = true",
        "--config=lint.isort.split-on-trailing-comma = false",
    )
    finished = subprocess.run(
        [find_ruff_bin(), *command, *options, "."],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise Refused(f"ruff {command[0]}: {finished.stdout}{finished.stderr}".rstrip())


def _write_all(directory: Path, texts: Mapping[Path, str]) -> None:
    for path, text in texts.items():
        _write(directory / path, text.encode())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())
