"""Files that are written whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import click


def checked(path: Path, what: str = "page") -> Path:
    """Where a file of that name can be written, as far as one can see; links resolved.

    Args:
        path: of the file.
        what: is to be written, for messages.

    Raises:
        click.ClickException: nothing can be written there.
    """
    try:
        target = path.resolve()
        is_other = target.exists() and not target.is_file()
        has_folder = target.parent.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise _refused(path, what, str(error)) from error
    if target.is_dir():
        raise _refused(path, what, "it is a directory")
    if is_other:
        raise _refused(path, what, "it is not a regular file")
    if not has_folder:
        raise _refused(path, what, f"there is no directory {target.parent}")
    return target


def write_whole(path: Path, text: str, what: str = "page") -> None:
    """Write a file, or leave what was there.

    Raises:
        click.ClickException: it cannot be written.
    """
    new = path.parent / f".llm-adapter-{uuid4().hex}.tmp"
    try:
        try:
            with new.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise _refused(path, what, error.strerror or str(error)) from error


def _refused(path: Path, what: str, reason: str) -> click.ClickException:
    return click.ClickException(
        f"The {what} cannot be written to {str(path)!r}: {reason}. Name another file."
    )
