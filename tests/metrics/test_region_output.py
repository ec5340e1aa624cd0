"""Pixel metrics inside a region."""

import pytest
import torch
from ignite.engine import Engine
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from sklearn.metrics import average_precision_score, roc_auc_score

from monai_sar.metrics import InsideRegion, KnownLesions, PixelAUPRO, PixelAUROC

Item = dict[str, torch.Tensor]


def make_items(seed: int) -> list[Item]:
    """Images of different sizes, with a margin that a metric of the whole image would take in."""
    generator = torch.Generator().manual_seed(seed)
    items = []
    for height, width in ((40, 60), (50, 50), (31, 77)):
        region = torch.zeros(1, height, width, dtype=torch.bool)
        region[:, 8:-8, 8:-8] = True
        label = torch.rand(1, height, width, generator=generator) < 0.1
        pred = torch.randn(1, height, width, generator=generator) + label
        items.append({"pred": pred.masked_fill(~region, -9.0), "label": label, "region": region})
    return items


def test_a_config_restricts_metrics_to_the_region() -> None:
    items = make_items(seed=0)
    config = {
        "transform": {"_target_": "monai_sar.metrics.InsideRegion", "keys": ["pred", "label"]},
        "auroc": {"_target_": "monai_sar.metrics.PixelAUROC", "output_transform": "@transform"},
        "ap": {"_target_": "monai_sar.metrics.PixelAveragePrecision", "output_transform": "@transform"},
    }
    parser = ConfigParser(config)
    engine = Engine(lambda _, batch: batch)
    for name in ("auroc", "ap"):
        parser.get_parsed_content(name).attach(engine, name)
    batches = [[{key: MetaTensor(value.float()) for key, value in item.items()}] for item in items]
    metrics = engine.run(batches).metrics
    score, label = (torch.cat([item[key][item["region"]] for item in items]) for key in ("pred", "label"))
    assert metrics["auroc"] == pytest.approx(roc_auc_score(label, score), abs=1e-4)
    assert metrics["ap"] == pytest.approx(average_precision_score(label, score), abs=1e-4)
    whole = (
        torch.cat([item["pred"].flatten() for item in items]),
        torch.cat([item["label"].flatten() for item in items]),
    )
    assert metrics["auroc"] != pytest.approx(roc_auc_score(whole[1], whole[0]), abs=0.01)


def test_what_lies_outside_may_be_anything() -> None:
    items = make_items(seed=1)
    changed = [item | {"pred": item["pred"].masked_fill(~item["region"], torch.nan)} for item in items]
    plain, other = PixelAUROC(), PixelAUROC()
    plain.update(InsideRegion()(items))
    other.update(InsideRegion()(changed))
    assert plain.compute() == other.compute()


def test_all_keys_keep_their_order_and_the_same_pixels() -> None:
    items = make_items(seed=2)
    label, pred = InsideRegion(keys=["label", "pred"])(items)
    for item, item_label, item_pred in zip(items, label, pred, strict=True):
        assert torch.equal(item_label, item["label"][item["region"]])
        assert torch.equal(item_pred, item["pred"][item["region"]])
    renamed = [{"head" if key == "region" else key: value for key, value in item.items()} for item in items]
    for expected, found in zip(pred, InsideRegion("pred", region_key="head")(renamed)[0], strict=True):
        assert torch.equal(expected, found)


def test_an_empty_region_counts_nothing() -> None:
    items = make_items(seed=3)
    plain, other = PixelAUROC(), PixelAUROC()
    plain.update(InsideRegion()(items))
    other.update(InsideRegion()([*items, items[0] | {"region": torch.zeros_like(items[0]["region"])}]))
    assert plain.compute() == other.compute()


def test_a_missing_or_ill_fitting_region_is_told() -> None:
    item = make_items(seed=4)[0]
    with pytest.raises(KeyError, match=r"no \['head'\], only \['label', 'pred', 'region'\]"):
        InsideRegion(region_key="head")([item])
    with pytest.raises(ValueError, match=r"region has shape \(1, 40, 59\), the map or mask has \(1, 40, 60\)"):
        InsideRegion()([item | {"region": item["region"][..., :-1]}])


def test_items_whose_lesions_are_not_known_do_not_count() -> None:
    items = make_items(seed=3)
    unknown = [{**item, "label": item["label"] & False, "lesions_known": False} for item in make_items(seed=4)]
    for transform in (KnownLesions(), InsideRegion()):
        auroc = PixelAUROC(transform)
        values = []
        for given in ([items], [items, unknown], [[*unknown[:1], *items]]):
            auroc.reset()
            for output in given:
                auroc.iteration_completed(_engine(output))
            values.append(auroc.compute())
        assert values[0] == values[1] == values[2]
    aupro = PixelAUPRO(KnownLesions(["pred", "label", "region"]))
    aupro.update(KnownLesions(["pred", "label", "region"])([*items, *unknown]))
    of_known = PixelAUPRO()
    of_known.update(KnownLesions(["pred", "label", "region"])(items))
    assert aupro.compute() == of_known.compute()


def _engine(output: object) -> Engine:
    engine = Engine(lambda _, batch: batch)
    engine.state.output = output  # type: ignore[assignment]
    return engine
