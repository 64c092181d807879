"""The people of the demo: accounts at the simulated identity provider, with roles in the simulated tenants."""

from dataclasses import dataclass, field

from governance.access import Role


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody to sign in as."""

    email: str
    name: str
    describes: str
    roles: dict[str, Role] = field(default_factory=dict)
    platform_role: str = ""


PEOPLE = (
    DemoPerson("alice@contoso.example", "Alice", "admin of contoso", {"contoso": Role.ADMIN}),
    DemoPerson("olga@contoso.example", "Olga", "operator of contoso", {"contoso": Role.OPERATOR}),
    DemoPerson("bob@contoso.example", "Bob", "reader of contoso", {"contoso": Role.READER}),
    DemoPerson("charlie@fabrikam.example", "Charlie", "admin of fabrikam", {"fabrikam": Role.ADMIN}),
    DemoPerson("audrey@platform.example", "Audrey", "platform auditor: reads all", platform_role="auditor"),
    DemoPerson("pat@platform.example", "Pat", "platform admin", platform_role="admin"),
)
UNINVITED = DemoPerson("sam@nowhere.example", "Sam", "can prove who they are, and is nobody here")
