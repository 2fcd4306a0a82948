"""Addresses of the pages of those who care and of those in charge."""

from __future__ import annotations

from django.urls import path, register_converter

from egide.cloud.ward.views import emergency, follow_ups, offices, questions, roster, stream, why


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
    path("patients/<uuid:patient_id>/follow-up/<uuid:follow_up>/<act:act>", follow_ups.act, name="act"),
    path("emergencies", emergency.own, name="emergencies"),
    path("emergencies/review", emergency.reviewing, name="reviews"),
    path("emergencies/<uuid:emergency_id>/review", emergency.review, name="review"),
    path("emergencies/<uuid:emergency_id>/close", emergency.close, name="close"),
    path("stream", stream.stream, name="stream"),
    path("office/security", offices.security_desk, name="security"),
    path("office/privacy", offices.privacy_desk, name="privacy"),
    path("office/privacy/questions", questions.desk, name="questions"),
    path("office/privacy/questions/<uuid:question_id>", questions.answer, name="question-answer"),
    path("office/privacy/names/<uuid:ask_id>", questions.decide_name, name="name-decide"),
    path("office/people", offices.staff_desk, name="staff"),
    path("office/people/propose", offices.proposing, name="propose"),
    path("office/platform", offices.platform, name="platform"),
    path("office/proposals/<uuid:proposal_id>/approve", offices.approve, name="approve"),
    path("office/proposals/<uuid:proposal_id>/refuse", offices.refusal, name="refusal"),
    path("office/memberships/<uuid:membership_id>/end", offices.dismissal, name="dismissal"),
]
