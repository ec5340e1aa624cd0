PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.DELETE_ON_ERROR:
.PHONY: help env test lint pytest demo clean
help:
	@echo "make demo   phantoms -> training -> evaluation -> one anomaly volume, with pictures (no download)"
	@echo "make test   ruff, mypy and pytest"
	@echo "make clean  remove what make demo made"

# The stamp makes the environment a file that make can compare with what it is built from.
env: $(VENV)/.installed
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'MONAI-SAR needs Python 3.11 or newer: make PYTHON=python3.11 ...')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

test: lint pytest

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# one thread for each of as many processes as there are cores; a file stays in one process, for its fixtures
pytest: env
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist loadfile

# --- demo: what exists already is kept, so that a second run only shows where to look ---
DEMO := demo/brain_mri
BUNDLE := bundles/brain_mri_anomaly
SCAN := phantom_9501_flair
# A small image and a random encoder: no download, minutes on two cores. See the README for what that is worth.
SETTINGS := --bundle_root $(BUNDLE) --encoder_weights random --image_size "[112, 112]" --mode bidirectional \
	--dilations "[1]" --output_dir $(DEMO)/output
RUN := $(BIN)/python -m monai.bundle run

demo: $(DEMO)/output/$(SCAN)_anomaly.nii.gz $(DEMO)/output/metrics_test.json
	@echo
	@echo "Look at:"
	@echo "  $(DEMO)/output/$(SCAN)_overlay.png      slices of a phantom, its anomaly map, the outline of the lesion"
	@echo "  $(DEMO)/output/$(SCAN)_anomaly.nii.gz   the same map as a volume; the scan is $(DEMO)/phantoms/nifti/$(SCAN).nii.gz"
	@echo "  $(DEMO)/output/training_curve.png       loss per epoch"
	@echo "  $(DEMO)/output/metrics_test.json        pixel AUROC and average precision, beside those of plain brightness"

$(DEMO)/phantoms/phantoms.json: | env
	$(BIN)/monai-sar phantoms brain_mri $(DEMO)/phantoms

# last.pt is written when training has ended; a run that was stopped before is done again
$(DEMO)/models/last.pt: $(DEMO)/phantoms/phantoms.json
	$(RUN) training --config_file $(BUNDLE)/configs/train.yaml $(SETTINGS) --dataset_dir $(DEMO)/phantoms/bmad \
		--ckpt_dir $(DEMO)/models --feature_dir $(DEMO)/features --max_epochs 30

$(DEMO)/output/metrics_test.json: $(DEMO)/models/last.pt
	$(RUN) evaluating --config_file "['$(BUNDLE)/configs/train.yaml','$(BUNDLE)/configs/evaluate.yaml']" $(SETTINGS) \
		--dataset_dir $(DEMO)/phantoms/bmad --ckpt_dir $(DEMO)/models

$(DEMO)/output/$(SCAN)_anomaly.nii.gz: $(DEMO)/models/last.pt
	$(RUN) inference --config_file $(BUNDLE)/configs/inference.yaml $(SETTINGS) --ckpt_path $(DEMO)/models/model.pt \
		--dataset_dir $(DEMO)/phantoms/nifti/$(SCAN).nii.gz \
		--image_suffix _flair.nii.gz --lesion_suffix _lesion.nii.gz

clean:
	rm -rf demo
