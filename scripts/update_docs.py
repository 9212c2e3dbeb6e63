"""Print the examples and the table of providers into README and docs.

A block after each `<!-- examples/... -->` is that file; the table after
`<!-- capabilities -->` is what the adapters declare. A test compares the pages with
their sources; this brings them together again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from llm_adapter.providers import PROVIDERS
from llm_adapter.providers.capabilities import capabilities

ROOT = Path(__file__).parents[1]
_SLOT = re.compile(
    r"<!-- (examples/\S+\.py) -->\n*(?:```python\n.*?```\n*)?", re.DOTALL
)
_TABLE = re.compile(r"<!-- capabilities -->\n*(?:\|.*\n)*\n*")
_HEADER = re.compile(r"\A# Generated .*\n+")


def printed(page: str) -> str:
    """The page with the examples that it names and the table."""
    text = _SLOT.sub(_block, page)
    text = _TABLE.sub(lambda _: f"<!-- capabilities -->\n\n{table()}\n", text)
    return text.rstrip("\n") + "\n"


def _block(slot: re.Match[str]) -> str:
    source = _HEADER.sub("", (ROOT / slot[1]).read_text("utf-8"))
    return f"<!-- {slot[1]} -->\n\n```python\n{source}```\n\n"


def table() -> str:
    """A row for each provider, a column for each feature."""
    columns = {name: capabilities(each) for name, each in PROVIDERS.items()}
    features = next(iter(columns.values()))
    head = ["provider", "key", "default model", *features]
    rows = [
        [name, _code(each.key_variable), _code(each.default_model or "-")]
        + [columns[name][feature] for feature in features]
        for name, each in PROVIDERS.items()
    ]
    return "".join(map(_row, [head, ["---"] * len(head), *rows]))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _code(word: str) -> str:
    return word if word == "-" else f"`{word}`"


if __name__ == "__main__":
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        path.write_text(printed(path.read_text("utf-8")), "utf-8")
