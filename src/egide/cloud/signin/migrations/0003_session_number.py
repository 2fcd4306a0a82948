"""A session keeps a number when its key changes, as it does each time a factor is presented."""

import uuid

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def number(apps: Apps, _schema: BaseDatabaseSchemaEditor) -> None:
    """Each session that is open has one of its own."""
    for row in apps.get_model("signin", "OpenSession").objects.all():
        row.number = uuid.uuid4()
        row.save(update_fields=["number"])


class Migration(migrations.Migration):
    dependencies = [("signin", "0002_workstations")]

    operations = [
        migrations.AddField("opensession", "number", models.UUIDField(null=True)),
        migrations.RunPython(number, migrations.RunPython.noop),
        migrations.AlterField("opensession", "number", models.UUIDField(default=uuid.uuid4, unique=True)),
    ]
