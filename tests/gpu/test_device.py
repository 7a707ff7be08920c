"""What is the GPU's own: transfers, streams and events, memory, faults that kernels report; on a
GPU or on the emulator."""

from __future__ import annotations

import numpy as np
import pytest

import hotloop
from hotloop import cuda, nn

pytestmark = [
    pytest.mark.every_device,
    pytest.mark.skipif(not cuda.is_available(), reason=f"no GPU: {cuda.why_not()}"),
]


def test_tensors_move_and_come_back():
    x = hotloop.arange(6.0, device="cpu").reshape(2, 3)
    there = x.to("cuda")
    assert there.is_cuda
    assert there.device == hotloop.device("cuda:0")
    assert hotloop.equal(there.cpu(), x)
    assert hotloop.equal(there.t().cpu(), x.t())
    assert there.to("cuda") is there
    assert there.cuda(0) is there
    assert there.to("cpu", hotloop.int64).dtype == hotloop.int64
    assert there.tolist() == x.tolist()
    assert there[1, 2].item() == 5.0


def test_gradients_flow_across_devices():
    x = hotloop.tensor([1.0, 2.0], device="cpu", requires_grad=True)
    (x.to("cuda") ** 2).sum().backward()
    assert x.grad is not None
    assert x.grad.device == hotloop.device("cpu")
    assert x.grad.tolist() == [2.0, 4.0]
    scale = hotloop.tensor(3.0, device="cpu", requires_grad=True)  # a number of the host's among the GPU's tensors
    (hotloop.ones(4, device="cuda") * scale).sum().backward()
    assert scale.grad is not None
    assert scale.grad.item() == 4.0


def test_numpy_takes_no_gpu_memory():
    x = hotloop.ones(2, device="cuda")
    with pytest.raises(TypeError, match=r"can't convert cuda:0 device type tensor to numpy"):
        x.numpy()
    np.testing.assert_array_equal(x.numpy(force=True), [1.0, 1.0])


def test_what_overlaps_is_refused_or_read_before_it_is_written():
    x = hotloop.arange(300, device="cuda")
    with pytest.raises(RuntimeError, match="add_: unsupported operation: some elements of the input tensor"):
        x[1:].add_(x[:-1])
    column = x.reshape(150, 2)[:, 0]  # with gaps: extents don't tell
    column[1:].add_(column[:-1])
    assert column.tolist() == [0, *range(2, 596, 4)]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda F, x, y: F.multi_margin_loss(x, y), "multi_margin_loss: Target 4 is out of bounds"),
        (lambda F, x, y: F.multilabel_margin_loss(x, y.expand(4, 3).t()), "multilabel_margin_loss: Target 4"),
        (lambda F, x, y: F.one_hot(y, 4), "scatter: index 4 is out of bounds for dimension 1 with size 4"),
    ],
    ids=["multi_margin", "multilabel_margin", "one_hot"],
)
def test_targets_are_looked_at_by_the_gpu(act, message):
    x, y = hotloop.randn(3, 4, device="cuda"), hotloop.tensor([1, 0, 3], device="cuda")
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):  # in which the host can't look
        captured = act(nn.functional, x, y)
    graph.replay()
    cuda.synchronize()
    assert captured.cpu().equal(act(nn.functional, x, y).cpu())
    y[2] = 4
    act(nn.functional, x, y)
    with pytest.raises(IndexError, match=message):
        cuda.synchronize()


def test_mixed_devices_are_refused_by_name():
    with pytest.raises(RuntimeError, match="add: all tensors must be on one device, got cuda:0 and cpu"):
        hotloop.ones(2, device="cuda") + hotloop.ones(2, device="cpu")
    with pytest.raises(RuntimeError, match="device cuda:15 is not available: this machine has cuda:0"):
        hotloop.ones(2, device="cuda:15")


def test_an_index_out_of_range_is_raised_in_the_name_of_its_op():
    x = hotloop.ones(3, 2, device="cuda")
    with pytest.raises(IndexError, match="index_select: index 7 is out of bounds for dimension 0 with size 3"):
        hotloop.index_select(x, 0, hotloop.tensor([0, 7], device="cuda")).cpu()
    with pytest.raises(IndexError, match="cross_entropy: Target 5 is out of bounds"):
        nn.functional.cross_entropy(x, hotloop.tensor([0, 5, 1], device="cuda")).item()
    assert (x + 1).sum().item() == 12.0  # and the device goes on


def test_streams_and_events():
    stream, start, end = cuda.Stream(), cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    x = hotloop.ones(64, device="cuda")
    with cuda.stream(stream):
        assert cuda.current_stream().cuda_stream == stream.cuda_stream
        stream.wait_stream(cuda.ExternalStream(0))
        start.record()
        y = x * 2
        end.record()
    assert cuda.current_stream().cuda_stream != stream.cuda_stream
    end.synchronize()
    assert end.query()
    assert start.elapsed_time(end) >= 0
    cuda.current_stream().wait_stream(stream)
    assert y.sum().item() == 128.0
    mark = cuda.Event()
    mark.record()
    with pytest.raises(ValueError, match="elapsed_time: both events must be made with enable_timing=True"):
        start.elapsed_time(mark)


def test_memory_is_counted_and_given_back():
    cuda.synchronize()
    before = cuda.memory_allocated()
    cuda.reset_peak_memory_stats()
    x = hotloop.empty(1 << 16, device="cuda")
    assert cuda.memory_allocated() == before + (4 << 16)
    del x
    assert cuda.memory_allocated() == before
    assert cuda.max_memory_allocated() >= before + (4 << 16)
    cuda.empty_cache()


def test_out_of_memory_leaves_the_device_usable():
    bytes_wanted = 4 * cuda.get_device_properties().total_memory
    with pytest.raises(MemoryError, match=r"cannot allocate \d+ bytes on cuda:0"):
        hotloop.empty(bytes_wanted, dtype=hotloop.uint8, device="cuda")
    assert hotloop.ones(4, device="cuda").sum().item() == 4.0


def test_a_model_trains_to_the_cpus_losses():
    def losses(device: str) -> list[float]:
        hotloop.manual_seed(3)
        model = nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Dropout(0.25), nn.LayerNorm(16), nn.Linear(16, 4))
        model = model.to(device)
        optimizer = hotloop.optim.AdamW(model.parameters(), lr=1e-2)
        x, y = hotloop.randn(8, 6, device="cpu").to(device), (hotloop.arange(8, device="cpu") % 4).to(device)
        found = []
        for _ in range(4):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            found.append(loss.item())
        return found

    before = hotloop.get_default_device()
    hotloop.set_default_device("cpu")
    try:
        np.testing.assert_allclose(losses("cuda"), losses("cpu"), rtol=2e-5)
    finally:
        hotloop.set_default_device(before)


def test_random_numbers_are_the_cpus():
    for make in (hotloop.rand, hotloop.randn):
        hotloop.manual_seed(11)
        there = make(257, device="cuda")
        hotloop.manual_seed(11)
        assert hotloop.equal(there.cpu(), make(257, device="cpu"))


def test_poisson_numbers_are_the_cpus():
    rates = hotloop.tensor([0.0, 0.5, 3.0, 9.9, 10.0, 40.0, 1e4, float("inf")] * 40, device="cpu")
    for dtype in (hotloop.float32, hotloop.float64):
        hotloop.manual_seed(4)
        there = hotloop.poisson(rates.to(dtype).to("cuda"))
        hotloop.manual_seed(4)
        assert hotloop.equal(there.cpu(), hotloop.poisson(rates.to(dtype)))
    assert hotloop.poisson(hotloop.zeros(0, device="cuda")).shape == (0,)
    assert hotloop.poisson(hotloop.tensor([-1.0], device="cuda")).tolist() == [0.0]


@pytest.mark.parametrize(
    "act",
    [
        lambda x: hotloop.bernoulli(x),
        lambda x: hotloop.poisson(x),
        lambda x: hotloop.quantile(x, 0.3),
        lambda x: hotloop.quantile(x, x[0, :2], 1),
        lambda x: x.clone().bernoulli_(x),
    ],
    ids=["bernoulli", "poisson", "quantile", "quantiles", "bernoulli_"],
)
def test_values_are_not_asked_for(act):
    x = hotloop.rand(5, 6, device="cuda")
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):  # in which the host can't ask
        captured = act(x)
    hotloop.manual_seed(3)
    graph.replay()
    hotloop.manual_seed(3)
    assert captured.equal(act(x))


def test_probabilities_beyond_certainty():
    p = hotloop.tensor([-3.0, 0.0, 1.0, 2.5], device="cuda")
    assert hotloop.bernoulli(p).tolist() == [0.0, 0.0, 1.0, 1.0]


def test_a_source_too_short_is_reported():
    x, mask = hotloop.zeros(4, device="cuda"), hotloop.tensor([True, False, True, True], device="cuda")
    assert x.masked_scatter(mask, hotloop.arange(1.0, 9.0, device="cuda")).tolist() == [1.0, 0.0, 2.0, 3.0]
    x.masked_scatter(mask, hotloop.ones(2, device="cuda"))
    with pytest.raises(IndexError, match="gather: index 2 is out of bounds for dimension 0 with size 2"):
        cuda.synchronize()


@pytest.mark.parametrize("level", [1.5, 1.01, -0.01])
@pytest.mark.parametrize("interpolation", ["linear", "lower", "nearest"])
def test_levels_outside_are_reported(level: float, interpolation: str):
    x = hotloop.rand(5, device="cuda")
    with pytest.raises(RuntimeError, match=r"q values must be in the range \[0, 1\]"):
        x.quantile(level, interpolation=interpolation)
    x.quantile(hotloop.tensor([level], device="cuda"), interpolation=interpolation)
    with pytest.raises(IndexError, match="gather: index -1 is out of bounds"):
        cuda.synchronize()


def test_a_packed_weight_stays_where_it_is():
    layer = nn.Linear(5, 3, bias=False).to("cuda")
    packed = nn.PackedLinear(layer)
    x = hotloop.rand(2, 5, device="cuda")
    with hotloop.no_grad():
        wanted = layer(x)
        layer.weight.zero_()
        assert hotloop.equal(packed(x), wanted)
        with pytest.raises(RuntimeError, match="linear_packed: expected input on cuda:0 like the weight, got cpu"):
            packed(x.cpu())


def test_a_dtype_without_a_kernel_is_named():
    x = hotloop.ones(2, device="cuda")
    for kind in (NotImplementedError, TypeError, hotloop.DTypeError):
        with pytest.raises(kind, match="gcd: not implemented for dtype float32"):
            hotloop.gcd(x, x)
