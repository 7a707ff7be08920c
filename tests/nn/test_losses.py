"""Every loss against PyTorch: values and gradients, over reductions, weights, broadcasting and edges."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import nn
from hotloop.nn import functional as F
from support.torch_peer import assert_same, to_hotloop, torch

pytestmark = pytest.mark.every_device

T = torch.nn.functional
REDUCTIONS = ("none", "mean", "sum")
rng = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return rng.normal(size=shape)


def unit(*shape: int) -> Any:
    return rng.uniform(0.01, 0.99, shape)


def signs(*shape: int) -> Any:
    return rng.choice([-1.0, 1.0], shape)


def logs(*shape: int) -> Any:
    return np.log(rng.dirichlet(np.ones(shape[-1]), shape[:-1]))


def classes(*shape: int, below: int) -> Any:
    return rng.integers(0, below, shape)


LABELS = np.array([[3, 0, -1, 1], [-1, 2, 0, 1], [0, 1, 2, 3], [2, -1, -1, -1]])
EDGES = np.array([0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 1e30, -1e30, np.inf, -np.inf, np.nan])
Z = np.zeros(11)

# Name: arguments whose floats get gradients, but for those of the keyword `weight` and such, and settings.
CASES: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("mse_loss", [normal(4, 3), normal(4, 3)], {}),
    ("mse_loss", [normal(4, 3), normal(3)], {}),
    ("mse_loss", [normal(4, 3), normal(4, 3)], {"weight": unit(4, 3)}),
    ("mse_loss", [normal(0, 3), normal(0, 3)], {}),
    ("mse_loss", [normal(), normal()], {}),
    ("l1_loss", [normal(4, 3), normal(4, 3)], {}),
    ("l1_loss", [normal(4, 3), normal(4, 1)], {}),
    ("l1_loss", [normal(4, 3), normal(4, 3)], {"weight": unit(4, 3)}),
    ("l1_loss", [EDGES, Z], {}),
    ("smooth_l1_loss", [normal(4, 3) * 2, normal(4, 3)], {}),
    ("smooth_l1_loss", [normal(4, 3), normal(3)], {"beta": 0.3}),
    ("smooth_l1_loss", [normal(4, 3), normal(4, 3)], {"beta": 0.0}),
    ("smooth_l1_loss", [EDGES, Z], {}),
    ("huber_loss", [normal(4, 3) * 2, normal(4, 3)], {}),
    ("huber_loss", [normal(4, 3), normal(1, 3)], {"delta": 0.3}),
    ("huber_loss", [normal(4, 3), normal(4, 3)], {"delta": 2.0, "weight": unit(4, 3)}),
    ("huber_loss", [EDGES, Z], {"delta": 1.0}),
    ("nll_loss", [logs(5, 4), classes(5, below=4)], {}),
    ("nll_loss", [logs(2, 4, 3, 2), classes(2, 3, 2, below=4)], {"weight": unit(4), "ignore_index": 2}),
    ("nll_loss", [logs(4), classes(below=4)], {}),
    ("nll_loss", [logs(3, 4), np.full(3, -100)], {}),
    ("cross_entropy", [normal(5, 4), classes(5, below=4)], {"weight": unit(4), "label_smoothing": 0.2}),
    ("cross_entropy", [normal(2, 4, 3), classes(2, 3, below=4)], {"ignore_index": 1, "weight": unit(4)}),
    ("cross_entropy", [normal(2, 4, 3, 2), classes(2, 3, 2, below=4)], {"ignore_index": 0, "label_smoothing": 0.1}),
    ("cross_entropy", [normal(4), classes(below=4)], {}),
    ("cross_entropy", [normal(2, 4, 3), unit(2, 4, 3)], {"weight": unit(4), "label_smoothing": 0.1}),
    ("cross_entropy", [normal(4), unit(4)], {}),
    ("binary_cross_entropy", [unit(4, 3), unit(4, 3)], {}),
    ("binary_cross_entropy", [unit(4, 3), unit(4, 3)], {"weight": unit(3)}),
    ("binary_cross_entropy", [np.array([0.0, 1.0, 0.0, 1.0, 1e-300]), np.array([0.0, 0.0, 1.0, 1.0, 0.5])], {}),
    ("binary_cross_entropy_with_logits", [normal(4, 3) * 3, unit(4, 3)], {}),
    ("binary_cross_entropy_with_logits", [normal(4, 3), unit(4, 3)], {"weight": unit(3), "pos_weight": unit(3)}),
    ("kl_div", [logs(4, 3), np.exp(logs(4, 3))], {}),
    ("kl_div", [logs(4, 3), logs(4, 3)], {"log_target": True}),
    ("kl_div", [logs(4, 3), logs(1, 3)], {"log_target": True}),
    ("poisson_nll_loss", [normal(4, 3), unit(4, 3) * 5], {}),
    ("poisson_nll_loss", [unit(4, 3), unit(4, 3) * 5], {"log_input": False, "full": True, "eps": 1e-4}),
    ("poisson_nll_loss", [normal(4, 3), unit(4, 3) * 5], {"full": True}),
    ("gaussian_nll_loss", [normal(4, 3), normal(4, 3), unit(4, 3)], {}),
    ("gaussian_nll_loss", [normal(4, 3), normal(4, 3), unit(4, 1)], {"full": True}),
    ("gaussian_nll_loss", [normal(4, 3), normal(4, 3), unit(4)], {"eps": 0.5}),
    ("gaussian_nll_loss", [normal(4, 3), normal(4, 3)], {"var": 0.3}),
    ("hinge_embedding_loss", [normal(4, 3), signs(4, 3)], {}),
    ("hinge_embedding_loss", [normal(4, 3), signs(3)], {"margin": 0.5}),
    ("hinge_embedding_loss", [normal(4), np.array([0.0, 1.0, -1.0, 2.0])], {}),
    ("soft_margin_loss", [normal(4, 3), signs(4, 3)], {}),
    ("margin_ranking_loss", [normal(5), normal(5), signs(5)], {"margin": 0.3}),
    ("margin_ranking_loss", [normal(4, 3), normal(4, 3), signs(4, 1)], {}),
    ("cosine_embedding_loss", [normal(5, 3), normal(5, 3), signs(5)], {"margin": 0.2}),
    ("cosine_embedding_loss", [normal(3), normal(3), signs()], {}),
    ("cosine_embedding_loss", [np.zeros((2, 3)), normal(2, 3), np.array([1.0, -1.0])], {}),
    ("triplet_margin_loss", [normal(5, 3), normal(5, 3), normal(5, 3)], {}),
    ("triplet_margin_loss", [normal(5, 3), normal(5, 3), normal(5, 3)], {"swap": True, "p": 1.0, "margin": 0.5}),
    ("triplet_margin_loss", [normal(3), normal(3), normal(3)], {"eps": 1e-3, "p": 3.0}),
    ("triplet_margin_loss", [normal(5, 3), normal(1, 3), normal(5, 3)], {}),
    ("multi_margin_loss", [normal(5, 4), classes(5, below=4)], {}),
    ("multi_margin_loss", [normal(5, 4), classes(5, below=4)], {"p": 2, "margin": 0.5, "weight": unit(4)}),
    ("multi_margin_loss", [normal(4), classes(below=4)], {}),
    ("multi_margin_loss", [np.array([[1.0, 0.0, 2.0]]), np.array([0])], {}),
    ("multilabel_margin_loss", [normal(4, 4), LABELS], {}),
    ("multilabel_margin_loss", [normal(4), np.array([3, 0, -1, 1])], {}),
    ("multilabel_soft_margin_loss", [normal(4, 3), unit(4, 3)], {"weight": unit(3)}),
    ("multilabel_soft_margin_loss", [normal(2, 4, 3), unit(2, 4, 3)], {}),
]
# Where a target takes a gradient in PyTorch too.
CONSTANT_TARGET = (
    "hinge_embedding_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "margin_ranking_loss",
    "cosine_embedding_loss",
    "soft_margin_loss",
)


def leaf(value: Any, wants_grad: bool, library: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    floating = value.dtype.kind == "f"
    tensor = torch.tensor(value) if library is torch else hotloop.tensor(value)
    return tensor.requires_grad_(floating and wants_grad)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda i: f"{CASES[i][0]}-{i}")
@pytest.mark.filterwarnings("ignore:Using a target size", "ignore:reduction:UserWarning")
def test_against_torch(case: int, reduction: str) -> None:
    name, arguments, settings = CASES[case]
    results = []
    for functional, library in ((F, hotloop), (T, torch)):
        last = len(arguments) - 1
        leaves = [leaf(x, not (i == last and name in CONSTANT_TARGET), library) for i, x in enumerate(arguments)]
        keywords = {key: leaf(value, False, library) for key, value in settings.items()}
        out = getattr(functional, name)(*leaves, **keywords, reduction=reduction)
        weight = np.random.default_rng(1).uniform(0.5, 1.5, tuple(out.shape))
        (out * leaf(weight, False, library)).sum().backward()
        results.append((out, leaves))
    (ours, mine), (theirs, others) = results
    with np.errstate(invalid="ignore"):
        assert_same(ours, theirs, f"{name} {settings}", rtol=1e-9)
        for i, (x, y) in enumerate(zip(mine, others, strict=True)):
            if y.requires_grad:
                assert_same(x.grad, y.grad, f"{name}: gradient {i}", rtol=1e-9)


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda i: f"{CASES[i][0]}-{i}")
@pytest.mark.filterwarnings("ignore:Using a target size", "ignore:reduction:UserWarning")
def test_float32(case: int) -> None:
    """The dtype stays, and values are those of float64 rounded."""
    name, arguments, settings = CASES[case]

    def single(value: Any) -> Any:
        tensor = leaf(value, False, hotloop)
        return tensor.float() if isinstance(value, np.ndarray) and value.dtype.kind == "f" else tensor

    out = getattr(F, name)(*map(single, arguments), **{key: single(value) for key, value in settings.items()})
    assert out.dtype is hotloop.float32
    exact = getattr(F, name)(
        *(leaf(x, False, hotloop) for x in arguments),
        **{key: leaf(value, False, hotloop) for key, value in settings.items()},
    )
    np.testing.assert_allclose(out.item(), exact.item(), rtol=2e-5, atol=1e-6)


def test_kl_div_batchmean() -> None:
    log_p, q = logs(4, 3), np.exp(logs(4, 3))
    for make in (leaf,):
        mine = F.kl_div(make(log_p, False, hotloop), make(q, False, hotloop), reduction="batchmean")
        assert_same(mine, T.kl_div(torch.tensor(log_p), torch.tensor(q), reduction="batchmean"))


def test_triplets_by_any_distance() -> None:
    a, p, n = (normal(5, 3) for _ in range(3))
    for settings in ({}, {"swap": True, "margin": 0.3, "reduction": "none"}):
        mine = nn.TripletMarginWithDistanceLoss(distance_function=lambda x, y: (x - y).abs().amax(-1), **settings)(
            *(hotloop.tensor(x) for x in (a, p, n))
        )
        other = torch.nn.TripletMarginWithDistanceLoss(
            distance_function=lambda x, y: (x - y).abs().amax(-1), **settings
        )(*(torch.tensor(x) for x in (a, p, n)))
        assert_same(mine, other)
    mine = nn.TripletMarginWithDistanceLoss()(*(hotloop.tensor(x) for x in (a, p, n)))
    assert_same(mine, torch.nn.TripletMarginWithDistanceLoss()(*(torch.tensor(x) for x in (a, p, n))))


# Made from either library's nn.
MODULES: list[tuple[Callable[[Any, Any], Any], str]] = [
    (lambda n, t: n.MSELoss(reduction="sum"), "mse_loss"),
    (lambda n, t: n.L1Loss(reduction="none"), "l1_loss"),
    (lambda n, t: n.SmoothL1Loss(beta=0.3), "smooth_l1_loss"),
    (lambda n, t: n.HuberLoss("sum", 0.3), "huber_loss"),
    (lambda n, t: n.NLLLoss(t([1.0, 2, 3, 4]), ignore_index=2), "nll_loss"),
    (lambda n, t: n.CrossEntropyLoss(label_smoothing=0.1), "cross_entropy"),
    (lambda n, t: n.BCELoss(t([1.0, 2, 3])), "binary_cross_entropy"),
    (lambda n, t: n.BCEWithLogitsLoss(pos_weight=t([1.0, 2, 3])), "binary_cross_entropy_with_logits"),
    (lambda n, t: n.KLDivLoss(reduction="batchmean"), "kl_div"),
    (lambda n, t: n.PoissonNLLLoss(full=True, reduction="none"), "poisson_nll_loss"),
    (lambda n, t: n.GaussianNLLLoss(full=True, eps=0.1), "gaussian_nll_loss"),
    (lambda n, t: n.HingeEmbeddingLoss(0.3), "hinge_embedding_loss"),
    (lambda n, t: n.SoftMarginLoss(), "soft_margin_loss"),
    (lambda n, t: n.MarginRankingLoss(0.2), "margin_ranking_loss"),
    (lambda n, t: n.CosineEmbeddingLoss(0.2), "cosine_embedding_loss"),
    (lambda n, t: n.MultiMarginLoss(2, 0.5, t([1.0, 2, 3, 4])), "multi_margin_loss"),
    (lambda n, t: n.MultiLabelMarginLoss(), "multilabel_margin_loss"),
    (lambda n, t: n.MultiLabelSoftMarginLoss(t([1.0, 2, 3])), "multilabel_soft_margin_loss"),
    (lambda n, t: n.TripletMarginLoss(0.5, 1.0, swap=True), "triplet_margin_loss"),
]


@pytest.mark.parametrize("index", range(len(MODULES)), ids=lambda i: MODULES[i][1])
def test_modules(index: int) -> None:
    make, name = MODULES[index]
    ours = make(nn, lambda values: hotloop.tensor(values, dtype=hotloop.float64))
    theirs = make(torch.nn, lambda values: torch.tensor(values, dtype=torch.float64))
    arguments = next(args for case, args, _ in CASES if case == name)
    expected = theirs(*(torch.tensor(x) for x in arguments))
    assert_same(ours(*(hotloop.tensor(x) for x in arguments)), expected, rtol=1e-10)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())


@pytest.mark.parametrize(
    ("flags", "reduction"),
    [((None, None), "mean"), ((False, None), "sum"), ((True, False), "none"), ((None, True), "mean")],
)
def test_older_names_of_reductions(flags: tuple[Any, Any], reduction: str) -> None:
    x, y = hotloop.tensor(normal(3)), hotloop.tensor(normal(3))
    expected = F.mse_loss(x, y, reduction=reduction).cpu()
    assert_same(F.mse_loss(x, y, *flags), expected)
    assert_same(nn.MSELoss(*flags)(x, y), expected)


def test_sizes_that_broadcast_are_warned_of() -> None:
    for loss in (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss):
        with pytest.warns(UserWarning, match=r"Using a target size \(\[3\]\) that is different to the input size"):
            loss(hotloop.zeros(3, 1), hotloop.zeros(3))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            loss(hotloop.zeros(3), hotloop.zeros(3))


def test_refusals() -> None:
    x, i = hotloop.zeros(2, 3), hotloop.tensor([0, 1])
    host = hotloop.zeros(2, 3, device="cpu")  # values are asked there alone: a GPU would be waited for
    for call, error, message in [
        (lambda: F.mse_loss(x, x, weight=hotloop.ones(3)), ValueError, "Weights and input must have the same size"),
        (lambda: F.smooth_l1_loss(x, x, beta=-1.0), RuntimeError, "does not support negative values for beta"),
        (lambda: F.huber_loss(x, x, delta=0.0), RuntimeError, "does not support non-positive values for delta"),
        (lambda: F.binary_cross_entropy(x, x[0]), ValueError, "must be the same as input size"),
        (lambda: F.binary_cross_entropy(host + 2, host), RuntimeError, "input should be between 0 and 1, got 2 to 2"),
        (lambda: F.gaussian_nll_loss(host, host, host - 1), ValueError, "var has negative entry"),
        (lambda: F.gaussian_nll_loss(x, x, hotloop.ones(2, 2)), ValueError, "var is of incorrect size"),
        (lambda: F.margin_ranking_loss(x, x, x[0]), RuntimeError, "All input tensors should have same dimension"),
        (lambda: F.cosine_embedding_loss(x, x, x), RuntimeError, "0D or 1D target tensor expected"),
        (lambda: F.cosine_embedding_loss(x[0], x[0], i), RuntimeError, "1D target tensor expects 2D input tensors"),
        (lambda: F.triplet_margin_loss(x, x, x, margin=0.0), ValueError, "margin must be greater than 0"),
        (lambda: F.triplet_margin_loss(x, x[0], x), RuntimeError, "expected to have the same number of dimensions"),
        (lambda: F.multi_margin_loss(x, i, p=3), ValueError, "only p == 1 and p == 2 supported"),
        (lambda: F.multi_margin_loss(host, i.cpu() + 2), IndexError, "target must be classes 0 to 2, got 2 to 3"),
        (lambda: F.multi_margin_loss(x, i[:1]), RuntimeError, "inconsistent target size"),
        (lambda: F.multilabel_margin_loss(x, i), RuntimeError, "inconsistent target size"),
        (lambda: F.kl_div(x, x, reduction="max"), ValueError, "max is not a valid value for reduction"),
        (lambda: nn.HuberLoss(delta="1"), TypeError, "delta must be a float or int"),  # type: ignore[arg-type]
        (lambda: nn.TripletMarginLoss(margin=-1), ValueError, "expected margin to be greater than 0"),
        (lambda: nn.MultiMarginLoss(p=3), ValueError, "only p == 1 and p == 2 supported"),
    ]:
        with pytest.raises(error, match=message):
            call()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("name", ["mse_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy"])
def test_second_gradients(name: str) -> None:
    x = hotloop.tensor(unit(4)).requires_grad_()
    y = hotloop.tensor(unit(4)).requires_grad_()
    other, target = (torch.tensor(t.detach().numpy(force=True)).requires_grad_() for t in (x, y))
    (first,) = hotloop.autograd.grad(getattr(F, name)(x, y, reduction="sum"), [x], create_graph=True)
    (expected,) = torch.autograd.grad(getattr(T, name)(other, target, reduction="sum"), [other], create_graph=True)
    (second,) = hotloop.autograd.grad((first * first).sum(), [x])
    (wanted,) = torch.autograd.grad((expected * expected).sum(), [other])
    assert_same(to_hotloop(wanted), wanted)
    assert_same(second, wanted, rtol=1e-8)
