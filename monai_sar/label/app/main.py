"""``monailabel start_server --app FOLDER_OF_THIS_FILE``: MONAI Label takes the app that it finds here."""

from monai_sar.label.anomaly_app import AnomalyLabelApp

__all__ = ["AnomalyLabelApp"]
