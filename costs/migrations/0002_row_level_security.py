from django.db import migrations

from governance import rls


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0001_initial"),
        ("tenants", "0008_row_level_security"),
    ]

    operations = [
        rls.Protect("cost_receipts"),
        rls.Protect("cost_slices"),
        rls.Protect("cost_data"),
        rls.Protect("daily_costs"),
        rls.Protect("daily_resource_costs"),
        rls.Protect("daily_tag_costs"),
        rls.Protect("cost_resources"),
        rls.Protect("cost_tags"),
        rls.Protect("cost_restatements"),
        rls.Protect("cost_restatement_lines"),
    ]
