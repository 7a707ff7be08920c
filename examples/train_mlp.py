"""Trains a small perceptron on two interleaved spirals, and says how many points it gets right."""

import math

import hotloop
from hotloop import nn
from hotloop.data import DataLoader, TensorDataset
from hotloop.nn import functional as F


def spirals(points: int) -> tuple[hotloop.Tensor, hotloop.Tensor]:
    """Points of two spirals, (2 * points, 2), and which of the two each belongs to."""
    turn = hotloop.linspace(0.25, 1.0, points)
    angle = 3.0 * math.pi * turn
    arm = hotloop.stack([turn * angle.cos(), turn * angle.sin()], dim=1)
    labels = hotloop.cat([hotloop.zeros(points), hotloop.ones(points)]).long()
    return hotloop.cat([arm, -arm]), labels


def main() -> None:
    hotloop.manual_seed(0)
    x, y = spirals(500)
    loader = DataLoader(TensorDataset(x, y), batch_size=50, shuffle=True, seed=0)
    model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
    optimizer = hotloop.optim.AdamW(model.parameters(), lr=5e-3)

    for epoch in range(1, 41):
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
        if epoch % 10 == 0:
            with hotloop.no_grad():
                right = (model(x).argmax(dim=1) == y).sum().item()
            print(f"epoch {epoch}: loss {loss.item():.4f}, {right} of {len(y)} points right")

    assert right > 0.98 * len(y)


if __name__ == "__main__":
    main()
