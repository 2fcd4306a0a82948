from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.lookups import Exact


class Migration(migrations.Migration):
    dependencies = [("fleet", "0005_attribution_moved"), ("vault", "0002_erratum")]

    operations = [
        migrations.AddIndex(
            model_name="envelope",
            index=models.Index(
                fields=["pairing"], name="envelope_held", condition=Q(Exact(F("flags").bitand(24), 8))
            ),
        ),
    ]
