PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.DELETE_ON_ERROR:
.PHONY: help env test lint pytest bundles fuzz demo reproduce clean
help:
	@echo "make demo   phantoms -> training -> evaluation -> one anomaly volume, with pictures (no download)"
	@echo "            DOMAIN=liver_ct and DOMAIN=retinal_oct show the others"
	@echo "make reproduce WEIGHTS=FILE BMAD=FOLDER   the published settings on BMAD, beside the published table"
	@echo "make label-test   tests of the MONAI Label app, in an environment of its own"
	@echo "make test   ruff, mypy, and pytest with coverage"
	@echo "make bundles   writes the three bundles from bundles/source"
	@echo "make fuzz   ten minutes of changed files, read with limits (benchmarks/fuzz.py)"
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
	$(BIN)/lint-imports
	$(BIN)/mypy

# one thread for each of as many processes as there are cores; a file stays in one process, for its fixtures
# coverage takes a third more time: COVERAGE= leaves it out
COVERAGE ?= --cov
pytest: env
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist loadfile $(COVERAGE)

bundles: env
	$(BIN)/python bundles/source/write.py

MINUTES ?= 10
fuzz: env
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.fuzz --minutes $(MINUTES)

# --- demo: what exists already is kept, so that a second run only shows where to look ---
DOMAIN := brain_mri
DEMO := demo/$(DOMAIN)
BUNDLE := bundles/$(DOMAIN)_anomaly
RUN := $(BIN)/python -m monai.bundle run
# One scan of the phantoms, how its masks are called, and the size to which slices are fitted.
SCAN_brain_mri := nifti/phantom_9501_flair.nii.gz
MASKS_brain_mri := --image_suffix _flair.nii.gz --lesion_suffix _lesion.nii.gz
SIZE_brain_mri := [112, 112]
SCAN_liver_ct := dicom/phantom_9502_ct
MASKS_liver_ct := --image_suffix _ct --lesion_suffix _lesion.nii.gz --region_suffix _liver.nii.gz
SIZE_liver_ct := [160, 160]
SCAN_retinal_oct := oct/phantom_9502_oct.dcm
MASKS_retinal_oct := --image_suffix _oct.dcm --lesion_suffix _lesion.nii.gz
SIZE_retinal_oct := [96, 192]
# A random encoder and small images: no download, minutes on two cores. See the README for what that is worth. Patches of
# small images are large, so their scores are not smoothed; whitening lifts what a random encoder does not know. Brightness
# would find most lesions of the phantoms alone, and is no second witness here, so that one sees what embeddings do.
SETTINGS := --bundle_root $(BUNDLE) --encoder_weights random --image_size "$(SIZE_$(DOMAIN))" --mode bidirectional \
	--dilations "[1]" --field_of_view null --feature_scaling standardize --smoothing 0 --abnormal_intensity none \
	--output_dir $(DEMO)/output

demo: $(DEMO)/output/.mapped $(DEMO)/output/metrics_test.json
	@echo
	@echo "Look at:"
	@echo "  $$(ls $(DEMO)/output/*_overlay.png)"
	@echo "      slices of a phantom, its anomaly map, the outline of the lesion"
	@echo "  $$(ls $(DEMO)/output/*_anomaly.nii.gz)"
	@echo "      the same map as a volume; the scan is $(DEMO)/phantoms/$(SCAN_$(DOMAIN))"
	@echo "  $(DEMO)/output/training_curve.png       loss per epoch"
	@echo "  $(DEMO)/output/report_test.html         curves, histograms, best and worst cases, metrics with intervals"
	@echo "  $(DEMO)/output/metrics_test.json        pixel AUROC, average precision and AUPRO, beside plain brightness"

$(DEMO)/phantoms/phantoms.json: | env
	$(BIN)/monai-sar phantoms $(DOMAIN) $(DEMO)/phantoms

# last.pt is written when training has ended; a run that was stopped before goes on
$(DEMO)/models/last.pt: $(DEMO)/phantoms/phantoms.json
	@rm -f $@
	$(RUN) training --config_file $(BUNDLE)/configs/train.yaml $(SETTINGS) --dataset_dir $(DEMO)/phantoms/bmad \
		--ckpt_dir $(DEMO)/models --feature_dir $(DEMO)/features --max_epochs 30

$(DEMO)/output/metrics_test.json: $(DEMO)/models/last.pt
	$(RUN) evaluating --config_file "['$(BUNDLE)/configs/train.yaml','$(BUNDLE)/configs/evaluate.yaml']" $(SETTINGS) \
		--dataset_dir $(DEMO)/phantoms/bmad --ckpt_dir $(DEMO)/models

# a DICOM scan's result is called by its hash, so a stamp stands for it
$(DEMO)/output/.mapped: $(DEMO)/models/last.pt
	$(RUN) inference --config_file $(BUNDLE)/configs/inference.yaml $(SETTINGS) --ckpt_path $(DEMO)/models/model.pt \
		--dataset_dir $(DEMO)/phantoms/$(SCAN_$(DOMAIN)) $(MASKS_$(DOMAIN))
	@touch $@

clean:
	rm -rf demo

# --- the published table; what is trained and measured is kept in REPRODUCE ---
WEIGHTS ?= hub
ENCODER ?= vit_small_patch16_dinov3
BMAD ?= data/bmad
REPRODUCE ?= reproduce
reproduce: env
	$(BIN)/python -m benchmarks.reproduce "$(BMAD)" --encoder-name "$(ENCODER)" --encoder-weights "$(WEIGHTS)" \
		--work "$(REPRODUCE)"

# --- MONAI Label: other versions than ours, so an environment of its own ---
LABEL_TESTS ?= tests/label
LABEL_VENV ?= .venv-label
LABEL_PYTHON := $(LABEL_VENV)/bin/python
.PHONY: label-env label-test
label-env: $(LABEL_VENV)/.installed
# MONAI Label asks for packages that are not needed here, so it comes without; the .pth file lets it import beside pydicom 3.
$(LABEL_VENV)/.installed: pyproject.toml label-constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13) and 'MONAI Label needs Python 3.11 or 3.12: make PYTHON=python3.11 label-env')"
	$(PYTHON) -m venv $(LABEL_VENV)
	$(LABEL_PYTHON) -m pip install --quiet --constraint label-constraints.txt --editable ".[label]"
	$(LABEL_PYTHON) -m pip install --quiet --constraint label-constraints.txt --no-deps monailabel
	$(LABEL_PYTHON) -c "import pathlib, sysconfig; pathlib.Path(sysconfig.get_path('purelib'), 'monai_sar_label.pth').write_text('import monai_sar.label.import_hooks\n')"
	@touch $@

# One process: it starts servers, which have the cores. Its older packages have warnings of their own, which are no errors.
label-test: label-env
	OMP_NUM_THREADS=1 $(LABEL_PYTHON) -m pytest -W default $(LABEL_TESTS)
