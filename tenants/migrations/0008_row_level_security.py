from django.db import migrations

from governance import rls


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0006_api_tokens"),
    ]

    operations = [
        rls.Protect("tenants", rule="tenant itself"),
        rls.Protect("subscriptions"),
        rls.Protect("memberships"),
        rls.Protect("preflight_results"),
        rls.Protect("tenant_group_members"),
        rls.Protect("tenant_groups", rule="group"),
        rls.Protect("users", rule="person"),
        rls.Protect("saved_views", rule="owner"),
        rls.Protect("identities", rule="identity"),
        rls.Protect("api_tokens"),
    ]
