"""Every difference between the async and the sync form, as pairs.

`AsyncX`/`X` and `async_x`/`x` have equal signatures; `scripts/generate_sync.py` turns
the first into the second. Nothing else in the package knows a scheduler, and the sync
half imports no event loop.
"""

from __future__ import annotations

from time import monotonic, time

from .connecting import (
    async_connect_tcp,
    async_wake_reader,
    async_write,
    connect_tcp,
    connected_within,
    wake_reader,
    write,
)
from .locks import (
    AsyncLock,
    AsyncSlots,
    ForkSafeLock,
    Lock,
    Slots,
)
from .loops import (
    PerLoop,
    async_let_go,
    async_loop,
    async_on_loop_end,
    async_soon,
    let_go,
    loop,
    loop_has_ended,
    on_loop_end,
    soon,
)
from .waiting import (
    async_go_on_ending,
    async_shielded,
    async_sleep,
    go_on_ending,
    shielded,
    sleep,
)
from .working import (
    AsyncSignal,
    NotBegun,
    Signal,
    Tried,
    async_detach,
    async_offload,
    async_tried,
    detach,
    offload,
    tried,
)

__all__ = [
    "AsyncLock",
    "AsyncSignal",
    "AsyncSlots",
    "ForkSafeLock",
    "Lock",
    "NotBegun",
    "PerLoop",
    "Signal",
    "Slots",
    "Tried",
    "async_connect_tcp",
    "async_detach",
    "async_go_on_ending",
    "async_let_go",
    "async_loop",
    "async_offload",
    "async_on_loop_end",
    "async_shielded",
    "async_sleep",
    "async_soon",
    "async_tried",
    "async_wake_reader",
    "async_write",
    "connect_tcp",
    "connected_within",
    "detach",
    "go_on_ending",
    "let_go",
    "loop",
    "loop_has_ended",
    "monotonic",
    "offload",
    "on_loop_end",
    "shielded",
    "sleep",
    "soon",
    "time",
    "tried",
    "wake_reader",
    "write",
]
