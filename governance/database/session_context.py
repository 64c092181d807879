"""What SQL Server is told of a scope: every key of the session context, in one batch."""

from governance.database.context import Context
from governance.rls import SQL_SERVER_IDS_PER_KEY, SQL_SERVER_TENANT_KEYS


class TooManyTenantsError(RuntimeError):
    """A scope holds more tenants than the session context does. Such a person needs a platform role."""


def session_context(context: Context) -> tuple[str, list[str | None]]:
    """The batch that overwrites every key, with its parameters as the driver takes them."""
    ids = [tenant.hex for tenant in context.sorted_tenants]
    parts = [ids[start : start + SQL_SERVER_IDS_PER_KEY] for start in range(0, len(ids), SQL_SERVER_IDS_PER_KEY)]
    if len(parts) > len(SQL_SERVER_TENANT_KEYS):
        most = SQL_SERVER_IDS_PER_KEY * len(SQL_SERVER_TENANT_KEYS)
        raise TooManyTenantsError(f"A scope holds at most {most} tenants on SQL Server, or every tenant.")
    values: dict[str, str | None] = {
        "everything": context.everything or None,
        "person": context.person.hex if context.person else None,
        **dict.fromkeys(SQL_SERVER_TENANT_KEYS),
        **{key: f",{','.join(part)}," for key, part in zip(SQL_SERVER_TENANT_KEYS, parts, strict=False)},
    }
    calls = [f"EXEC sp_set_session_context @key = N'{key}', @value = ?" for key in values]
    return "; ".join(calls), list(values.values())
