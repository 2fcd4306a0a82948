import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fleet", "0003_pairing_class"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="pairing",
            name="establishment",
            field=models.UUIDField(default=uuid.UUID("00000000-0000-4000-8000-000000000001")),
        ),
        migrations.CreateModel(
            name="Attribution",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("moved", "Moved"), ("own", "Own"), ("dismissed", "Dismissed")], max_length=9
                    ),
                ),
                ("klass", models.CharField(default="care", max_length=8)),
                (
                    "establishment",
                    models.UUIDField(default=uuid.UUID("00000000-0000-4000-8000-000000000001")),
                ),
                ("since_ms", models.BigIntegerField()),
                ("until_ms", models.BigIntegerField(null=True)),
                ("sealed_reason", models.BinaryField(default=b"")),
                ("proposed_by", models.UUIDField()),
                ("proposed_ms", models.BigIntegerField()),
                ("refused_ms", models.BigIntegerField(null=True)),
                ("confirmed_by", models.UUIDField(null=True)),
                ("at_ms", models.BigIntegerField(null=True)),
                ("undo_by", models.UUIDField(null=True)),
                ("undo_ms", models.BigIntegerField(null=True)),
                ("undone_by", models.UUIDField(null=True)),
                ("undone_ms", models.BigIntegerField(null=True)),
                (
                    "pairing",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="attributions", to="fleet.pairing"
                    ),
                ),
                (
                    "to",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attributions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
    ]
