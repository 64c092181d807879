from django.db import migrations

from governance import rls


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0004_report_file_tenant_count"),
        ("tenants", "0008_row_level_security"),
    ]

    operations = [
        rls.Protect("sync_runs"),
        rls.Protect("coverage_receipts"),
        rls.Protect("set_aside_rows"),
        rls.Protect("report_file_tenants"),
        rls.Protect("report_files", rule="file"),
        rls.Protect("audit_logs"),
        rls.Protect("audit_log_tenants"),
        rls.Protect("audit_chains"),
    ]
