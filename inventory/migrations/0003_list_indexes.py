"""Indexes of the list that PostgreSQL gets its order from too, and that hold what the list passes over."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0002_hygiene")]

    operations = [
        migrations.RemoveIndex(
            model_name="resource",
            name="resources_in_order",
        ),
        migrations.RemoveIndex(
            model_name="resource",
            name="resources_by_name",
        ),
        migrations.RemoveIndex(
            model_name="resource",
            name="resources_by_type",
        ),
        migrations.RemoveIndex(
            model_name="resource",
            name="resources_by_region",
        ),
        migrations.RemoveIndex(
            model_name="resource",
            name="resources_by_subscription",
        ),
        migrations.RemoveIndex(
            model_name="resourcetag",
            name="resource_tags_by_key",
        ),
        migrations.AddIndex(
            model_name="resource",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=["name", "id", "tenant", "subscription", "type"],
                name="resources_in_order",
            ),
        ),
        migrations.AddIndex(
            model_name="resource",
            index=models.Index(fields=["tenant", "name", "id", "deleted_at"], name="resources_by_name"),
        ),
        migrations.AddIndex(
            model_name="resource",
            index=models.Index(fields=["tenant", "type", "name", "id", "deleted_at"], name="resources_by_type"),
        ),
        migrations.AddIndex(
            model_name="resource",
            index=models.Index(fields=["tenant", "location", "name", "id", "deleted_at"], name="resources_by_region"),
        ),
        migrations.AddIndex(
            model_name="resource",
            index=models.Index(
                fields=["tenant", "subscription", "name", "id", "deleted_at"], name="resources_by_subscription"
            ),
        ),
        migrations.AddIndex(
            model_name="resource",
            index=models.Index(fields=["tenant", "stored_at", "id", "deleted_at"], name="resources_by_age"),
        ),
        migrations.AddIndex(
            model_name="resourcetag",
            index=models.Index(
                fields=["tenant", "key_folded", "value_folded", "resource"], name="resource_tags_by_key"
            ),
        ),
    ]
