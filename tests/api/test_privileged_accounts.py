"""The API and HR's list of starters to accept say the same about every kind of account that IT handles."""

from __future__ import annotations

import json

import pytest

from tests.cases.test_verdict_cases import KINDS, forget_everything_cached, without_differences

PATH = "starters/servicenow/RITM0000001"


@pytest.fixture
def words_about(add, call, browser_of, run_jobs, tenant, policy_says, allowed):
    """Everything that the other system and HR read about an account of this kind."""

    def words(kind: str) -> list[str]:
        KINDS[kind](tenant.tenant.accounts["noor"], lambda **how: policy_says(**how))
        forget_everything_cached()
        said = [add().content.decode()]
        run_jobs()
        said += [
            call("GET", PATH).content.decode(),
            browser_of("hanna").get("/hr/to-accept/").content.decode(),
        ]
        said += [call("GET", "starters").content.decode()]
        return [without_differences(each) for each in said]

    return words


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
def test_one_code_for_every_kind(words_about, kind):
    put, read, page, _ = words_about(kind)

    for answer in (put, read):
        body = json.loads(answer)
        codes = [obstacle["code"] for obstacle in body["obstacles"]]
        assert codes == ["recorder_is_a_person", "handled_by_it"], kind
        assert body["nextActor"] == "hr"
    assert "The portal cannot create a pass for this account." in page
    assert " checked" not in page.partition("<table")[2].partition("</table")[0]
