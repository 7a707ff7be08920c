"""The shared cases: well formed, each with its reason, and holding all that the project promises to measure."""

import json
from importlib import resources

import pytest

from hotloop.bench.case import TIERS, case_file
from hotloop.bench.families import FAMILIES
from hotloop.bench.families.tensors import OPERATIONS
from hotloop.bench.runner import select

FILES = sorted(
    entry.name for entry in (resources.files("hotloop.bench") / "cases").iterdir() if entry.name.endswith(".json")
)


def entries(value):
    """All objects anywhere in a case file that are cases."""
    if isinstance(value, dict):
        if "reason" in value:
            yield value
        for part in value.values():
            yield from entries(part)
    elif isinstance(value, list):
        for part in value:
            yield from entries(part)


@pytest.mark.parametrize("name", FILES)
def test_every_case_has_a_reason_of_its_own(name):
    content = json.loads((resources.files("hotloop.bench") / "cases" / name).read_text())
    found = list(entries(content))
    assert found
    assert content["family"] == name.removesuffix(".json")
    assert all(case["reason"].strip() for case in found)
    assert len({json.dumps(case, sort_keys=True) for case in found}) == len(found)


def test_names_are_unique_and_tiers_grow():
    rows = {tier: [case.name for case in select([], "", tier)] for tier in TIERS}
    for names in rows.values():
        assert len(set(names)) == len(names)
    assert set(rows["quick"]) < set(rows["standard"]) < set(rows["full"])
    assert {name.partition("/")[0] for name in rows["quick"]} == set(FAMILIES)


def test_matrix_products_hold_the_promised_shapes():
    names = {case.name for case in select(["matmul"], "", "full")}
    squares = (8, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
    shapes = [f"{side}x{side}x{side}" for side in squares]
    shapes += ["1x4096x4096", "8x4096x4096", "64x3072x768", "128x50257x64", "2048x32x2048"]
    shapes += ["17x33x65", "777x555x333", "48x64x96x80"]
    assert names == {
        f"matmul/matmul/{shape}/{dtype}/{layout}"
        for shape in shapes
        for dtype in ("float32", "float64", "bfloat16")
        for layout in ("NN", "NT", "TN", "TT")
    }


def test_targets_are_those_promised():
    targets = {case.name: case.targets for case in select([], "", "full")}
    product = "matmul/matmul/{0}x{0}x{0}/{1}/NN"
    assert targets[product.format(128, "float32")] == {"best": 1.0}
    assert targets[product.format(256, "float64")] == {"best": 1.0, "roof": 0.9}
    assert targets[product.format(1024, "float32")] == {"best": 1.0, "roof": 0.94}
    assert targets[product.format(256, "bfloat16")] == {"best": 1.0}
    assert targets[product.format(512, "bfloat16")] == {"best": 1.0, "roof": 0.85}
    assert targets["matmul/matmul/8x4096x4096/float32/NN"] == {"best": 1.0, "roof": 0.85}
    assert targets["small/add/8x8/float32"] == {"torch": 2.5}
    assert targets["small/train_step/30-48-2 bs16/float32"] == {"torch": 4.0, "jax": 1.0}
    assert targets["small/inference/64-256-256-10 bs1/float32"] == {"torch": 3.0}
    assert targets["optimizer/adamw/12x2048x2048/float32"]["roof"] == 0.8
    assert targets["scaling/matmul/1024x1024x1024/float32/NN"] == {"1 thread": 1.8}


def test_work_is_counted_from_the_definition():
    (product,) = select(["matmul"], r"17x33x65/float64/NN", "full")
    assert product.work.flops == 2 * 17 * 33 * 65
    assert product.work.bytes == 8 * (17 * 65 + 65 * 33 + 17 * 33)
    (step,) = select(["optimizer"], "12x2048x2048", "full")
    parameters = 12 * 2048 * 2048
    assert (step.work.bytes, step.work.footprint) == (28 * parameters, 16 * parameters)
    (add,) = select(["pointwise"], "/add/", "full")
    assert (add.work.stream, add.work.bytes) == ("triad", 12 * 1200 * 1500)
    (total,) = select(["reduction"], "/sum/", "full")
    assert total.work.stream == "read"


def test_every_operation_is_measured():
    data = case_file("tensors")
    listed = {entry["op"] for entry in entries(data)}
    assert listed == set(OPERATIONS)
