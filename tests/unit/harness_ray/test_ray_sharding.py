from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.authoring.io import serialization
from harness.testing import keyed
from harness.types import Classify, Generate, Loglikelihood, Message, Request, Sampling
from harness_ray import sharding

text = st.text(alphabet="ab \udc80é", max_size=12)
prompts = st.one_of(
    text, st.lists(st.builds(Message, st.just("user"), text), min_size=1, max_size=2).map(tuple)
)
requests = st.lists(
    st.one_of(
        st.builds(Loglikelihood, prompts, text),
        st.builds(Generate, prompts, st.builds(Sampling, st.integers(1, 9))),
        st.builds(Classify, text, st.just(("a", "b"))),
    ),
    max_size=60,
)


def cost(shard: list[Request]) -> int:
    """Characters of the shard's prefix tree, counted as the set of all its nodes."""
    nodes: set[bytes] = set()
    generated = 0
    for request in shard:
        line = serialization.dumps(serialization.request_to_json(request)).encode(
            "utf-8", "surrogatepass"
        )
        nodes |= {line[:end] for end in range(1, len(line) + 1)}
        if isinstance(request, Generate):
            generated += 4 * request.sampling.max_tokens
    return len(nodes) + generated


@settings(deadline=None)
@given(requests, st.integers(1, 5), st.randoms())
def test_each_request_is_in_one_shard_whatever_the_order(asked, workers, rng) -> None:
    work = keyed(asked)
    shards = sharding.cut(work, workers)
    assert all(shards)
    together = [item for shard in shards for item in shard]
    assert sorted(id(item) for item in together) == sorted(map(id, work))
    shuffled = work[:]
    rng.shuffle(shuffled)
    keys = [[item.key for item in shard] for shard in sharding.cut(shuffled, workers)]
    assert keys == [[item.key for item in shard] for shard in shards]


@settings(deadline=None)
@given(requests, st.integers(1, 5))
def test_shards_cost_no_more_than_their_part_or_hold_one_request(asked, workers) -> None:
    work = keyed(list(dict.fromkeys(asked)))
    shards = sharding.cut(work, workers)
    whole = cost([item.request for item in work])
    most = -(-whole // (workers * sharding.SHARDS_PER_WORKER))
    costs = [cost([item.request for item in shard]) for shard in shards]
    assert all(each <= most or len(shard) == 1 for each, shard in zip(costs, shards, strict=True))
    assert costs == sorted(costs, reverse=True)


def test_questions_on_one_passage_stay_together() -> None:
    passages = [f"{number} " + "passage " * 30 for number in range(40)]
    work = keyed([Generate(f"{p}question {q}", Sampling(1)) for p in passages for q in range(5)])
    shards = sharding.cut(work, workers=2)
    assert len(shards) >= 16
    for shard in shards:
        groups = {item.request.prompt.split(" ")[0] for item in shard}
        assert len(shard) == 5 * len(groups)


def test_a_shard_is_never_so_large_that_losing_it_hurts() -> None:
    work = keyed([Generate(f"{number:05} " + "x" * 1000, Sampling(1)) for number in range(1000)])
    shards = list(sharding.cut(work, workers=1))
    assert sum(map(len, shards)) == len(work)
    for shard in shards:
        assert sum(len(item.request.prompt) for item in shard) <= sharding.LARGEST
