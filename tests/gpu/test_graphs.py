"""CUDA graphs: a captured training step replayed gives the eager one's numbers, and what can't be captured says so."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

import hotloop
from hotloop import cuda, nn

pytestmark = [
    pytest.mark.every_device,
    pytest.mark.skipif(not cuda.is_available(), reason=f"no GPU: {cuda.why_not()}"),
]

STEPS = 20


class Training:
    """A small model with dropout, its optimizer, and the static tensors that a captured step reads and writes."""

    def __init__(self, make: Callable[..., Any], schedule: bool = True) -> None:
        hotloop.manual_seed(5)
        self.model = nn.Sequential(
            nn.Linear(6, 16), nn.GELU(), nn.Dropout(0.25), nn.LayerNorm(16), nn.Linear(16, 4)
        ).to("cuda")
        self.rate = hotloop.tensor(0.05, device="cuda")
        self.optimizer = make(self.model.parameters(), self.rate)
        self.schedule = hotloop.optim.lr_scheduler.StepLR(self.optimizer, 3, 0.5) if schedule else None
        self.x = hotloop.zeros(8, 6, device="cuda")
        self.y = hotloop.zeros(8, dtype=hotloop.int64, device="cuda")
        self.mask = hotloop.zeros(8, 16, device="cuda")
        self.loss = hotloop.zeros((), device="cuda")

    def load(self, step: int) -> None:
        numbers = hotloop.Generator()
        numbers.manual_seed(100 + step)
        self.x.copy_(hotloop.randn(8, 6, generator=numbers, device="cpu"))
        self.y.copy_(hotloop.randint(0, 4, (8,), generator=numbers, device="cpu"))

    def step(self) -> None:
        self.optimizer.zero_grad()
        hidden = self.model[2](self.model[1](self.model[0](self.x)))
        self.mask.copy_((hidden == 0).float())
        loss = nn.functional.cross_entropy(self.model[4](self.model[3](hidden)), self.y)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 0.5)
        self.optimizer.step()
        self.loss.copy_(loss.detach())

    def run(self, captured: bool) -> tuple[list[float], list[list[float]], list[list[float]]]:
        """Losses, masks of dropout, and the parameters at the end; the first step is eager in any case."""
        losses, masks = [], []
        do: Callable[[], None] = self.step
        for step in range(1 + STEPS):
            self.load(step)
            if step == 1 and captured:
                graph = cuda.CUDAGraph()
                with cuda.graph(graph):
                    self.step()
                do = graph.replay
            do()
            if self.schedule is not None:
                self.schedule.step()
            losses.append(self.loss.item())
            masks.append(self.mask.flatten().tolist())
        return losses, masks, [p.detach().flatten().tolist() for p in self.model.parameters()]


OPTIMIZERS = {
    "adamw": lambda params, lr: hotloop.optim.AdamW(params, lr, weight_decay=0.1, capturable=True),
    "adam_amsgrad": lambda params, lr: hotloop.optim.Adam(params, lr, amsgrad=True, capturable=True),
    "sgd_momentum": lambda params, lr: hotloop.optim.SGD(params, lr, momentum=0.9, weight_decay=0.01),
    "nadam": lambda params, lr: hotloop.optim.NAdam(params, lr, capturable=True),
    "radam": lambda params, lr: hotloop.optim.RAdam(params, lr, capturable=True),
    "adamax": lambda params, lr: hotloop.optim.Adamax(params, lr, capturable=True),
    "rmsprop": lambda params, lr: hotloop.optim.RMSprop(params, lr, momentum=0.5, capturable=True),
    "adadelta": lambda params, lr: hotloop.optim.Adadelta(params, lr, capturable=True),
    "lion": lambda params, lr: hotloop.optim.Lion(params, lr),
    "adagrad": lambda params, lr: hotloop.optim.Adagrad(params, lr, lr_decay=0.3),
    "asgd": lambda params, lr: hotloop.optim.ASGD(params, lr, lambd=0.1, t0=2, weight_decay=0.01, capturable=True),
    "adafactor": lambda params, lr: hotloop.optim.Adafactor(params, lr, weight_decay=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_replayed_step_is_the_eager_one(name: str):
    eager, replayed = (Training(OPTIMIZERS[name]).run(captured) for captured in (False, True))
    assert replayed == eager
    losses, masks, _ = replayed
    assert len(set(losses)) == len(losses)
    assert len({tuple(mask) for mask in masks}) == len(masks)
    assert all(0 < sum(mask) < len(mask) for mask in masks)


def test_a_schedule_reaches_the_replays():
    with_schedule = Training(OPTIMIZERS["adamw"]).run(True)
    without = Training(OPTIMIZERS["adamw"], schedule=False).run(True)
    assert with_schedule[0][:4] == without[0][:4]
    assert with_schedule[0][5] != without[0][5]


@pytest.mark.parametrize(
    ("make", "digits"),
    [
        (hotloop.optim.AdamW, 0),
        (hotloop.optim.RAdam, 0),
        (hotloop.optim.Adamax, 0),
        (hotloop.optim.NAdam, 1e-6),
        (hotloop.optim.RMSprop, 0),
        (functools.partial(hotloop.optim.ASGD, lambd=0.1, t0=2), 1e-6),
    ],
)
def test_counts_on_the_gpu_give_the_numbers_of_the_hosts(make: Any, digits: float):
    def parameters(**settings: Any) -> list[float]:
        p = nn.Parameter(hotloop.linspace(-1, 1, 40, device="cuda"))
        optimizer = make([p], lr=0.25, **settings)
        for step in range(8):
            p.grad = (p.detach() * 3 + step).sin()
            optimizer.step()
        return p.detach().tolist()

    assert parameters(capturable=True) == pytest.approx(parameters(), rel=digits or 4e-7, abs=1e-7)


@pytest.mark.parametrize(
    "make",
    [
        functools.partial(hotloop.optim.Adagrad, lr_decay=0.5, initial_accumulator_value=0.1),
        functools.partial(hotloop.optim.Adafactor, beta2_decay=-0.5, eps=(1e-8, 0.1)),
    ],
    ids=["adagrad", "adafactor"],
)
def test_rates_made_on_the_gpu_are_the_cpus(make: Any):
    def parameters(device: str) -> list[float]:
        p = nn.Parameter(hotloop.linspace(-1, 1, 40, device=device).reshape(5, 8))
        optimizer = make([p], lr=0.25)
        for step in range(6):
            p.grad = (p.detach() * 3 + step).sin()
            optimizer.step()
            if step == 3:
                saved = optimizer.state_dict()
                optimizer = make([p], lr=0.25)
                optimizer.load_state_dict(saved)
        return p.detach().flatten().tolist()

    assert parameters("cuda") == pytest.approx(parameters("cpu"), rel=1e-5, abs=1e-6)


def test_counts_on_the_gpu_are_saved_and_restored():
    def make() -> tuple[Any, Any]:
        p = nn.Parameter(hotloop.linspace(-1, 1, 7, device="cuda"))
        return p, hotloop.optim.AdamW([p], lr=0.1, capturable=True)

    p, optimizer = make()
    for _ in range(3):
        p.grad = p.detach() * 2
        optimizer.step()
    saved = optimizer.state_dict()
    assert saved["state"][0]["step"].item() == 3.0
    assert saved["state"][0]["step"].is_cuda
    q, other = make()
    q.detach().copy_(p.detach())
    other.load_state_dict(saved)
    for param, own in ((p, optimizer), (q, other)):
        param.grad = param.detach() * 3
        own.step()
    assert q.tolist() == p.tolist()
    assert other.state[q]["step"].item() == 4.0
    assert saved["state"][0]["step"].item() == 3.0  # as it was


def test_parameters_that_miss_a_step_count_their_own():
    def steps(capturable: bool) -> list[Any]:
        params = [nn.Parameter(hotloop.ones(3, device="cuda")) for _ in range(2)]
        optimizer = hotloop.optim.Adam(params, lr=0.1, capturable=capturable)
        for step in range(4):
            params[0].grad = params[0].detach() * 2
            params[1].grad = params[1].detach() * 2 if step != 1 else None
            optimizer.step()
        return [p.tolist() for p in params] + [int(optimizer.state[p]["step"]) for p in params]

    assert steps(True) == steps(False)
    assert steps(True)[2:] == [4, 3]


def test_memory_of_a_graph_stays_its_own():
    x = hotloop.ones(1000, device="cuda")
    graph = cuda.CUDAGraph()
    before = cuda.memory_allocated()
    with cuda.graph(graph):
        y = (x + 1) * 2 + 1  # of which the middle is let go, and used again
    assert cuda.memory_allocated() == before + 4000
    others = [hotloop.full((1000,), 7.0, device="cuda") for _ in range(4)]
    graph.replay()
    assert y.tolist() == [5.0] * 1000
    assert all(other.tolist() == [7.0] * 1000 for other in others)
    x.fill_(2)
    graph.replay()
    assert y[0].item() == 7.0
    graph.reset()
    assert y[0].item() == 7.0  # a tensor keeps its memory
    with pytest.raises(RuntimeError, match="replay: no graph was captured"):
        graph.replay()
    del y
    assert cuda.memory_allocated() == before + 4 * 4000


def test_graphs_share_a_pool():
    pool = cuda.graph_pool_handle()
    x = hotloop.ones(64, device="cuda")
    first, second = cuda.CUDAGraph(), cuda.CUDAGraph()
    with cuda.graph(first, pool=pool):
        y = x * 3
    with cuda.graph(second, pool=first.pool()):
        z = y + 1
    first.replay()
    second.replay()
    assert z.tolist() == [4.0] * 64


def test_what_is_freed_while_capturing_is_given_back_after():
    stream = cuda.Stream()
    with cuda.stream(stream):
        old = hotloop.ones(500, device="cuda")
    graph = cuda.CUDAGraph()
    with cuda.graph(graph, stream=stream):
        y = hotloop.ones(10, device="cuda") + 1
        del old
    graph.replay()
    assert y.tolist() == [2.0] * 10


def test_streams_that_are_forked_and_joined_are_captured_too():
    main, side = cuda.Stream(), cuda.Stream()
    x = hotloop.ones(32, device="cuda")
    graph = cuda.CUDAGraph()
    with cuda.graph(graph, stream=main):
        y = x + 1
        side.wait_stream(main)
        with cuda.stream(side):
            assert cuda.is_current_stream_capturing()
            z = y * 5
        main.wait_stream(side)
        z = z + y
    graph.replay()
    assert z.tolist() == [12.0] * 32

    def never_joined() -> None:
        with cuda.graph(graph, stream=main):
            side.wait_stream(main)
            with cuda.stream(side):
                x * 5

    with pytest.raises(RuntimeError, match="capture"):
        never_joined()
    assert (x + 1).sum().item() == 64.0


def forbidden() -> dict[str, tuple[Callable[[Any], Any], str]]:
    return {
        "item": (lambda x: x.sum().item(), "item: the host can't read"),
        "tolist": (lambda x: x.tolist(), "the host can't read"),
        "cpu": (lambda x: x.cpu(), "the host can't read"),
        "bool": (lambda x: bool(x.sum() > 0), "the host can't read"),
        "nonzero": (lambda x: x.nonzero(), "nonzero: the host can't read"),
        "masked_select": (lambda x: x.masked_select(x > 0), "masked_select: the host can't read"),
        "to": (lambda x: hotloop.ones(3, device="cpu").to("cuda"), "to: what the host has can't be copied to the GPU"),
        "tensor": (lambda x: hotloop.tensor([1.0, 2.0], device="cuda"), "what the host has can't be copied"),
        "synchronize": (lambda x: cuda.synchronize(), "can't wait for cuda:0 while a CUDA graph is captured"),
        "stream": (lambda x: cuda.current_stream().synchronize(), "the host can't wait while a CUDA graph"),
        "generator": (
            lambda x: x.normal_(generator=hotloop.Generator("cuda")),
            "random numbers of a graph that is captured are the default generator's",
        ),
        "first_step": (
            lambda x: take_step(hotloop.optim.Adam([nn.Parameter(x)], capturable=True)),
            "the first step of an optimizer can't be captured",
        ),
    }


def take_step(optimizer: Any) -> None:
    for group in optimizer.param_groups:
        for param in group["params"]:
            param.grad = hotloop.ones_like(param.detach())
    optimizer.step()


@pytest.mark.parametrize("name", forbidden())
def test_what_cannot_be_captured_says_so_and_leaves_the_process_usable(name: str):
    do, message = forbidden()[name]
    x = hotloop.ones(3, device="cuda")
    graph = cuda.CUDAGraph()

    def capture() -> None:
        with cuda.graph(graph):
            y = x + 1
            do(y)

    with pytest.raises(RuntimeError, match=message):
        capture()
    assert not cuda.is_current_stream_capturing()
    assert (x + 1).tolist() == [2.0] * 3
    with cuda.graph(graph):
        z = x * 4
    graph.replay()
    assert z.tolist() == [4.0] * 3


def test_a_step_that_counts_on_the_host_is_refused():
    optimizer = hotloop.optim.AdamW([nn.Parameter(hotloop.ones(3, device="cuda"))])
    take_step(optimizer)
    with pytest.raises(RuntimeError, match=r"adam_step: .*capturable=True"), cuda.graph(cuda.CUDAGraph()):
        take_step(optimizer)


def test_rates_of_the_host_are_refused():
    optimizer = hotloop.optim.ASGD([nn.Parameter(hotloop.ones(3, device="cuda"))])
    take_step(optimizer)
    with pytest.raises(RuntimeError, match=r"ASGD: .*capturable=True"), cuda.graph(cuda.CUDAGraph()):
        take_step(optimizer)


def test_a_failed_op_leaves_the_capture_as_it_is():
    x = hotloop.ones(3, device="cuda")
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        y = x + 1
        with pytest.raises(RuntimeError, match="the host can't read"):
            y.sum().item()
        y = y * 2
    graph.replay()
    assert y.tolist() == [4.0] * 3


def test_the_wrong_use_of_a_graph_is_told():
    graph = cuda.CUDAGraph()
    with pytest.raises(RuntimeError, match="replay: no graph was captured"):
        graph.replay()
    with pytest.raises(RuntimeError, match="capture_end: no capture was begun"):
        graph.capture_end()
    with pytest.raises(RuntimeError, match="captur"):
        graph.capture_begin()  # the default stream
    assert not cuda.is_current_stream_capturing()
    stream = cuda.Stream()
    with cuda.stream(stream):
        graph.capture_begin()
        assert cuda.is_current_stream_capturing()
        with pytest.raises(RuntimeError, match="capture_begin"):
            cuda.CUDAGraph().capture_begin()
        graph.capture_end()
    graph.replay()


@pytest.mark.parametrize("bags", [False, True])
def test_embeddings_that_are_scaled_are_captured(bags: bool):
    layer = nn.EmbeddingBag if bags else nn.Embedding
    table: Any = layer(7, 4, max_norm=1.0, scale_grad_by_freq=True, padding_idx=2).to("cuda")
    start, index = table.weight.detach().clone(), hotloop.tensor([[1, 1, 2], [5, 1, 6]], device="cuda")

    def step() -> Any:
        table.weight.grad = None
        table(index).square().sum().backward()
        return table.weight.grad

    eager = step().tolist()
    lengths = table.weight.norm(dim=1).tolist()
    assert all(lengths[row] <= 1 + 1e-6 for row in (1, 5, 6))
    assert table.weight[2].tolist() == start[2].tolist()
    table.weight.detach().copy_(start)
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        captured = step()
    graph.replay()
    assert captured.tolist() == eager
