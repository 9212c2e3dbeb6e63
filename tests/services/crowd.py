"""Several Python processes with a store each, which do at once what they are told."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import Any, Self

_PROGRAM = """
import sys
from llm_adapter.caches import *

me = sys.argv[2]
with eval(sys.argv[1]) as store:
    for line in sys.stdin:
        print(repr(eval(line)), flush=True)
"""


class Crowd:
    """Processes that share what their stores share.

    Args:
        store: an expression that makes the store.
        count: of processes.
    """

    def __init__(self, store: str, count: int = 4) -> None:
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-W", "error", "-c", _PROGRAM, store, f"process {n}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for n in range(count)
        ]

    def ask(self, expression: str) -> list[Any]:
        """What each makes of an expression of `store` and `me`, its own name."""
        for process in self._processes:
            process.stdin.write(f"{expression}\n")
            process.stdin.flush()
        return [
            ast.literal_eval(process.stdout.readline()) for process in self._processes
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes:
            # Ends its input, and reads the rest of its output.
            process.communicate(timeout=30)
        assert [process.returncode for process in self._processes if not error[0]] == [
            0 for _ in self._processes if not error[0]
        ]
