"""What a writer of the table hides from reads, `egide fsck` names."""

from __future__ import annotations

import pytest

from egide.cloud.consent.restrictions import restrict
from egide.cloud.options import Options
from egide.cloud.people.models import Account
from egide.cloud.register.models import Statement
from egide.cloud.register.publishing import publish
from egide.cloud.upkeep.fsck import fsck
from tests.support.thing import NOW


def found() -> set[str]:
    """The kinds of what is damaged now."""
    return {finding.kind for finding in fsck(now_ms=NOW).findings}


@pytest.mark.parametrize("change", ["kind", "subject", "deleted"])
def test_a_restriction_that_a_writer_of_the_table_hides_is_named(
    opened_platform: Options, alice: Account, bob: Account, change: str
) -> None:
    """A read finds statements by two columns that nobody signed (docs/grounds.md): this is what tells that they lie."""
    restrict(alice, families=None, now_ms=NOW)
    publish(now_ms=NOW)
    assert found() == set()
    row = Statement.objects.filter(kind="restriction")
    match change:
        case "kind":
            row.update(kind="access")
        case "subject":
            row.update(subject=bob.pk)
        case _:
            row.delete()
    assert found() & {"statement", "entry", "register"}
