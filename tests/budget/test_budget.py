"""What a study may write as its budget."""

from __future__ import annotations

import dataclasses

import pytest

from archlab.budget import Budget, Cost, parse_budget
from archlab.foundation import UserError, read_yaml_text


@pytest.mark.parametrize(
    ("written", "budget"),
    [
        ("2.5M", Budget(2_500_000)),
        ("2500000", Budget(2_500_000)),
        ("2.5e6", Budget(2_500_000)),
        ("300k", Budget(300_000)),
        ("1.0005 M", Budget(1_000_500)),
        ("none", Budget(None, fit="none")),
        ("null", Budget()),
        ("{macs: 300M}", Budget(2_500_000, 300_000_000)),
        ("{params: none, macs: 1G}", Budget(None, 10**9)),
        ("{params: 2M, of: deployed, fit: none}", Budget(2_000_000, None, "deployed", "none")),
        ("{fit: {params: width}}", Budget()),
        ("{macs: 3M, fit: {params: width, macs: depth}}", Budget(macs=3_000_000, second=("depth",))),
        ("{macs: 3M, fit: {macs: [patch, features]}}", Budget(macs=3_000_000, second=("patch", "features"))),
        ("{macs: {like: starnet}, fit: {macs: depth}}", Budget(macs_like="starnet", second=("depth",))),
        ("{peak_memory: 64K}", Budget(peak_memory=64 * 1024)),
        ("{latency: 5ms}", Budget(latency=5.0)),
        ("{params: 1M, latency: 0.5 ms}", Budget(1_000_000, latency=0.5)),
        ("{params: none, latency: 5s}", Budget(None, latency=5000.0)),
        ("{latency: none}", Budget()),
        ("{peak_memory: 256 KiB, flash: 1.5M}", Budget(peak_memory=256 * 1024, flash=3 * 512 * 1024)),
        ("{peak_memory: 70000, flash: 512kB}", Budget(peak_memory=70_000, flash=512 * 1024)),
    ],
)
def test_values(written, budget):
    assert parse_budget(read_yaml_text(f"budget: {written}", "study.yaml")["budget"]) == budget


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("0", "budget must be a whole number above 0, such as 2500000, 300k or 2.5M, or none, not 0"),
        ("-5", "above 0"),
        ("2.5", "whole number"),
        ("0.0001k", "whole number"),
        ("2.5 million", "whole number"),
        ("2,500,000", "whole number"),
        ("true", "not True"),
        ("[2M]", "whole number"),
        ("nono", "did you mean 'none'"),
        ("{parms: 2M}", "a budget has no key 'parms' - did you mean 'params'"),
        ("{params: 2M, of: deplyed}", "of must be trained or deployed, not 'deplyed' - did you mean 'deployed'"),
        ("{fit: with}", "fit must be width or none, not 'with' - did you mean 'width'"),
        ("{macs: 0}", "budget: macs must be a whole number above 0"),
        (
            "{macs: 3M, fit: {macs: depht}}",
            "must be depth, patch, resolution or features, not 'depht' - did you mean 'depth'",
        ),
        ("{macs: 3M, fit: {params: depth}}", "params must be width, not 'depth'"),
        ("{macs: 3M, fit: {mac: depth}}", "fit has no key 'mac' - did you mean 'macs'"),
        ("{fit: {params: width, macs: depth}}", "to fit depth beside the width, it needs both params and macs"),
        (
            "{params: none, macs: 3M, fit: {macs: depth}}",
            "to fit depth beside the width, it needs both params and macs",
        ),
        ("{params: none, macs: {like: starnet}}", "need params"),
        ("{macs: {lik: starnet}}", "macs has no key 'lik' - did you mean 'like'"),
        ("{second: [depth]}", "a budget has no key 'second'"),
        (
            "{peak_memory: 64Q}",
            "a budget: peak_memory must be a whole number of bytes above 0, such as 262144, 256K or 1M, or none, not '64Q'",
        ),
        ("{flash: 0.3}", "flash must be a whole number of bytes above 0"),
        ("{params: 2MB}", "params must be a whole number above 0, such as 2500000"),
        *(
            (
                f"{{latency: {wrong}}}",
                "latency must be a time above 0 with its unit, such as 5ms or 0.1s, or none, not",
            )
            for wrong in ("5", "-1ms", "0ms", "0.0 s", "5m", "ms", "5 msec", "[5ms]", "true", "1e3ms", "nanms")
        ),
        ("{latencies: 5ms}", "a budget has no key 'latencies' - did you mean 'latency'"),
        ("{peak_mem: 64K}", "a budget has no key 'peak_mem' - did you mean 'peak_memory'"),
    ],
)
def test_errors_are_one_line_with_the_place(written, message):
    document = read_yaml_text(f"name: x\nbudget: {written}", "study.yaml")
    with pytest.raises(UserError) as caught:
        parse_budget(document["budget"], document.where("budget"))
    assert str(caught.value).startswith("study.yaml:2: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


COST = Cost(
    params=100,
    params_without_classifier=90,
    params_deployed=60,
    macs=1000,
    activations=10,
    macs_deployed=500,
    peak_memory=2048,
)


@pytest.mark.parametrize(
    ("budget", "allowed"),
    [
        (Budget(100), True),
        (Budget(99), False),
        (Budget(60, of="deployed"), True),
        (Budget(59, of="deployed"), False),
        (Budget(None), True),
        (Budget(100, 1000), True),
        (Budget(100, 999), False),
        (Budget(100, 500, of="deployed"), True),
        (Budget(100, 499, of="deployed"), False),
        (Budget(100, peak_memory=2048), True),
        (Budget(100, peak_memory=2047), False),
        (Budget(100, flash=60), True),
        (Budget(100, flash=59), False),
    ],
)
def test_limits_include_their_value(budget, allowed):
    assert budget.allows(COST) is allowed


def test_a_budget_in_words():
    assert str(Budget(2_500_000, 300_000_000)) == "2,500,000 parameters and 300,000,000 MACs"
    assert Budget(None, 5, of="deployed").describe(COST) == "500 MACs"
    small = Budget(2_500_000, peak_memory=64 * 1024, flash=1024**2)
    assert str(small) == "2,500,000 parameters, 64 KiB of peak memory and 1,024 KiB of flash"
    assert small.describe(COST) == "100 parameters, 2 KiB of peak memory and 0.1 KiB of flash"
    quick = Budget(2_500_000, latency=0.5)
    assert str(quick) == "2,500,000 parameters and 0.5 ms of latency" and quick.describe(COST) == "100 parameters"
    assert str(Budget(None, latency=5000.0)) == "5000 ms of latency" and Budget(None, latency=5.0).share(COST) is None


def test_a_memory_that_nobody_knows_is_said():
    unknown = dataclasses.replace(COST, peak_memory=None)
    assert Budget(100).allows(unknown)
    with pytest.raises(UserError, match="needs blocks whose `tally` says what memory they need"):
        Budget(100, peak_memory=1).allows(unknown)
