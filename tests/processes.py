"""Other Python processes: an emulator of its own, and programs that talk to it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

_SERVE = """
import sys
from llm_adapter.testing.emulator import serve

def tell(emulator):
    print(emulator.base_url("groq"), flush=True)

serve(latency=float(sys.argv[1]), on_start=tell)
"""


@contextmanager
def emulator_process(*, latency: float = 0.0) -> Iterator[str]:
    """The base URL of an emulator that shares no interpreter with the caller."""
    arguments = [sys.executable, "-c", _SERVE, str(latency)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def run_program(source: str, *arguments: str, timeout: float = 60) -> str:
    """What a program prints; it must end well and say nothing on standard error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(source), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout
