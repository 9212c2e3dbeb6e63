"""Providers to run against: a real HTTP server on loopback that speaks as they do.

>>> with Emulator(replies=(faults.rate_limited("2"),)) as emulator:
...     emulator.base_url("groq").endswith("/openai/v1")
True
"""

from __future__ import annotations

from . import faults
from .ledger import Counts, Seen
from .replies import Reply
from .server import Emulator, serve

__all__ = ["Counts", "Emulator", "Reply", "Seen", "faults", "serve"]
