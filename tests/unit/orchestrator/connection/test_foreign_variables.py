"""Variables of other tools that Ray and its libraries obey."""

from __future__ import annotations

import pytest

from orchestrator.cluster.ray_start import explain
from orchestrator.connection.foreign_variables import HARMLESS, foreign, may_be_the_cause


@pytest.mark.parametrize(
    "name", ["RAY_health_check_period_ms", "PYTHONPATH", "all_proxy", "HTTPS_PROXY", "LD_PRELOAD"]
)
def test_one_that_is_set_is_named_without_its_value(name: str) -> None:
    text = may_be_the_cause({name: "secret", "HOME": "/home/me"})
    assert name in text and "secret" not in text and "HOME" not in text


def test_what_tandem_gives_to_ray_and_what_is_empty_is_not_named() -> None:
    own = {**dict.fromkeys(HARMLESS, "x"), "PYTHONPATH": "", "no_proxy": "*"}
    assert foreign(own) == [] and may_be_the_cause(own) == ""


def test_they_follow_words_of_rays_that_are_not_known_and_no_others() -> None:
    assert explain("Check failed: x", ". HINT").endswith("Check failed: x. HINT")
    assert "HINT" not in explain("UNAUTHENTICATED", ". HINT")
    assert "nothing" in explain("", ". HINT")
