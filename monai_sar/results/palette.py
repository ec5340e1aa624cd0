"""The colours that the pictures share: a dark ground, as in a reading room."""

__all__ = ["BACKGROUND", "FAINT", "FLAGGED", "LESION", "MARK", "TEXT"]

BACKGROUND = "#0d1015"
TEXT = "#e8eaed"
FAINT = "#8b93a0"
# told apart in every common colour blindness by line style as well, and from `inferno` by hue
FLAGGED = "#3fe0ff"
LESION = "#7dff6a"
MARK = "#ffb454"
