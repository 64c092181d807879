"""Tags as people really set them: three spellings of one key, differing case, gaps, and a few hostile values."""

import random

from governance.azure.simulator.chance import dice

ENVIRONMENT_KEYS = ("Environment", "environment", "env")
ENVIRONMENT_VALUES = {
    "prod": ("prod", "Prod", "PROD", "Production"),
    "dev": ("dev", "Dev", "development"),
    "test": ("test", "Test", "TEST"),
    "uat": ("uat", "UAT"),
}
OWNERS = ("ada@example.com", "Grace@Example.com", "linus@example.com", "platform-team", "Katherine Johnson")
COST_CENTRES = ("CC-1001", "CC-1002", "cc-1002", "CC-2040", "4711")
COST_CENTRE_KEYS = ("cost-centre", "CostCentre", "cost-centre")
HOSTILE_TAGS: tuple[tuple[str, str], ...] = (
    ("note", "<script>alert(1)</script>"),
    ("remark", 'O\'Brien said "no"; DROP TABLE resources;--'),
    ("Verantwortliche Stelle", "Müller & Söhne, Zürich — 東京"),
    ("status", "🔥🚀"),
    ("description", "x" * 256),
    ("formula", '=HYPERLINK("https://evil.example","open")'),
    ("<b>key</b>", "value with\ttab and trailing space "),
)
HOSTILE_AT_FIRST = 9  # one in nine of a tenant's first resources, so that small worlds hold every kind
HOSTILE_LATER = 500
FIRST_RESOURCES = 70


def tags_of(key: str, environment: str, number: int, *, turns: int) -> dict[str, str]:
    """Tags of the resource with this seed key; every turn is one later edit by a person."""
    roll = dice(key, "tags")
    tags = _first_tags(roll, environment)
    hostile = _hostile_tag(number)
    if hostile:
        tags[hostile[0]] = hostile[1]
    for turn in range(turns):
        _edit(tags, dice(key, "tag edit", turn), turn)
    return tags


def _first_tags(roll: random.Random, environment: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    if roll.random() < 0.15:
        return tags
    if roll.random() < 0.85:
        tags[roll.choice(ENVIRONMENT_KEYS)] = roll.choice(ENVIRONMENT_VALUES[environment])
    if roll.random() < 0.7:
        tags[roll.choice(("owner", "Owner"))] = roll.choice(OWNERS)
    if roll.random() < 0.55:
        tags[roll.choice(COST_CENTRE_KEYS)] = roll.choice(COST_CENTRES)
    return tags


def _hostile_tag(number: int) -> tuple[str, str] | None:
    every = HOSTILE_AT_FIRST if number < FIRST_RESOURCES else HOSTILE_LATER
    if number % every != 4:
        return None
    return HOSTILE_TAGS[number // every % len(HOSTILE_TAGS)]


def _edit(tags: dict[str, str], roll: random.Random, turn: int) -> None:
    """Always leaves a visible difference: the review number is never given twice."""
    if tags and roll.random() < 0.3:
        del tags[roll.choice(sorted(tags))]
    tags["last-review"] = f"{roll.choice(OWNERS)} #{turn + 1}"
