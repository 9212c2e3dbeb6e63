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
