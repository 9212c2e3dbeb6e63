"""The command `llm-adapter`, which needs the extra `cli`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]

_INTERRUPTED = 130  # that of _exits, which is not loaded yet
_EXTRA = ("click", "rich")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code, as `llm-adapter generate --help` lists them.

    Args:
        arguments: instead of those of the process.
    """
    try:
        from ._app import run

        return run(arguments)  # which imports what the command needs
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _EXTRA:
            raise
        print(
            f"Error: the command line needs {missing.name}, which is not installed. "
            "Install it with: pip install 'llm-adapter[cli]'",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:  # before a command could see it
        return _INTERRUPTED
