"""Which roles there are, what may be done at all, and the one matrix of who may do what.

Pages, the API, templates, `/roles/` and docs/roles.md read it; nothing else decides. A view names the permission it
needs (`governance.gate`), and asks for it in the tenant of the object (`governance.access.require`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum


class Role(IntEnum):
    """What a person may do in one tenant. A higher role includes the lower ones."""

    READER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """The role as the database and people write it."""
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> "Role":
        """The role of a word; KeyError for any other word, never a default."""
        return cls[word.upper()]


class Holder(Enum):
    """Who may hold a permission: the roles of a tenant, the platform's roles, and those who have none."""

    NOBODY = "nobody"
    PERSON = "person"
    READER = "reader"
    OPERATOR = "operator"
    ADMIN = "admin"
    AUDITOR = "platform auditor"
    PLATFORM_ADMIN = "platform admin"

    @property
    def title(self) -> str:
        """The head of its column."""
        return {Holder.NOBODY: "Not signed in", Holder.PERSON: "Signed in"}.get(self, self.value.capitalize())

    @property
    def meaning(self) -> str:
        """Who that is, in a sentence."""
        return MEANINGS[self]

    @classmethod
    def of_role(cls, role: Role) -> "Holder":
        """Whoever has this role in a tenant."""
        return cls[role.name]

    @classmethod
    def of_platform(cls, everywhere: Role) -> "Holder":
        """Whoever reads every tenant (the auditor), or is admin of each (the platform admin)."""
        return cls.PLATFORM_ADMIN if everywhere is Role.ADMIN else cls.AUDITOR


MEANINGS: Mapping[Holder, str] = {
    Holder.NOBODY: "Whoever has not signed in.",
    Holder.PERSON: "Whoever has signed in, with a role or without one.",
    Holder.READER: "Sees everything of the tenant but its people and its audit trail.",
    Holder.OPERATOR: "Also has syncs and preflights run.",
    Holder.ADMIN: "Also invites people and gives roles, sets tag rules, pauses the tenant, off-boards subscriptions.",
    Holder.AUDITOR: "Reads all of every tenant, people included, and changes nothing, whatever other roles they have.",
    Holder.PLATFORM_ADMIN: "Is admin of every tenant; connects tenants, makes groups, gives the platform's own roles.",
}


class Reach(Enum):
    """Where a permission holds, and so how it is asked for."""

    EVERYBODY = "for everybody"
    PERSON = "for oneself"
    SCOPE = "in the tenants one sees"  # the scope of the request is the answer: no view can reach beyond it
    TENANT = "in the tenant"  # the view asks for the tenant of the object
    PLATFORM = "over the platform"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the matrix: in words, where it holds, and who holds it."""

    title: str
    sentence: str
    reach: Reach
    holders: frozenset[Holder]


class Permission(Enum):
    """What may be done. Each is asked for by at least one view; one that nothing asks for is not listed."""

    PUBLIC = "public"
    OWN = "own"
    SEE = "see"
    EXPORT = "export"
    RUN_SYNCS = "run-syncs"
    RUN_PREFLIGHT = "run-preflight"
    MANAGE_TAG_RULES = "manage-tag-rules"
    OFF_BOARD = "off-board"
    PAUSE = "pause"
    SEE_PEOPLE = "see-people"
    MANAGE_PEOPLE = "manage-people"
    LEAVE_WITHOUT_ADMIN = "leave-without-admin"
    SEE_AUDIT = "see-audit"
    SEE_PLATFORM_AUDIT = "see-platform-audit"
    CONNECT_TENANTS = "connect-tenants"
    CHANGE_CREDENTIALS = "change-credentials"
    MAKE_GROUPS = "make-groups"
    SEE_PLATFORM_ROLES = "see-platform-roles"
    GIVE_PLATFORM_ROLES = "give-platform-roles"

    @property
    def rule(self) -> Rule:
        """Its row of the matrix."""
        return MATRIX[self]

    @property
    def roles(self) -> frozenset[Role]:
        """The roles in a tenant that hold it there."""
        return frozenset(role for role in Role if Holder.of_role(role) in self.rule.holders)

    @property
    def refusal(self) -> str:
        """What somebody is told who is known here and does not hold it."""
        if self.roles:
            return f"This needs the role {min(self.roles).word} in this tenant."
        words = [f"{holder.value}s" for holder in Holder if holder in self.rule.holders]
        return f"This is for {' and '.join(words)}."


_ADMINS = frozenset({Holder.ADMIN, Holder.PLATFORM_ADMIN})
_OPERATORS = _ADMINS | {Holder.OPERATOR}
_TENANTS_PEOPLE = _OPERATORS | {Holder.READER, Holder.AUDITOR}
_PLATFORM_ADMINS = frozenset({Holder.PLATFORM_ADMIN})
_PLATFORM = _PLATFORM_ADMINS | {Holder.AUDITOR}
_PEOPLE = _TENANTS_PEOPLE | {Holder.PERSON}

MATRIX: Mapping[Permission, Rule] = {
    Permission.PUBLIC: Rule(
        "See what is public",
        "Sign in and out, read and accept an invitation, read the state of the service and the description of the API.",
        Reach.EVERYBODY,
        frozenset(Holder),
    ),
    Permission.OWN: Rule(
        "Have things of one's own",
        "Keep saved views and API tokens, see one's own account, read this matrix.",
        Reach.PERSON,
        _PEOPLE,
    ),
    Permission.SEE: Rule(
        "See the tenant",
        "See its resources, changes, orphans, tags, costs, subscriptions, syncs, preflight and reports.",
        Reach.SCOPE,
        _TENANTS_PEOPLE,
    ),
    Permission.EXPORT: Rule(
        "Export and report",
        "Take its lists along as CSV and Excel, have reports made, and fetch these files. An export is one's own.",
        Reach.SCOPE,
        _TENANTS_PEOPLE,
    ),
    Permission.RUN_SYNCS: Rule(
        "Run syncs", "Have a worker read the tenant now, besides the schedule.", Reach.TENANT, _OPERATORS
    ),
    Permission.RUN_PREFLIGHT: Rule(
        "Run the preflight", "Have a worker ask Azure whether the tenant can be read.", Reach.TENANT, _OPERATORS
    ),
    Permission.MANAGE_TAG_RULES: Rule(
        "Manage tag rules", "Add, change and delete what the tenant demands of tags.", Reach.TENANT, _ADMINS
    ),
    Permission.OFF_BOARD: Rule(
        "Off-board subscriptions", "Say that a lost subscription is gone for good.", Reach.TENANT, _ADMINS
    ),
    Permission.PAUSE: Rule("Pause the tenant", "Stop the schedule of its syncs, and resume it.", Reach.TENANT, _ADMINS),
    Permission.SEE_PEOPLE: Rule(
        "See people",
        "See who has which role in the tenant, who is invited, and their API tokens.",
        Reach.TENANT,
        _ADMINS | _PLATFORM,
    ),
    Permission.MANAGE_PEOPLE: Rule(
        "Manage people",
        "Invite people into the tenant; change roles, take them away, revoke API tokens.",
        Reach.TENANT,
        _ADMINS,
    ),
    Permission.LEAVE_WITHOUT_ADMIN: Rule(
        "Leave a tenant without an admin",
        "Take the role of its last admin away. For everybody else a tenant keeps one.",
        Reach.PLATFORM,
        _PLATFORM_ADMINS,
    ),
    Permission.SEE_AUDIT: Rule(
        "See the audit trail",
        "See what was done in the tenant and who looked at it; take its chain along, to prove that nobody altered it.",
        Reach.TENANT,
        _ADMINS | _PLATFORM,
    ),
    Permission.SEE_PLATFORM_AUDIT: Rule(
        "See the platform's audit trail",
        "See what was done to no tenant: sign-ins, refusals, groups, platform roles.",
        Reach.PLATFORM,
        _PLATFORM,
    ),
    Permission.CONNECT_TENANTS: Rule(
        "Connect tenants", "Connect an Azure tenant to the platform.", Reach.PLATFORM, _PLATFORM_ADMINS
    ),
    Permission.CHANGE_CREDENTIALS: Rule(
        "Change credentials",
        "Read a tenant with another application or secret (shown to nobody), or cost exports at another scope.",
        Reach.PLATFORM,
        _PLATFORM_ADMINS,
    ),
    Permission.MAKE_GROUPS: Rule(
        "Make groups", "Make groups of tenants, change and delete them.", Reach.PLATFORM, _PLATFORM_ADMINS
    ),
    Permission.SEE_PLATFORM_ROLES: Rule(
        "See the platform's people", "See who is platform auditor or platform admin.", Reach.PLATFORM, _PLATFORM
    ),
    Permission.GIVE_PLATFORM_ROLES: Rule(
        "Give platform roles", "Make people platform auditors or admins, or end that.", Reach.PLATFORM, _PLATFORM_ADMINS
    ),
}
