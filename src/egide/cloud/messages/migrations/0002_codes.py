"""A contact is proved by a code before anything else is sent to it: those that nobody proved wait for theirs."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F


class Migration(migrations.Migration):
    dependencies = [
        ("messages", "0001_first"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("way", "proved_ms", models.BigIntegerField(null=True)),
        migrations.AddField("way", "code_ms", models.BigIntegerField(null=True)),
        migrations.AddField("way", "code_tries", models.SmallIntegerField(default=0)),
        migrations.AddField("outgoing", "is_code", models.BooleanField(default=False)),
        migrations.CreateModel(
            name="CodeSent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at_ms", models.BigIntegerField(db_index=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="codes_sent",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.RunPython(
            lambda apps, _schema: (
                apps.get_model("messages", "Way").objects.filter(contact=None).update(proved_ms=F("since_ms"))
            ),
            migrations.RunPython.noop,
        ),
    ]
