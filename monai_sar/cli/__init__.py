"""The command ``monai-sar``: one module per sub-command, each importing what is heavy only when it runs."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from monai_sar._versions import __version__
from monai_sar.cli import prepare
from monai_sar.cli.calibrate import calibrate
from monai_sar.cli.evaluate import evaluate
from monai_sar.cli.export import export
from monai_sar.cli.failure import debugging
from monai_sar.cli.inspect import inspect
from monai_sar.cli.output import ends_with_its_output
from monai_sar.cli.phantoms import phantoms
from monai_sar.cli.predict import predict
from monai_sar.cli.split import split
from monai_sar.cli.train import train

__all__ = ["app"]


class _Commands(TyperGroup):
    def main(self, *args: Any, **kwargs: Any) -> Any:
        with ends_with_its_output():
            return super().main(*args, **kwargs)


app = typer.Typer(
    name="monai-sar",
    cls=_Commands,
    rich_markup_mode="markdown",  # paragraphs of help reflow
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # local variables may hold a patient's data
    help="Find what is not normal in medical scans after training on normal scans alone. "
    "Research software, not a medical device.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"monai-sar {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error, too.")] = False,
) -> None:
    debugging.set(debug)


app.command()(phantoms)
app.add_typer(prepare.app, name="prepare")
app.command()(split)
app.command()(inspect)
app.command()(train)
app.command()(calibrate)
app.command()(evaluate)
app.command()(predict)
app.command()(export)
