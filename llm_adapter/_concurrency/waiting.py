"""Waiting, and waiting although one is being cancelled."""

from __future__ import annotations

from contextlib import nullcontext
from time import sleep as _block
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


async def async_sleep(seconds: float) -> None:
    """Wait without blocking the event loop."""
    import anyio

    await anyio.sleep(seconds)


def sleep(seconds: float) -> None:
    """Wait, blocking this thread."""
    _block(seconds)


def async_shielded() -> AbstractContextManager[object]:
    """For the few awaits that must happen although the caller is being cancelled."""
    import anyio

    return anyio.CancelScope(shield=True)


def shielded() -> AbstractContextManager[object]:
    """Threads are not cancelled: nothing to do."""
    return nullcontext()


def async_go_on_ending(error: BaseException) -> None:
    """Raise it again if this is how a task learns that it is cancelled."""
    import anyio

    if isinstance(error, anyio.get_cancelled_exc_class()):
        raise error


def go_on_ending(error: BaseException) -> None:
    """Threads are not cancelled: nothing to do."""
