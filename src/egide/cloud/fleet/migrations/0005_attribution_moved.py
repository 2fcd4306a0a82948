from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.functions import Coalesce


def all_had_moved(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Until now a move was one transaction: what was decided had moved."""
    rows = apps.get_model("fleet", "Attribution").objects.filter(kind="moved").exclude(at_ms=None)
    rows.update(moved_ms=Coalesce("undone_ms", "at_ms"))


class Migration(migrations.Migration):
    dependencies = [("fleet", "0004_attribution")]

    operations = [
        migrations.AddField(model_name="attribution", name="moved_ms", field=models.BigIntegerField(null=True)),
        migrations.RunPython(all_had_moved, migrations.RunPython.noop),
    ]
