"""Addresses of the pages of those who care and of those in charge."""

from __future__ import annotations

from django.urls import path, register_converter

from egide.cloud.ward.views import (
    auditing,
    emergency,
    fleet,
    follow_ups,
    held,
    offices,
    people,
    places,
    processing,
    projects,
    questions,
    roster,
    security,
    stream,
    why,
)


class Act:
    """What narrows a follow-up."""

    regex = "pause|resume|end|leave|refused"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Act, "act")
app_name = "ward"
urlpatterns = [
    path("patients", roster.patients, name="patients"),
    path("patients/lines", roster.lines, name="lines"),
    path("patients/find", follow_ups.find, name="find"),
    path("patients/<uuid:patient_id>/why", why.why, name="why"),
    path("patients/<uuid:patient_id>/my-name", questions.withhold, name="withhold"),
    path("patients/<uuid:patient_id>/emergency", emergency.open_one, name="emergency"),
    path("patients/<uuid:patient_id>/include", follow_ups.include, name="include"),
    path("patients/<uuid:patient_id>/follow-up", follow_ups.follow_up, name="follow-up"),
    path("patients/<uuid:patient_id>/follow-up/<uuid:follow_up>/join", follow_ups.replace, name="join"),
    path("patients/<uuid:patient_id>/follow-up/<uuid:follow_up>/hours", follow_ups.hours, name="hours"),
    path("patients/<uuid:patient_id>/follow-up/<uuid:follow_up>/<act:act>", follow_ups.act, name="act"),
    path("emergencies", emergency.own, name="emergencies"),
    path("emergencies/review", emergency.reviewing, name="reviews"),
    path("emergencies/<uuid:emergency_id>/review", emergency.review, name="review"),
    path("emergencies/<uuid:emergency_id>/close", emergency.close, name="close"),
    path("stream", stream.stream, name="stream"),
    path("office/security", security.security_desk, name="security"),
    path("office/security/note", security.note, name="event-note"),
    path("office/quarantine", security.quarantine_desk, name="quarantine"),
    path("office/quarantine/decide", security.quarantined, name="quarantine-decide"),
    path("office/privacy", offices.privacy_desk, name="privacy"),
    path("office/privacy/questions", questions.desk, name="questions"),
    path("office/privacy/questions/<uuid:question_id>", questions.answer, name="question-answer"),
    path("office/privacy/names/<uuid:ask_id>", questions.decide_name, name="name-decide"),
    path("office/privacy/processing", processing.register, name="processing"),
    path("office/fleet", fleet.fleet_desk, name="fleet"),
    path("office/fleet/<uuid:object_id>", fleet.unit, name="unit"),
    path("office/fleet/<uuid:object_id>/place", fleet.placing_unit, name="unit-place"),
    path("office/fleet/<uuid:object_id>/kept", fleet.keeping_unit, name="unit-kept"),
    path("office/fleet/<uuid:object_id>/revoke", fleet.revocation, name="unit-revoke"),
    path("office/held", held.held_desk, name="held"),
    path("office/held/say", held.held_say, name="held-say"),
    path("office/held/<uuid:attribution_id>/decide", held.held_decide, name="held-decide"),
    path("office/audit", auditing.audit_desk, name="audit"),
    path("office/research", projects.research_desk, name="research"),
    path("office/research/new", projects.proposing, name="project-new"),
    path("office/research/<uuid:project_id>", projects.research_project, name="research-project"),
    path("office/research/<uuid:project_id>/close", projects.closing, name="project-close"),
    path("office/privacy/projects", projects.declaring, name="projects"),
    path("office/privacy/projects/<uuid:project_id>/approve", projects.approval, name="project-approve"),
    path("office/privacy/projects/<uuid:project_id>/refuse", projects.refusal, name="project-refuse"),
    path("office/products", auditing.maker_desk, name="maker"),
    path("office/acting", places.acting, name="acting"),
    path("office/people", people.staff_desk, name="staff"),
    path("office/people/<uuid:account_id>/close", people.closing, name="closing"),
    path("office/people/propose", people.proposing, name="propose"),
    path("office/platform", offices.platform, name="platform"),
    path("office/places", places.places, name="places"),
    path("office/places/new", places.declare, name="place-new"),
    path("office/places/<uuid:place_id>", places.place, name="place"),
    path("office/places/<uuid:place_id>/group", places.attach, name="place-group"),
    path("office/proposals/<uuid:proposal_id>/approve", people.approve, name="approve"),
    path("office/proposals/<uuid:proposal_id>/refuse", people.refusal, name="refusal"),
    path("office/memberships/<uuid:membership_id>/end", people.dismissal, name="dismissal"),
    path("office/invitations/<uuid:invitation_id>/withdraw", people.withdrawal, name="withdrawal"),
    path("office/invitations/<uuid:invitation_id>/again", people.invite_again, name="invite-again"),
]
