"""The command ``evsim``."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..errors import EvsimError
from .console import console, errors
from .demo_command import demo
from .infer import infer
from .info import cache, info
from .segment import segment
from .simulate import app as simulate
from .train import train_stdp
from .train_command import train


class _Commands(TyperGroup):
    """Commands whose expected errors end in one line and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (EvsimError, OSError) as error:
            errors.print("Error:", style="bold red", end=" ")
            errors.print(_one_line(error), markup=False, soft_wrap=True)
            raise typer.Exit(1) from None


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, EvsimError) and error.strerror:
        named = f"{error.filename}: " if error.filename is not None else ""
        return f"{named}{error.strerror}"
    return " ".join(str(error).split())


app = typer.Typer(
    cls=_Commands,
    name="evsim",
    help="Event-driven simulation of spiking neural networks with [bold]exact spike times[/bold].",
    rich_markup_mode="rich",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        console.print(f"evsim {version('evsim')}")  # of evsim.__version__ one would have to wait for NumPy
        raise typer.Exit


@app.callback()
def _evsim(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    pass


for command in (demo, train, infer, segment, train_stdp, info, cache):
    app.command()(command)
app.add_typer(simulate)


def main() -> None:
    """Run the command line; the entry point of ``evsim``."""
    app()
