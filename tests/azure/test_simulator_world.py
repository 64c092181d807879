from governance.azure.simulator.orphans import EMPTY_GROUP
from governance.azure.simulator.resources import Resource
from governance.azure.simulator.world import Truth, World


def truth(*, day: int = 0, name: str = "contoso", seed: int = 7, count: int = 400) -> Truth:
    return World(seed=seed, tenants=2, subscriptions_per_tenant=2, resources_per_tenant=count, day=day).truth(name)


def by_key(found: Truth) -> dict[str, Resource]:
    return {row.key: row for row in found.resources}


def test_same_seed_same_truth() -> None:
    assert truth(day=5) == truth(day=5)


def test_other_seed_other_truth() -> None:
    assert not by_key(truth(seed=7)).keys() & by_key(truth(seed=8)).keys()


def test_day_zero_holds_exactly_what_was_asked_for() -> None:
    for count in (0, 1, 60, 1001):
        assert len(by_key(truth(count=count))) == count


def test_counts_may_differ_by_tenant() -> None:
    world = World(tenants=2, resources_per_tenant={"contoso": 10, "fabrikam": 25})

    assert [len(world.truth(tenant.name).resources) for tenant in world.tenants] == [10, 25]


def test_walking_the_days_and_jumping_arrive_at_the_same_truth() -> None:
    walked = World(resources_per_tenant=400)
    for day in range(13):
        walked.set_day(day)
        walked.truth("contoso")

    assert walked.truth("contoso") == World(resources_per_tenant=400, day=12).truth("contoso")


def test_going_back_restores_the_former_day() -> None:
    world = World(resources_per_tenant=400)
    before = world.truth("contoso")

    world.set_day(9)
    world.set_day(0)

    assert world.truth("contoso") == before


def test_every_day_some_resources_change_go_and_are_born() -> None:
    yesterday, today = by_key(truth(day=3)), by_key(truth(day=4))

    changed = [key for key in yesterday.keys() & today.keys() if yesterday[key].tags != today[key].tags]
    assert changed
    assert yesterday.keys() - today.keys()
    assert today.keys() - yesterday.keys()


def test_some_of_the_gone_return() -> None:
    world = World(resources_per_tenant=400)
    seen: list[set[str]] = []
    for day in range(20):
        world.set_day(day)
        seen.append(set(by_key(world.truth("contoso"))))

    returned = [key for key in seen[0] & seen[19] if any(key not in keys for keys in seen)]

    assert returned


def test_some_ids_change_their_letter_case_from_day_to_day() -> None:
    first, second = by_key(truth(day=0)), by_key(truth(day=1))

    flickering = [key for key in first.keys() & second.keys() if first[key].id != second[key].id]

    assert 0 < len(flickering) < len(first) / 10


def test_second_tenant_loses_sight_of_a_subscription_on_day_30() -> None:
    assert len(truth(name="fabrikam", day=29).subscriptions) == 2
    assert len(truth(name="fabrikam", day=30).subscriptions) == 1
    assert len({row.subscription_id for row in truth(name="fabrikam", day=30).resources}) == 1


def test_first_tenant_keeps_its_subscriptions() -> None:
    assert len(truth(name="contoso", day=30).subscriptions) == 2


def test_small_world_holds_every_kind_of_orphan() -> None:
    found = truth(count=60)

    assert {row.type for row in found.resources if row.orphan_reason} == {
        "Microsoft.Compute/disks",
        "Microsoft.Compute/snapshots",
        "Microsoft.Network/loadBalancers",
        "Microsoft.Network/networkInterfaces",
        "Microsoft.Network/networkSecurityGroups",
        "Microsoft.Network/publicIPAddresses",
        "Microsoft.Web/serverFarms",
    }
    assert [row.orphan_reason for row in found.resource_groups].count(EMPTY_GROUP) == 2


def test_properties_agree_with_the_orphan_reasons() -> None:
    for row in truth(count=2000, day=40).resources:
        shown = row.properties
        signs = {
            "Microsoft.Compute/disks": shown.get("diskState") == "Unattached" and not row.managed_by,
            "Microsoft.Network/networkInterfaces": not {"virtualMachine", "privateEndpoint"} & shown.keys(),
            "Microsoft.Network/publicIPAddresses": not {"ipConfiguration", "natGateway"} & shown.keys(),
            "Microsoft.Network/networkSecurityGroups": not {"subnets", "networkInterfaces"} & shown.keys(),
            "Microsoft.Network/loadBalancers": not shown.get("backendAddressPools"),
            "Microsoft.Web/serverFarms": shown.get("numberOfSites") == 0,
        }
        if row.type in signs:
            assert signs[row.type] == (row.orphan_reason is not None), row.id


def test_references_between_live_resources_are_true() -> None:
    found = by_key(truth(count=2000, day=40))
    disks = [row for row in found.values() if row.managed_by]
    interfaces = [row for row in found.values() if "virtualMachine" in row.properties]

    assert all(row.managed_by.lower() in found for row in disks)
    assert all(row.properties["virtualMachine"]["id"].lower() in found for row in interfaces)
    assert disks
    assert interfaces


def test_about_forty_types_with_varied_tags() -> None:
    found = truth(count=2000)
    values = {value for row in found.resources for value in (row.tags or {}).values()}
    keys = {key for row in found.resources for key in row.tags or {}}

    assert len({row.type for row in found.resources}) >= 40
    assert {"Environment", "environment", "env"} <= keys
    assert "<script>alert(1)</script>" in values
    assert any(value.startswith("=") for value in values)
    assert any(len(value) == 256 for value in values)
    assert any(not row.tags for row in found.resources)


def test_delegated_subscription_is_seen_by_a_stranger() -> None:
    world = World(tenants=2, has_delegation=True)
    seen = world.truth("contoso")

    foreign = [row for row in seen.subscriptions if row.tenant_id != seen.tenant_id]

    assert len(foreign) == 1
    assert foreign[0].managed_by_tenants == (seen.tenant_id,)
    assert foreign[0] in world.truth("fabrikam").subscriptions
