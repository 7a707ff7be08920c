"""The probes on this machine: they run, scale with the work, and refuse what they cannot do."""

import pytest

from hotloop import _core
from hotloop.bench.machine import cache_sizes
from hotloop.bench.roofline import ComputeRoof, MemoryRoof, Work, levels, roof_of


def best(roof, windows=5):
    return max(roof.rate() for _ in range(windows))


def test_compute_peaks_of_each_instruction_set(isa):
    single, double = ComputeRoof(1.0, "float32", 1), ComputeRoof(1.0, "float64", 1)
    suffix = "avx512" if isa.startswith("avx512") else isa
    assert single.kernel == f"peak_f32_{suffix}"
    assert double.kernel == f"peak_f64_{suffix}"
    # Twice the lanes; the margin is for a busy machine.
    assert 1.2 < best(single) / best(double) < 3.5
    bf16 = ComputeRoof(1.0, "bfloat16", 1)
    own = isa in ("avx512_bf16", "avx512_amx")
    assert bf16.kernel == (f"peak_bf16_{isa}" if own else single.kernel)


def test_streams_of_each_instruction_set(isa):
    suffix = "avx512" if isa.startswith("avx512") else isa
    for stream in ("read", "copy", "triad", "update"):
        roof = MemoryRoof(1.0, stream, 1 << 20, 1)
        assert roof.kernel == f"stream_{stream}_{suffix}"
        assert best(roof, 2) > 1e8


@pytest.mark.parametrize("stream", ["read", "copy", "triad", "update"])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_stream_bytes_are_those_asked_for(stream, threads):
    probe = _core._StreamProbe(stream, 1 << 20, threads)
    touched = probe.bytes / 2 if stream == "update" else probe.bytes
    assert 0.99 * (1 << 20) < touched <= 1 << 20
    for way in ("plain", "around", "ahead"):
        assert probe.run(2, way) > 0


def test_time_grows_with_the_work():
    probe = _core._ComputeProbe("float32", 1)
    few = min(probe.run(20_000) for _ in range(7))
    many = min(probe.run(200_000) for _ in range(7))
    assert 5 < many / few < 20


def test_flops_count_all_threads():
    assert _core._ComputeProbe("float64", 3).flops == 3 * _core._ComputeProbe("float64", 1).flops
    assert _core._ComputeProbe("float64", 2).run(1000) > 0


def test_caches_are_faster_than_memory():
    footprints = levels()
    assert list(footprints.values()) == sorted(footprints.values())
    assert footprints["DRAM"] > 2 * cache_sizes()[2]
    assert best(MemoryRoof(1.0, "read", footprints["L1"], 1)) > best(MemoryRoof(1.0, "read", footprints["DRAM"], 1))


def test_the_roof_that_binds():
    assert roof_of(Work(1e9, 1e3, 1e3, "float32"), 1).binds == "compute"
    assert roof_of(Work(1.0, 1e6, 1e6, "float32"), 1).binds == "memory"
    assert roof_of(Work(0.0, 1e6, 1e6, "float32"), 1).binds == "memory"
    assert roof_of(Work(0.0, 0.0, 0.0, "float32"), 1) is None


@pytest.mark.parametrize(
    ("read", "written", "stream"),
    [(4.0, 0.0, "read"), (8.0, 1.0, "read"), (2.0, 1.0, "triad"), (1.0, 1.0, "copy"), (4.0, 3.0, "copy")],
)
def test_the_stream_nearest_to_the_work(read, written, stream):
    assert Work(0.0, read, written, "float32").stream == stream
    assert Work(0.0, read, written, "float32", in_place=written).stream == ("update" if written else stream)


def test_what_cannot_be_probed_is_refused():
    with pytest.raises(
        TypeError, match="ComputeProbe: dtype is int32; float16, bfloat16, float32 or float64 is wanted"
    ):
        _core._ComputeProbe("int32", 1)
    with pytest.raises(TypeError, match="expected a dtype or its name"):
        _core._ComputeProbe("f32", 1)
    with pytest.raises(ValueError, match="StreamProbe: stream is 'scale'; read, copy, triad or update is wanted"):
        _core._StreamProbe("scale", 4096, 1)
    with pytest.raises(ValueError, match="StreamProbe: footprint is 100; at least 1536 bytes are wanted for 3 arrays"):
        _core._StreamProbe("triad", 100, 1)
    with pytest.raises(ValueError, match="StreamProbe: way is 'back'; plain, around or ahead is wanted"):
        _core._StreamProbe("read", 4096, 1).run(1, "back")
    with pytest.raises(ValueError, match="threads is 0; at least 1 is wanted"):
        _core._ComputeProbe("float32", 0)
