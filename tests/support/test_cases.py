"""The shared shapes are well formed: a tier and a reason each, no shape twice."""

import pytest

from support.cases import FOLDER, TIERS, case_id, cases_within, family

FAMILIES = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", FAMILIES)
def test_each_case_has_a_tier_and_a_reason(name):
    cases = family(name)["cases"]
    assert cases
    for case in cases:
        assert case["tier"] in TIERS, case
        assert case["reason"].strip(), case


@pytest.mark.parametrize("name", FAMILIES)
def test_no_case_stands_twice_in_a_tier(name):
    seen = [(case["tier"], case_id(case)) for case in family(name)["cases"]]
    assert len(seen) == len(set(seen)), [key for key in set(seen) if seen.count(key) > 1]


@pytest.mark.cases("matmul")
def test_tiers_select(case, request):
    assert case in cases_within("matmul", request.config.getoption("--tier"))
