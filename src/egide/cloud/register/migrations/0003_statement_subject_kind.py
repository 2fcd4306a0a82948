"""A patient's journal is read by whose it is and what it says, not through everybody's."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("register", "0002_store")]

    operations = [
        migrations.AddIndex(
            "statement", models.Index(fields=["subject", "kind", "entry"], name="statement_subject_kind")
        ),
    ]
