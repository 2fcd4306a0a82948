"""What waits for an answer, and what was noted on an event, are found by a row each, not by reading every statement."""

from typing import Any

from django.db import migrations, models

from egide import cbor
from egide.errors import EgideError
from egide.trust.cose import Sign1
from egide.trust.limits import LIMITS

_SETTLES = {"journal-answer": "journal-question", "name-withheld-review": "name-withheld"}
_KINDS = ("event-note", *_SETTLES, *_SETTLES.values())


def fill(apps: Any, _schema: Any) -> None:
    """A row for each statement of before: its public facts name what it is about."""
    topics = apps.get_model("register", "Topic").objects
    rows = apps.get_model("register", "Statement").objects.filter(kind__in=_KINDS).order_by("entry")
    for row in rows.iterator():
        try:
            statement = Sign1.parse(bytes(row.body), limit=LIMITS.journal, what="statement")
            facts = cbor.decode(statement.payload or b"", limit=LIMITS.journal, what="statement")[2]
            if row.kind == "event-note":
                topics.create(kind=row.kind, name=facts["about"], entry=row.entry, settled=row.entry)
            elif row.kind in _SETTLES:
                waits = topics.filter(kind=_SETTLES[row.kind], name=facts["id"], subject=row.subject, settled=None)
                waits.update(settled=row.entry)
            else:
                topics.create(kind=row.kind, name=facts["id"], subject=row.subject, entry=row.entry)
        except (EgideError, KeyError, TypeError, IndexError):
            continue  # damaged: fsck names it


class Migration(migrations.Migration):
    dependencies = [("register", "0003_statement_subject_kind")]

    operations = [
        migrations.CreateModel(
            name="Topic",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=24)),
                ("name", models.CharField(max_length=128)),
                ("subject", models.UUIDField(null=True)),
                ("entry", models.BigIntegerField()),
                ("settled", models.BigIntegerField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["kind", "name"], name="topic_name"),
                    models.Index(fields=["kind", "settled", "entry"], name="topic_waiting"),
                    models.Index(fields=["subject", "kind"], name="topic_subject"),
                ],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
