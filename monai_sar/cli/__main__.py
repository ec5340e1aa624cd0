"""``python -m monai_sar.cli`` is ``monai-sar``."""

from monai_sar.cli import app

app()
