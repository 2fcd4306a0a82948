import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fleet", "0004_attribution"),
        ("vault", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Erratum",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("entry", models.BigIntegerField()),
                ("attribution", models.UUIDField()),
                ("first_ms", models.BigIntegerField()),
                ("last_ms", models.BigIntegerField()),
                ("received_ms", models.BigIntegerField()),
                ("at_ms", models.BigIntegerField()),
                ("step", models.IntegerField()),
                ("sealed", models.BinaryField()),
                (
                    "data_key",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="vault.datakey",
                    ),
                ),
                (
                    "pairing",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="fleet.pairing",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["entry"], name="erratum_entry"),
                    models.Index(fields=["pairing", "last_ms"], name="erratum_pairing_last"),
                ],
            },
        ),
    ]
