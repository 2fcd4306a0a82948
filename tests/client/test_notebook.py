"""The notebook of docs/ runs from its first cell to its last, on a platform that runs, as a service with a grant."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, KeySet

from tests.support.people import ROOT, Portal, running_portal

pytestmark = [pytest.mark.server, pytest.mark.slow]

NOTEBOOK = ROOT / "docs" / "notebooks" / "readings.ipynb"
#: A service is registered and let in by two people, and the patient grants it.
_GRANTED = """
import time
import django
django.setup()
from egide.cloud.consent.grants import give_grant
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account
from egide.cloud.smart.registry import Description, approve_app, register_app
now = time.time_ns() // 1_000_000
here, alice, bob = home(now), *(Account.objects.get(pk=key) for key in ("{alice}", "{bob}"))
maker, dpo = (create_account("professional", name, now) for name in ("Malo Maker", "Dana Dpo"))
for who, office in ((maker, "maker"), (dpo, "dpo"), (bob, "doctor")):
    seat(who, here, office, by=(maker, dpo), now_ms=now, how="ceremony")
app = register_app(
    Description(name="Analyses", about="Counts.", scopes="system/Observation.rs", service=True, purpose="TREAT",
                group="cohort", responsible=bob, jwks={jwks!r}),
    here, by=maker, now_ms=now)
approve_app(app, by=dpo, now_ms=now)
give_grant(alice, app.client_id, families=None, purpose="TREAT", now_ms=now, until_ms=now + 86_400_000)
print(app.client_id)
"""
_EXECUTE = """
import json, sys
import nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=120).execute()
json.dump([[o for o in c.get("outputs", [])] for c in notebook.cells if c.cell_type == "code"], sys.stdout)
"""


def granted(portal: Portal, key: ECKey) -> str:
    """The client id."""
    jwks = json.dumps(KeySet([key]).as_dict(private=False))
    program = _GRANTED.format(alice=portal.people["alice"], bob=portal.people["bob"], jwks=jwks)
    done = subprocess.run(
        [sys.executable, "-c", program], env=portal.environment, check=True, stdout=subprocess.PIPE, text=True,
        timeout=120,
    )  # fmt: skip
    return done.stdout.splitlines()[-1]


def test_the_notebook_runs_as_it_is_written(tmp_path: Path) -> None:
    key = ECKey.generate_key("P-384", parameters={"kid": "k1", "use": "sig", "alg": "ES384"})
    (tmp_path / "service.pem").write_bytes(key.as_pem(private=True))
    with running_portal(tmp_path / "portal", days=3) as portal:
        environment = {
            **os.environ, "EGIDE_FHIR": f"{portal.base}/fhir", "EGIDE_CLIENT": granted(portal, key),
            "EGIDE_CLIENT_KEY": str(tmp_path / "service.pem"), "EGIDE_CLIENT_KID": "k1",
            "EGIDE_PATIENT": portal.people["alice"], "IPYTHONDIR": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path),
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", _EXECUTE, str(NOTEBOOK)], env=environment, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout)
    assert not any(one["output_type"] == "error" for cell in outputs for one in cell)
    assert "mg/dL" in json.dumps(outputs[2])
    (picture,) = (one["data"]["image/svg+xml"] for one in outputs[-1] if "image/svg+xml" in one.get("data", {}))
    assert picture.count("L") > 50


def test_the_notebook_is_kept_without_what_it_printed() -> None:
    """Somebody's readings never come with it."""
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
