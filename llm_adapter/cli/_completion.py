"""`llm-adapter completion`: a script that lets a shell complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

from ._output import Output

_SHELLS = ("bash", "zsh", "fish")
_PROGRAM = "llm-adapter"
_VARIABLE = "_LLM_ADAPTER_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete commands, options, providers, models.

    \b
    bash   llm-adapter completion bash > ~/.local/share/bash-completion/completions/llm-adapter
    zsh    llm-adapter completion zsh > a directory of $fpath, as _llm-adapter
    fish   llm-adapter completion fish > ~/.config/fish/completions/llm-adapter.fish
    """  # noqa: E501 - a command is copied as one line
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(context.find_root().command, {}, _PROGRAM, _VARIABLE)
    # Not its own source(): that of bash starts one, only to look at its version.
    Output().write(ShellComplete.source(script))
