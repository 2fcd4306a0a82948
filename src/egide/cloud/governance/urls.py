"""The rights desk's addresses. The file itself is made one floor up (fhir/portability_view.py)."""

from __future__ import annotations

from django.urls import path

from egide.cloud.governance.views import desk, identities, merges, mine, papers, person, terms

app_name = "rights"
urlpatterns = [
    path("", mine.mine, name="mine"),
    path("ask/<slug:kind>", mine.ask, name="ask"),
    path("desk", desk.desk, name="desk"),
    path("desk/open", desk.open_for, name="desk-open"),
    path("desk/people", person.find, name="person-find"),
    path("desk/people/<uuid:patient_id>", person.person, name="person"),
    path("desk/people/<uuid:patient_id>/form", person.form, name="person-form"),
    path("desk/people/<uuid:patient_id>/<slug:name>", person.act, name="person-act"),
    path("desk/people/<uuid:patient_id>/open/<slug:name>", person.open_act, name="person-open"),
    path("desk/identities", identities.find, name="identities"),
    path("desk/identities/<uuid:patient_id>", identities.one, name="identity"),
    path("desk/identities/<uuid:patient_id>/other", merges.other, name="merge-other"),
    path("desk/identities/<uuid:patient_id>/open/<slug:name>", identities.open_act, name="identity-open"),
    path("desk/identities/<uuid:patient_id>/merge/<uuid:other_id>", merges.new, name="merge-new"),
    path("desk/identities/<uuid:patient_id>/<slug:name>", identities.act, name="identity-act"),
    path("desk/merges", merges.listed, name="merges"),
    path("desk/merges/<uuid:merge_id>/undo", merges.undo, name="merge-undo"),
    path("desk/merges/<uuid:merge_id>/readings", merges.readings, name="merge-readings"),
    path("desk/merges/proposals/<uuid:proposal_id>", merges.proposal, name="merge-proposal"),
    path("desk/merges/proposals/<uuid:proposal_id>/confirm", merges.confirm, name="merge-confirm"),
    path("desk/merges/proposals/<uuid:proposal_id>/refuse", merges.refuse, name="merge-refuse"),
    path("desk/terms", terms.terms, name="terms"),
    path("desk/terms/propose/<uuid:patient_id>", terms.propose, name="terms-propose"),
    path("desk/terms/<uuid:destruction_id>", terms.decide, name="terms-decide"),
    path("desk/<uuid:request_id>", desk.one, name="desk-one"),
    path("desk/<uuid:request_id>/answer", desk.answer, name="desk-answer"),
    path("desk/<uuid:request_id>/put-off", desk.put_off, name="desk-put-off"),
    path("desk/<uuid:request_id>/erase", desk.erase, name="desk-erase"),
    path("forms", papers.forms, name="forms"),
    path("<uuid:request_id>", mine.one, name="one"),
    path("<uuid:request_id>/withdraw", mine.withdraw, name="withdraw"),
]
