"""The shared shapes are well formed: a tier and a reason each, no shape twice."""

import pytest

from support.cases import FOLDER, TIERS, case_id, cases_within, family

FAMILIES = sorted(path.stem for path in FOLDER.glob("*.json"))


def lists(name):
    """The lists of cases of a family's file."""
    return [value for value in family(name).values() if isinstance(value, list) and isinstance(value[0], dict)]


@pytest.mark.parametrize("name", FAMILIES)
def test_each_case_has_a_reason(name):
    assert lists(name)
    for cases in lists(name):
        for case in cases:
            assert case["reason"].strip(), case
            assert case.get("tier", "perf") in TIERS, case


@pytest.mark.parametrize("name", FAMILIES)
def test_no_case_stands_twice_in_a_tier(name):
    for cases in lists(name):
        seen = [(case.get("tier"), case_id(case)) for case in cases]
        assert len(seen) == len(set(seen)), [key for key in set(seen) if seen.count(key) > 1]


@pytest.mark.cases("matmul")
def test_tiers_select(case, request):
    assert case in cases_within("matmul", request.config.getoption("--tier"))
