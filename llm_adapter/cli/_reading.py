"""Input that cannot be read, as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Makes an error of the system while something is read one for people.

    Args:
        name: of what is read, as a sentence begins.

    Raises:
        click.ClickException: instead of an OSError.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise click.ClickException(f"{name} cannot be read: {reason}.") from error
