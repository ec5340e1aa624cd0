"""An app for MONAI Label: the bundles of this project, served to the workstation of a radiologist.

MONAI Label is no dependency of the package and pins other versions than it does, so this folder runs in an environment
of its own (``make label-env``), and nothing outside it imports it. Read in this order: ``anomaly_app`` (what is
served) -> ``served_bundle`` (a bundle and its checkpoint) -> ``infer_task`` -> ``scoring_method`` and ``strategies`` ->
``normal_studies`` and ``train_task``.
"""
