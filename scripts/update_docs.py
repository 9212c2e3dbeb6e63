"""Print the examples into README and docs: a block after each `<!-- examples/... -->`.

A test compares the pages with the files; this brings them together again.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_SLOT = re.compile(
    r"<!-- (examples/\S+\.py) -->\n*(?:```python\n.*?```\n*)?", re.DOTALL
)
_HEADER = re.compile(r"\A# Generated .*\n+")


def printed(page: str) -> str:
    """The page with the examples that it names."""
    text = _SLOT.sub(_block, page)
    return text.rstrip("\n") + "\n"


def _block(slot: re.Match[str]) -> str:
    source = _HEADER.sub("", (ROOT / slot[1]).read_text("utf-8"))
    return f"<!-- {slot[1]} -->\n\n```python\n{source}```\n\n"


if __name__ == "__main__":
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        path.write_text(printed(path.read_text("utf-8")), "utf-8")
