"""The simulated world and the rules agree, and the world holds both answers to every rule."""

from collections import defaultdict

import pytest

from governance.azure.simulator.resources import Resource
from governance.azure.simulator.world import World
from inventory.orphans import RULE_OF_TYPE, RULES, SNAPSHOTS, Subject, Verdict, by_source, judge


def verdict(row: Resource, there: set[str]) -> Verdict:
    """What our rule says about a resource of the world; a snapshot's source is looked up in the world."""
    subject = Subject(
        type=row.type.lower(),
        name=row.name,
        properties=row.properties,
        managed_by=row.managed_by,
        resource_group=row.resource_group,
        tags=row.tags or {},
    )
    finding = judge(subject)
    return by_source(is_there=finding.source.lower() in there).verdict if finding.source else finding.verdict


@pytest.mark.parametrize("seed", [7, 11])
def test_every_rule_says_what_the_world_knows_and_meets_both_answers(seed: int) -> None:
    world = World(seed=seed, tenants=8, subscriptions_per_tenant=2, resources_per_tenant=300)
    met: dict[str, set[Verdict]] = defaultdict(set)
    for day in range(0, 81, 16):
        world.set_day(day)
        for tenant in world.tenants:
            truth = world.truth(tenant.name)
            there = {row.key for row in truth.resources}
            for row in truth.resources:
                if row.type.lower() not in RULE_OF_TYPE:
                    assert row.orphan_reason is None, f"no rule for {row.type}: {row.orphan_reason}"
                    continue
                found = verdict(row, there)
                if found is not Verdict.UNKNOWN:
                    assert (found is Verdict.ORPHANED) == (row.orphan_reason is not None), row.id
                    met[row.type.lower()].add(found)
                else:
                    assert row.orphan_reason is None, f"{row.id} is an orphan and the rule cannot tell"

    assert SNAPSHOTS in met
    assert {kind: len(verdicts) for kind, verdicts in met.items()} == {rule.type: 2 for rule in RULES}
