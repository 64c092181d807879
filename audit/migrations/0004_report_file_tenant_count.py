from django.db import migrations, models


def count_tenants(apps, schema_editor):
    """How many tenants each file holds; `manage.py migrate` sees them all."""
    database = schema_editor.connection.alias
    held = apps.get_model("audit", "ReportFileTenant").objects.using(database)
    files = apps.get_model("audit", "ReportFile").objects.using(database)
    for file_id, count in held.order_by().values("file_id").annotate(n=models.Count("pk")).values_list("file_id", "n"):
        files.filter(pk=file_id).update(tenant_count=count)


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0003_audit_trail"),
    ]

    operations = [
        migrations.AddField(
            model_name="reportfile",
            name="tenant_count",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.RunPython(count_tenants, migrations.RunPython.noop),
    ]
