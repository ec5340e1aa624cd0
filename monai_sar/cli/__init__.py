"""The command ``monai-sar``: one module per sub-command, each importing what is heavy only when it runs."""

import typer

from monai_sar.cli import prepare
from monai_sar.cli.calibrate import calibrate
from monai_sar.cli.export import export
from monai_sar.cli.inspect import inspect
from monai_sar.cli.phantoms import phantoms
from monai_sar.cli.predict import predict

__all__ = ["app"]

app = typer.Typer(
    name="monai-sar",
    rich_markup_mode="markdown",  # paragraphs of help reflow
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # local variables may hold a patient's data
    help="Find what is not normal in medical scans after training on normal scans alone. "
    "Research software, not a medical device.",
)
app.command()(phantoms)
app.add_typer(prepare.app, name="prepare")
app.command()(inspect)
app.command()(calibrate)
app.command()(predict)
app.command()(export)
