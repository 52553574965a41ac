"""The [gate] table: what is accepted, and the words for what is not."""

import pytest

from harness.errors import ConfigError
from harness.gating import GateConfig, Rule, parse_gate

RULE = {"metric": "squad.f1", "max_drop": 0.02}


def test_a_full_table() -> None:
    config = parse_gate(
        {
            "baseline": "runs/main",
            "alpha": 0.1,
            "mode": "sequential",
            "inconclusive": "pass",
            "rule": [
                RULE,
                {"metric": "bbq.ambiguous_bias", "max": 0.1},
                {"metric": "crows_pairs.stereotype_share", "target": 0.5, "tolerance": 0.05},
                {"metric": "sst2.accuracy", "min": 0.8, "max_drop": 0},
                {"metric": "sst2.mcc", "min_gain": 0.1, "pass_unless_broken": True},
                {"metric": "winobias.gap@0", "min_gain": 0},
            ],
        }
    )
    assert config == GateConfig(
        (
            Rule("squad.f1", "max_drop", 0.02),
            Rule("bbq.ambiguous_bias", "max", 0.1),
            Rule("crows_pairs.stereotype_share", "target", 0.5, 0.05),
            Rule("sst2.accuracy", "min", 0.8),
            Rule("sst2.accuracy", "max_drop", 0.0),
            Rule("sst2.mcc", "min_gain", 0.1, pass_unless_broken=True),
            Rule("winobias.gap", "min_gain", 0.0, ideal=0.0),
        ),
        0.1,
        "sequential",
        "pass",
        "runs/main",
    )


def test_the_defaults() -> None:
    config = parse_gate({"rule": [RULE]})
    assert (config.alpha, config.mode, config.inconclusive, config.baseline) == (
        0.05,
        "fixed",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "no rule"),
        ({"rule": []}, "no rule"),
        ({"rule": RULE}, "no rule"),
        ({"rule": ["squad.f1"]}, "expected a table"),
        ({"alpha": 0, "rule": [RULE]}, "alpha = 0 is outside"),
        ({"alpha": 1, "rule": [RULE]}, "alpha = 1 is outside"),
        ({"alpha": "5%", "rule": [RULE]}, "alpha = '5%', expected a number"),
        ({"alpha": True, "rule": [RULE]}, "expected a number"),
        ({"alpha": float("nan"), "rule": [RULE]}, "expected a number"),
        ({"alfa": 0.05, "rule": [RULE]}, "Did you mean alpha"),
        ({"mode": "sequental", "rule": [RULE]}, "expected 'fixed' or 'sequential'"),
        ({"mode": 3, "rule": [RULE]}, "mode = 3"),
        ({"inconclusive": "wran", "rule": [RULE]}, "expected 'fail' or 'warn' or 'pass'"),
        ({"baseline": 3, "rule": [RULE]}, "expected a path"),
        ({"max_missing": -1, "rule": [RULE]}, "max_missing = -1"),
        ({"population": "benchmark", "rule": [RULE]}, 'needs mode = "sequential"'),
        ({"series": "a/b", "rule": [RULE]}, "no name for a file"),
        ({"builds": 20, "rule": [RULE]}, "builds without series"),
        ({"rule": [RULE | {"tier": "advisory"}]}, "no blocking rule"),
        ({"rule": [RULE | {"tier": "advise"}]}, "'supporting' or 'advisory'"),
        ({"rule": [{"metric": "a.b", "max_relative_drop": 1.5}]}, "a share below 1"),
        ({"rule": [{"metric": "a.b@x", "max_drop": 0.1}]}, "'x' in 'a.b@x' is not a number"),
        ({"rule": [{"metric": "a.b@0", "min": 0.1}]}, "min does not apply to a.b@0"),
        ({"max_unscored": 2, "rule": [RULE]}, "max_unscored = 2"),
        ({"rule": [{"metric": "a.b@0", "max_relative_drop": 0.1}]}, "min_gain"),
        ({"rule": [{"metric": "a.b", "min_gain": -0.1}]}, "min_gain = -0.1, expected at least 0"),
        ({"rule": [RULE | {"pass_unless_broken": 1}]}, "expected true or false"),
        ({"rule": [{"metric": "squad.f1"}]}, "has no condition"),
        ({"rule": [{"max_drop": 0.1}]}, "expected TASK.METRIC"),
        ({"rule": [{"metric": "f1", "max_drop": 0.1}]}, "expected TASK.METRIC"),
        ({"rule": [{"metric": "squad.f1", "max_dorp": 0.1}]}, "Did you mean max_drop"),
        ({"rule": [{"metric": "squad.f1", "max_drop": "2"}]}, "max_drop = '2'"),
        ({"rule": [{"metric": "squad.f1", "max_drop": -0.1}]}, "at least 0"),
        ({"rule": [{"metric": "a.b", "target": 0.5}]}, "tolerance is missing"),
        ({"rule": [{"metric": "a.b", "target": 0.5, "tolerance": -1}]}, "at least 0"),
        ({"rule": [{"metric": "a.b", "max": 1, "tolerance": 1}]}, "tolerance without target"),
        ({"rule": [{"metric": "a.b", "min": 0.6, "max": 0.4}]}, "nothing can pass"),
        ({"rule": [RULE, RULE]}, "two max_drop rules"),
    ],
)
def test_mistakes_are_named(table: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_gate(table)
    assert words in str(caught.value)


def test_the_hash_holds_alpha_margins_mode_and_n() -> None:
    base = {"rule": [RULE]}
    hashes = {
        parse_gate(table).sha256(planned)
        for table, planned in (
            (base, {"squad": 100}),
            (base, {"squad": 101}),
            (base | {"alpha": 0.01}, {"squad": 100}),
            (base | {"mode": "sequential"}, {"squad": 100}),
            ({"rule": [RULE | {"max_drop": 0.03}]}, {"squad": 100}),
        )
    }
    assert len(hashes) == 5
    one, other = (parse_gate(base | {"baseline": name}) for name in ("a", "b"))
    assert one.sha256({"squad": 1}) == other.sha256({"squad": 1})
