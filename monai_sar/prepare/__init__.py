"""Raw public data sets -> the folders of a BMAD data set, with a manifest that says where each slice comes from."""

from monai_sar.prepare.brats2021 import prepare_brats2021
from monai_sar.prepare.btcv_lits import prepare_btcv_lits
from monai_sar.prepare.prepare_cases import PrepareReport
from monai_sar.prepare.resc import prepare_resc

__all__ = ["PrepareReport", "prepare_brats2021", "prepare_btcv_lits", "prepare_resc"]
