"""The verbs of the audit trail. What is written once keeps its word: append, and never rename or reuse one."""

from django.db.models import TextChoices


class Verb(TextChoices):
    """What was done: the word as it is stored, and as people read it."""

    # --- signing in ---
    SIGNED_IN = "session.started", "Signed in"
    SIGNED_OUT = "session.ended", "Signed out"
    SIGN_IN_REFUSED = "session.refused", "Sign-in refused"
    IDENTITY_BOUND = "identity.bound", "Bound an account of an identity provider"
    BREAK_GLASS_OPENED = "break_glass.opened", "Gave a password for an emergency"
    BREAK_GLASS_CLOSED = "break_glass.closed", "Took the password for an emergency back"

    # --- refusals ---
    ACCESS_REFUSED = "access.refused", "Refused"
    ADDRESS_REFUSED = "address.refused", "Not there for them"

    # --- reading ---
    TENANT_LOOKED_AT = "tenant.looked_at", "Looked at"
    EVERY_TENANT_LOOKED_AT = "every_tenant.looked_at", "Looked at every tenant"
    EXPORT_MADE = "export.made", "Exported"
    FILE_ASKED_FOR = "file.asked_for", "Asked for a file"
    FILE_MADE = "file.made", "Made a file"
    FILE_DOWNLOADED = "file.downloaded", "Downloaded a file"
    REPORT_VIEWED = "report.viewed", "Viewed a report"

    # --- tenants ---
    TENANT_CONNECTED = "tenant.connected", "Connected a tenant"
    TENANT_CREDENTIALS_CHANGED = "tenant.credentials_changed", "Changed the credentials of a tenant"
    TENANT_COST_SCOPE_CHANGED = "tenant.cost_scope_changed", "Changed where a tenant's cost exports stand"
    TENANT_PAUSED = "tenant.paused", "Paused a tenant"
    TENANT_RESUMED = "tenant.resumed", "Resumed a tenant"
    PREFLIGHT_ASKED_FOR = "preflight.asked_for", "Asked for a preflight"
    PREFLIGHT_DONE = "preflight.done", "Ran a preflight"
    SUBSCRIPTION_OFF_BOARDED = "subscription.off_boarded", "Off-boarded a subscription"
    GROUP_CHANGED = "group.changed", "Changed a group of tenants"
    GROUP_DELETED = "group.deleted", "Deleted a group of tenants"

    # --- people ---
    PERSON_CREATED = "person.created", "Created a person"
    PERSON_CHANGED = "person.changed", "Changed a person"
    ROLE_GRANTED = "role.granted", "Gave a role"
    ROLE_CHANGED = "role.changed", "Changed a role"
    ROLE_REMOVED = "role.removed", "Took a role away"
    PERSON_INVITED = "person.invited", "Invited somebody"
    INVITATION_RESENT = "invitation.resent", "Sent an invitation again"
    INVITATION_REVOKED = "invitation.revoked", "Revoked an invitation"
    INVITATION_ACCEPTED = "invitation.accepted", "Accepted an invitation"
    PLATFORM_ROLE_CHANGED = "platform_role.changed", "Changed a role in the platform"

    # --- API tokens ---
    TOKEN_MADE = "token.made", "Made an API token"
    TOKEN_REVOKED = "token.revoked", "Revoked an API token"
    TOKEN_REFUSED = "token.refused", "Refused an API token"

    # --- rules ---
    TAG_RULE_ADDED = "tag_rule.added", "Added a tag rule"
    TAG_RULE_CHANGED = "tag_rule.changed", "Changed a tag rule"
    TAG_RULE_DELETED = "tag_rule.deleted", "Deleted a tag rule"

    # --- costs ---
    EXCHANGE_RATES_TAKEN = "exchange_rates.taken", "Took exchange rates"

    # --- runs ---
    RUN_ASKED_FOR = "run.asked_for", "Asked for a run"
    RUN_FINISHED = "run.finished", "Finished a run"

    # --- costs ---
    COSTS_IMPORT_BEGUN = "costs.import_begun", "Began to import costs from files"
    COSTS_IMPORTED = "costs.imported", "Imported costs from files"

    # --- the trail itself ---
    TRAIL_EXPORTED = "trail.exported", "Exported the trail"
