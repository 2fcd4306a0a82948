"""The rights desk's addresses. The file itself is made one floor up (fhir/portability_view.py)."""

from __future__ import annotations

from django.urls import path

from egide.cloud.governance.views import desk, mine, papers, person, terms

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
