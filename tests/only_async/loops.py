"""The event loops that tests run on, and what they have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
import sniffio
import trio

LOOPS: dict[str, dict[str, Any]] = {
    "asyncio": {"backend": "asyncio"},
    "uvloop": {"backend": "asyncio", "backend_options": {"use_uvloop": True}},
    "trio": {"backend": "trio"},
}

on_every_loop = pytest.mark.parametrize("loop", LOOPS)


def run(loop: str, main: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    """The result of `main`, on a loop of its own that ends with it."""
    return anyio.run(main, *arguments, **LOOPS[loop])


def tasks_alive() -> int:
    if sniffio.current_async_library() == "trio":
        return trio.lowlevel.current_statistics().tasks_living
    return len(asyncio.all_tasks())
