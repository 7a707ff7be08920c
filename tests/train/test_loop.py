"""The training loop, its history and its pictures; the model and the data that come with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hotloop
from hotloop import datasets, nn, optim, train
from hotloop.data import TensorDataset
from hotloop.models import MLP


def points(n: int, seed: int) -> TensorDataset:
    """Two classes on either side of a line."""
    x = hotloop.randn(n, 2, generator=hotloop.Generator().manual_seed(seed))
    return TensorDataset(x, (x[:, 0] > x[:, 1]).long())


def fit(epochs: int = 3, **options: object) -> tuple[nn.Module, train.History]:
    hotloop.manual_seed(0)
    model = MLP([2, 16, 2], dropout=0.1)
    history = train.fit(
        model,
        points(200, 1),
        points(100, 2),
        optimizer=optim.AdamW(model.parameters(), lr=0.05),
        loss=nn.CrossEntropyLoss(),
        epochs=epochs,
        batch_size=20,
        seed=3,
        **options,  # type: ignore[arg-type]
    )
    return model, history


def test_fit_learns_and_repeats_itself() -> None:
    model, history = fit(6)
    assert history.rows[-1].val_accuracy > 0.9
    assert history.column("loss")[-1] < history.column("loss")[0] / 2
    assert history.column("epoch") == [1, 2, 3, 4, 5, 6]
    assert model.training
    again, same = fit(6)
    assert [row._replace(seconds=0) for row in same] == [row._replace(seconds=0) for row in history]
    for mine, other in zip(again.parameters(), model.parameters(), strict=True):
        np.testing.assert_array_equal(mine.detach().numpy(), other.detach().numpy())


def test_schedule_augmentation_and_progress() -> None:
    class Seen:
        samples = 0
        epochs = 0

        def step(self, samples: int, loss: float, accuracy: float) -> None:
            self.samples += samples
            assert loss > 0
            assert 0 <= accuracy <= 1

        def epoch(self, row: train.Epoch) -> None:
            self.epochs += 1

    shapes = set()

    def augment(x: hotloop.Tensor) -> hotloop.Tensor:
        shapes.add(x.shape)
        return x

    seen = Seen()
    _, history = fit(4, augment=augment, progress=seen, schedule=lambda progress: 1 - progress)
    assert (seen.samples, seen.epochs) == (800, 4)
    assert shapes == {(20, 2)}
    assert history.rows[-1].lr == pytest.approx(0.05 * (1 - 39 / 40))
    assert train.cosine(0) == 1
    assert train.cosine(0.5) == pytest.approx(0.5)
    assert train.cosine(1) == 0


def test_evaluate_counts_samples_alike() -> None:
    class Fixed(nn.Module):
        def forward(self, x: hotloop.Tensor) -> hotloop.Tensor:
            return hotloop.stack([x[:, 0], x[:, 1]], 1)

    model = Fixed().eval()
    data = points(70, 5)
    whole = train.evaluate(model, data, nn.CrossEntropyLoss())
    parts = train.evaluate(model, data, nn.CrossEntropyLoss(), batch_size=32)
    assert whole[1] == parts[1] == 0
    assert whole[0] == pytest.approx(parts[0], rel=1e-6)
    assert not model.training


def test_history_file(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    _, history = fit(2, history=train.History(path))
    assert path.read_text().splitlines()[0] == "epoch,seconds,lr,loss,accuracy,val_loss,val_accuracy"
    read = train.History.read(path)
    assert len(read) == 2
    np.testing.assert_allclose(np.array(read.rows), np.array(history.rows), rtol=1e-5)


def test_pictures_need_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, history = fit(1)
    with monkeypatch.context() as patch:
        patch.setitem(__import__("sys").modules, "matplotlib.figure", None)
        with pytest.raises(ModuleNotFoundError, match=r'needs matplotlib: pip install "hotloop\[cli\]"'):
            train.plot_curves(history, tmp_path / "curves.png")
    pytest.importorskip("matplotlib", reason="draws with matplotlib, which is not installed")
    train.plot_curves(history, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_mlp() -> None:
    model = MLP([3, 5, 4, 2], activation="gelu", dropout=0.5)
    assert [type(layer).__name__ for layer in model.layers] == [
        *("Linear", "GELU", "Dropout"),
        *("Linear", "GELU", "Dropout"),
        "Linear",
    ]
    assert model(hotloop.zeros(7, 3)).shape == (7, 2)
    assert [type(layer).__name__ for layer in MLP([3, 2]).layers] == ["Linear"]
    with pytest.raises(ValueError, match=r"sizes must name the input and the output at least, got \[3\]"):
        MLP([3])
    with pytest.raises(ValueError, match="activation must be one of relu, gelu, silu, tanh, sigmoid; got 'step'"):
        MLP([3, 2], activation="step")


def test_digits() -> None:
    parts = {split: datasets.digits(split) for split in ("train", "test", "all")}
    assert {split: len(part) for split, part in parts.items()} == {"train": 1438, "test": 359, "all": 1797}
    images, labels = parts["all"].tensors
    assert images.shape == (1797, 8, 8)
    assert images.dtype is hotloop.float32
    assert (images.numpy().min(), images.numpy().max()) == (0, 1)
    assert np.bincount(labels.numpy()).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert labels[4::5].tolist() == parts["test"].tensors[1].tolist()
    folder = Path(datasets.__file__).parent
    assert (folder / "digits.npz").stat().st_size < 100_000
    assert "CC BY 4.0" in (folder / "DIGITS.md").read_text()
    with pytest.raises(ValueError, match="split must be 'train', 'test' or 'all', got 'validation'"):
        datasets.digits("validation")


def test_digits_are_those_of_scikit_learn() -> None:
    load_digits = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed").load_digits
    theirs = load_digits()
    images, labels = datasets.digits().tensors
    np.testing.assert_array_equal(images.numpy() * 16, theirs.images)
    np.testing.assert_array_equal(labels.numpy(), theirs.target)
