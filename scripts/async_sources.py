"""What an async tree may hold, and what its names and words are in the sync tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tokenize_rt import Token, src_to_tokens, tokens_to_src

PACKAGE = "llm_adapter"

IRREGULAR: Mapping[str, str] = {
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "StopAsyncIteration": "StopIteration",
    "aclose": "close",
    "anext": "next",
    "push_async_callback": "callback",
    # httpx
    "handle_async_request": "handle_request",
}

# The directory of tests that have no sync twin; sync tests may speak of it.
KEPT = frozenset({"only_async"})

EVENT_LOOPS = frozenset({"anyio", "asyncio", "trio"})
BLOCKING = frozenset({"threading", "time"})

_LAW = re.compile(r"^(_*)(?:Async(?=[A-Z])|async_(?=[A-Za-z]))")
_ASYNC_WORD = re.compile(r"async|await|coroutine|^(?:anyio|trio)$", re.IGNORECASE)
_ASYNC_STRING = re.compile(r"""["']_*Async[A-Z]""")
_WORD = re.compile(r"\w+")
_KEYWORD_IN_PROSE = re.compile(r"\basync (?=(?:with|for|def)\b)|\bawait (?=[\w.]+\()")
_ARTICLE_IN_PROSE = re.compile(r"\b([Aa])n?( \W?)(Async[A-Z]\w*)")
_SPOKEN_WITH_VOWEL = re.compile(r"[AEIOU]|[FHLMNRSX][A-Z]")


class Refused(Exception):
    """The sources would give a wrong sync tree; the message has a line per place."""


class Names:
    """The naming law: class ``Async`` + Name, function or module ``async_`` + name."""

    def __init__(self, irregular: Mapping[str, str]) -> None:
        self.irregular = irregular

    def sync(self, name: str) -> str:
        return self.irregular.get(name) or _LAW.sub(r"\1", name)

    def sync_file(self, name: str) -> str:
        stem, dot, suffix = name.partition(".")
        return self.sync(stem) + dot + suffix

    def sync_prose(self, text: str) -> str:
        """Rewrite a comment or docstring, the code in it included."""
        text = _ARTICLE_IN_PROSE.sub(self._article_and_name, text)
        text = _KEYWORD_IN_PROSE.sub("", text)
        return _WORD.sub(lambda word: self.sync(word[0]), text)

    def leftovers(self, text: str) -> Iterator[str]:
        """The words that have no place in a sync tree."""
        for word in _WORD.findall(text):
            if word not in KEPT and (
                word in self.irregular or _ASYNC_WORD.search(word)
            ):
                yield word

    def _article_and_name(self, match: re.Match[str]) -> str:
        name = self.sync(match[3])
        article = match[1] + ("n" if _SPOKEN_WITH_VOWEL.match(name) else "")
        return article + match[2] + name


class Module(NamedTuple):
    """An async source file; ``path`` is relative to the root."""

    path: Path
    source: str
    tree: ast.Module
    tokens: list[Token]

    @classmethod
    def parse(cls, path: Path, source: str) -> Module:
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            raise Refused(f"{path}:{error.lineno}: {error.msg}") from error
        return cls(path, source, tree, src_to_tokens(source))

    def names(self) -> set[str]:
        """Identifiers and strings that consist of one: unasync replaces both."""
        inside = {"NAME": slice(None), "STRING": slice(1, -1)}
        words = (token.src[inside.get(token.name, slice(0))] for token in self.tokens)
        return {word for word in words if word.isidentifier()}


class Problem(NamedTuple):
    line: int
    message: str


def problems(module: Module, names: Names) -> list[Problem]:
    """What unasync would get wrong, and what an async tree must not import."""
    return sorted({problem for guard in _GUARDS for problem in guard(module, names)})


def prepared(module: Module, names: Names) -> str:
    """The source with its prose rewritten and no parentheses that only await needs."""
    tokens = list(module.tokens)
    for index in _prose(module):
        tokens[index] = tokens[index]._replace(src=names.sync_prose(tokens[index].src))
    for index in _parentheses_around_awaits(module):
        tokens[index] = tokens[index]._replace(src="")
    return tokens_to_src(tokens)


def _forbidden_imports(module: Module, names: Names) -> Iterator[Problem]:
    in_package = module.path.parts[0] == PACKAGE
    forbidden = EVENT_LOOPS | BLOCKING if in_package else EVENT_LOOPS
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=aliases):
                imported = [alias.name for alias in aliases]
            case ast.ImportFrom(module=str(name), level=0):
                imported = [name]
            case _:
                continue
        for name in imported:
            if name.partition(".")[0] in forbidden:
                yield Problem(
                    node.lineno,
                    f"imports {name}, which differs in sync code: import a pair from "
                    f"{PACKAGE}._concurrency",
                )


def _quoted_annotations(module: Module, names: Names) -> Iterator[Problem]:
    for node in ast.walk(module.tree):
        for field in ("annotation", "returns"):
            for text in _strings_in_annotation(getattr(node, field, None)):
                yield Problem(
                    text.lineno,
                    f"quoted annotation {text.value!r}: unasync does not look inside",
                )


def _strings_in_annotation(node: ast.AST | None) -> Iterator[ast.Constant]:
    match node:
        case ast.Constant(value=str()):
            yield node
        case ast.Subscript(value=generic) if _last_name(generic) == "Literal":
            return
        case ast.Subscript(value=generic, slice=ast.Tuple(elts=[annotated, *_])) if (
            _last_name(generic) == "Annotated"
        ):
            yield from _strings_in_annotation(annotated)
        case ast.AST():
            for child in ast.iter_child_nodes(node):
                yield from _strings_in_annotation(child)


def _last_name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def _names_in_fstrings(module: Module, names: Names) -> Iterator[Problem]:
    # Before Python 3.12 an f-string is one token, so that unasync leaves it as it is.
    for fstring in _outermost_fstrings(module.tree):
        segment = ast.get_source_segment(module.source, fstring) or ""
        for word in names.leftovers(segment):
            yield Problem(
                fstring.lineno,
                f"{word!r} inside an f-string: assign the value to a name first",
            )


def _outermost_fstrings(node: ast.AST) -> Iterator[ast.JoinedStr]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.JoinedStr):
            yield child
        else:
            yield from _outermost_fstrings(child)


def _async_strings(module: Module, names: Names) -> Iterator[Problem]:
    for token in module.tokens:
        if token.name == "STRING" and _ASYNC_STRING.match(token.src):
            yield Problem(
                token.line or 0,
                f"string {token.src} starts with 'Async', which unasync rewrites: use "
                "type(self).__name__ or other words",
            )


def _keywords_without_blank(module: Module, names: Names) -> Iterator[Problem]:
    for token, following in zip(module.tokens, module.tokens[1:], strict=False):
        if token.src in {"async", "await"} and following.name != "UNIMPORTANT_WS":
            yield Problem(
                token.line or 0,
                f"no blank after {token.src!r}: unasync drops the token that follows",
            )


_GUARDS: tuple[Callable[[Module, Names], Iterable[Problem]], ...] = (
    _forbidden_imports,
    _quoted_annotations,
    _names_in_fstrings,
    _async_strings,
    _keywords_without_blank,
)


def _prose(module: Module) -> Iterator[int]:
    """Indexes of the comments and docstrings among the tokens."""
    docstrings = {
        (node.lineno, node.col_offset)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Expr)
    }
    for index, token in enumerate(module.tokens):
        if token.name == "COMMENT" or (
            token.name == "STRING" and tuple(token.offset) in docstrings
        ):
            yield index


def _parentheses_around_awaits(module: Module) -> Iterator[int]:
    """Indexes of the parentheses of ``(await call()).name`` that share its line."""
    index_at = {tuple(token.offset): index for index, token in enumerate(module.tokens)}
    for awaited in _awaits_used_at_once(module.tree):
        before = index_at[awaited.lineno, awaited.col_offset] - 1
        after = index_at[awaited.end_lineno, awaited.end_col_offset]
        if module.tokens[before].src == "(" and module.tokens[after].src == ")":
            yield from (before, after)


def _awaits_used_at_once(tree: ast.Module) -> Iterator[ast.Await]:
    for node in ast.walk(tree):
        match node:
            case (
                ast.Attribute(value=ast.Await() as awaited)
                | ast.Subscript(value=ast.Await() as awaited)
                | ast.Call(func=ast.Await() as awaited)
            ):
                yield awaited
