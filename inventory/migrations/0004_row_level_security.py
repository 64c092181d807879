from django.db import migrations

from governance import rls


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0003_list_indexes"),
        ("tenants", "0008_row_level_security"),
    ]

    operations = [
        rls.Protect("resources"),
        rls.Protect("resource_tags"),
        rls.Protect("resource_changes"),
        rls.Protect("resource_groups"),
        rls.Protect("orphans"),
        rls.Protect("tag_rules"),
        rls.Protect("tag_violations"),
        rls.Protect("hygiene_states"),
    ]
