"""What an object, its owner or an auditor pins of this platform."""

from __future__ import annotations

from egide.cloud.fleet.ca import root_certificate, to_der
from egide.cloud.register.epochs import log_anchor
from egide.cloud.register.models import Log, Witness
from egide.trust.anchors import Anchors
from egide.trust.register.checkpoint import VerifierKey

__all__ = ["current_anchors"]


def current_anchors() -> Anchors:
    """The CA's root, every epoch of the register, and the witnesses it asks."""
    return Anchors(
        roots=(to_der(root_certificate()),),
        logs=tuple(log_anchor(log) for log in Log.objects.order_by("id")),
        witnesses=tuple(VerifierKey.parse(each.vkey) for each in Witness.objects.order_by("name")),
    )
