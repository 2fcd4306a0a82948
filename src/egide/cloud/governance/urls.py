"""The rights desk's addresses. The file itself is made one floor up (fhir/portability_view.py)."""

from __future__ import annotations

from django.urls import path

from egide.cloud.governance.views import desk, mine

app_name = "rights"
urlpatterns = [
    path("", mine.mine, name="mine"),
    path("ask/<slug:kind>", mine.ask, name="ask"),
    path("desk", desk.desk, name="desk"),
    path("desk/open", desk.open_for, name="desk-open"),
    path("desk/<uuid:request_id>", desk.one, name="desk-one"),
    path("desk/<uuid:request_id>/answer", desk.answer, name="desk-answer"),
    path("desk/<uuid:request_id>/put-off", desk.put_off, name="desk-put-off"),
    path("desk/<uuid:request_id>/erase", desk.erase, name="desk-erase"),
    path("<uuid:request_id>", mine.one, name="one"),
    path("<uuid:request_id>/withdraw", mine.withdraw, name="withdraw"),
]
