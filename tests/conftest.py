"""Options and fixtures of the whole suite.

``pytest --device cuda`` runs it on the GPU; ``--tier full`` takes the long list of shared cases.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from support.cases import TIERS, case_id, cases_within

ISAS = ("baseline", "avx2", "avx512", "avx512_bf16", "avx512_amx")  # each includes the ones before it


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", choices=("cpu", "cuda"), default="cpu", help="device that tests run on")
    parser.addoption("--tier", choices=TIERS, default="quick", help="longest list of shared cases to take")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "every_device: runs with --device cuda too, on tensors of the default device")
    config.addinivalue_line(
        "markers",
        "cases(list): runs the test once for each shared case within --tier, as its argument `case`",
    )
    if config.getoption("--device") == "cuda":
        import hotloop

        if not hotloop.cuda.is_available():
            raise pytest.UsageError(f"--device cuda: {hotloop.cuda.why_not()}")
        hotloop.set_default_device("cuda")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On a GPU, the tests that are the same on every device: the others are about the CPU."""
    if config.getoption("--device") == "cpu":
        return
    chosen: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        (chosen if item.get_closest_marker("every_device") else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = chosen


def pytest_collection_finish() -> None:
    """The collector walks no more through what stays until the end: a tenth of the time of short tests."""
    gc.collect()
    gc.freeze()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("cases")
    if marker is not None:
        cases = cases_within(marker.args[0], metafunc.config.getoption("--tier"))
        metafunc.parametrize("case", cases, ids=case_id)
    if "isa" in metafunc.fixturenames:
        metafunc.parametrize("isa", _machine_isas(), indirect=True)


def _machine_isas() -> list[str]:
    from hotloop import _core

    compiled = _core.build_info()["instruction_sets"].split()
    within_reach = ISAS[: ISAS.index(_core.detected_isa()) + 1]
    return [isa for isa in within_reach if isa in compiled]


@pytest.fixture
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs the test on each instruction set that this machine and this build have."""
    from hotloop import _core

    before = _core.active_isa()
    _core.cap_isa(request.param)
    yield request.param
    _core.cap_isa(before)


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """The device that the suite runs on."""
    return str(request.config.getoption("--device"))
