"""Warnings that come once a minute at most."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic

logger = logging.getLogger("llm_adapter")

QUIET = 60.0
"""Seconds between two warnings of the same trouble."""


class Trouble:
    """Something that goes wrong, now and then or all the time.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._quiet_until = float("-inf")
        self._told = False

    def warn(self, message: str, *arguments: object) -> None:
        """Log it, unless that was done within the last minute."""
        now = self._clock()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET
            self._told = True
            logger.warning(message, *arguments)

    def over(self, message: str, *arguments: object) -> None:
        """Log that it is over, if it has been told of."""
        if self._told:
            self._told = False
            logger.info(message, *arguments)
