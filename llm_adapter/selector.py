"""Which model does which workflow: built-in defaults, a file, the environment, code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from threading import Lock
from types import MethodType, TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from . import _checks
from ._lineups import TASKS
from ._siblings import provider_name
from ._workflow import Choice, ModelConfig, checked, named, whole
from ._workflow_files import read_workflows
from .errors import LLMConfigurationError
from .settings import Settings

__all__ = ["ModelConfig", "ModelOverride", "ModelSelector"]

P = ParamSpec("P")
R = TypeVar("R")


# -- sources --------------------------------------------------------------------------


def _choices(
    settings: Settings,
    file: str | Path | None,
    configs: Mapping[str, ModelConfig | Mapping[str, Any]],
) -> dict[str, Choice]:
    tables = read_workflows(file, checked) if file else {}
    names = dict.fromkeys((*TASKS, *tables, *configs))
    return {
        name: _coded(
            name,
            Choice(
                workflow=name, task=TASKS.get(name), said=tables.get(name, {})
            ).under(_from_environment(name, settings.workflow_models)),
            configs.get(name, {}),
        )
        for name in names
    }


def _coded(workflow: str, below: Choice, config: Any) -> Choice:
    """What code says: a ModelConfig is the whole of it, a mapping a part."""
    if isinstance(config, ModelConfig):
        return Choice(workflow=workflow, task=None, said=whole(config))
    if not isinstance(config, Mapping):
        allowed = "a ModelConfig or a mapping of its fields"
        raise _checks.type_error(f"configs[{workflow!r}]", allowed, config)
    try:
        return below.under(checked(config))
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"configs[{workflow!r}]: {error}") from None


def _from_environment(workflow: str, models: Mapping[str, str]) -> dict[str, Any]:
    variable = variable_of(workflow)
    if variable not in models:
        return {}
    try:
        return named(models[variable])
    except ValueError:
        raise LLMConfigurationError(
            f"{variable} is {models[variable]!r:.80}: set it to a model, to "
            "provider:model, or to a provider: with a colon, or remove it."
        ) from None


def variable_of(workflow: str) -> str:
    """The environment variable that names a workflow's model.

    >>> variable_of("cover-letter")
    'LLM_MODEL_COVER_LETTER'
    """
    words = (letter if letter.isalnum() else "_" for letter in workflow)
    return f"LLM_MODEL_{''.join(words).upper()}"


# -- overrides ------------------------------------------------------------------------


class _Overrides:
    """Those of one selector; of the environment's there is one set, however often it
    is read anew."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._everywhere: tuple[ModelOverride, ...] = ()

    def add(self, override: ModelOverride) -> None:
        with self._lock:
            self._everywhere = (*self._everywhere, override)

    def remove(self, override: ModelOverride) -> None:
        with self._lock:
            self._everywhere = _without(override, self._everywhere)

    def of(self, workflow: str) -> Iterator[Mapping[str, Any]]:
        """What they say, the one that counts most last."""
        for each in (*self._everywhere, *_HERE.get()):
            if each.counts_for(self, workflow):
                yield each.said


def _without(
    override: ModelOverride, others: tuple[ModelOverride, ...]
) -> tuple[ModelOverride, ...]:
    return tuple(each for each in others if each is not override)


# One for all selectors: contexts keep their variables alive.
_HERE: ContextVar[tuple[ModelOverride, ...]] = ContextVar("llm_adapter", default=())


class ModelOverride:
    """Another model for a workflow, from now on and everywhere, until `restore()`.

    As a context manager it holds inside the block alone: for this thread or task, and
    for tasks that are started there. On its way into the block it holds everywhere.
    """

    def __init__(
        self, selector: ModelSelector, workflow: str, said: Mapping[str, Any]
    ) -> None:
        self.said = said
        self._selector = selector
        self._workflow = workflow
        self._home = selector._overrides
        self._state = "everywhere"
        self._home.add(self)

    def counts_for(self, home: object, workflow: str) -> bool:
        """Whether it is one of these, for this workflow, and not over."""
        return (
            self._home is home and self._workflow == workflow and self._state != "over"
        )

    def restore(self) -> None:
        """End it, once or again; others stay."""
        self._state = "over"
        self._home.remove(self)

    def __enter__(self) -> ModelConfig:
        if self._state != "everywhere":
            raise RuntimeError("an override is good for one block: make another")
        self._state = "here"
        _HERE.set((*_HERE.get(), self))
        self._home.remove(self)
        return self._selector.get_config(self._workflow)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.restore()
        _HERE.set(_without(self, _HERE.get()))


# -- the selector ---------------------------------------------------------------------


class _OnClassToo(Generic[P, R]):
    """A method that means the environment's selector when the class is asked."""

    def __init__(self, method: Callable[Concatenate[ModelSelector, P], R]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(
        self, instance: ModelSelector | None, owner: type[ModelSelector]
    ) -> Callable[P, R]:
        selector = default_selector() if instance is None else instance
        return MethodType(self._method, selector)


class ModelSelector:
    """The model of each workflow.

    Later sources count more: built-in defaults, the file, LLM_MODEL_<WORKFLOW>, code.
    Its methods can be called on the class as well: they then mean the selector that
    the environment alone describes.

    Args:
        configs: workflow -> ModelConfig, which is the whole of it, or a mapping of its
            fields, which leaves the others to the sources before.
        file: a TOML file with a table [workflows.NAME] for each; None means
            LLM_WORKFLOWS_FILE.
        environ: instead of the process's own environment.
        dotenv: as for Settings.from_env.

    Raises:
        LLMConfigurationError: file or environment cannot be read.
        TypeError: a value in configs has the wrong type.
        ValueError: a value in configs is out of range, or unknown.
    """

    def __init__(
        self,
        configs: Mapping[str, ModelConfig | Mapping[str, Any]] | None = None,
        *,
        file: str | Path | None = None,
        environ: Mapping[str, str] | None = None,
        dotenv: str | Path | None = ".env",
    ) -> None:
        settings = Settings.from_env(environ, dotenv=dotenv)
        own = {} if configs is None else _checks.as_mapping("configs", configs)
        if not isinstance(file, str | Path | None):
            raise _checks.type_error("file", "a path or None", file)
        self._file = settings.workflows_file if file is None else file
        self._overrides = _Overrides()
        self._choices = _choices(settings, self._file, own)
        name, _, model = settings.provider.partition(":")
        self._provider = name.strip().lower()
        self._model = model.strip() or settings.model

    @_OnClassToo
    def get_config(self, workflow: str, provider: str | None = None) -> ModelConfig:
        """The model of a workflow, and how it is asked.

        Args:
            workflow: its name.
            provider: instead of the one that is configured for the workflow, else
                LLM_PROVIDER, else groq.

        Raises:
            LLMConfigurationError: the workflow is not known.
        """
        choice = self.choose(workflow)
        if provider is None:
            name = choice.provider or self._provider
        else:
            name = provider_name(provider)
        if choice.provider not in (None, name):
            choice = choice.under({"provider": name})
        return choice.config(name, self._model if name == self._provider else None)

    @_OnClassToo
    def override_for_testing(self, workflow: str, model: str) -> ModelOverride:
        """Another model for a workflow: until `restore()`, or inside a `with` block.

        What was said about temperature, max_tokens and reasoning_effort stays, defaults
        of ours follow the model.

        Args:
            workflow: its name.
            model: a model, provider:model, or a provider: with a colon.

        Raises:
            LLMConfigurationError: the workflow is not known.
        """
        self.choose(workflow)
        return ModelOverride(self, workflow, named(model))

    @_OnClassToo
    def workflows(self) -> tuple[str, ...]:
        """The names of all workflows that are known."""
        return tuple(self._choices)

    def choose(self, workflow: str) -> Choice:
        """What is known of a workflow whose provider is still to be found.

        Raises:
            LLMConfigurationError: the workflow is not known.
        """
        if not isinstance(workflow, str):
            raise _checks.type_error("workflow", "a string", workflow)
        choice = self._choices.get(workflow)
        if choice is None:
            raise LLMConfigurationError(
                f"Unknown workflow {workflow!r:.80}. Known are: "
                f"{', '.join(self._choices)}. Name its model in a ModelSelector, or in "
                "the file of LLM_WORKFLOWS_FILE."
            )
        for said in self._overrides.of(workflow):
            choice = choice.under(said)
        return choice


_of_the_environment = _Overrides()
_default: tuple[object, ModelSelector] | None = None


def default_selector() -> ModelSelector:
    """The environment's selector, made anew when the environment or a file changes.

    Raises:
        LLMConfigurationError: file or environment cannot be read.
    """
    global _default
    known = _default
    if known is None or known[0] != _stamp(known[1]._file):
        selector = ModelSelector()
        selector._overrides = _of_the_environment
        known = _default = (_stamp(selector._file), selector)
    return known[1]


def _stamp(file: str | Path | None) -> object:
    own = sorted(item for item in os.environ.items() if item[0].startswith("LLM_"))
    return own, _state(".env"), _state(file)


def _state(file: str | Path | None) -> object:
    try:
        found = os.stat(file or "")
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
