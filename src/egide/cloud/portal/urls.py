"""The portal's addresses."""

from __future__ import annotations

from django.urls import path, register_converter
from django.views.i18n import set_language

from egide.cloud.portal.views import (
    agreements,
    decisions,
    design,
    granting,
    health,
    home,
    invitations,
    journal,
    leave,
    messages,
    objects,
    parts,
    reading,
    record,
    research,
    said,
    session,
    shared,
    sharing,
    signed,
    telling,
)


class ReadingKey:
    """<entry>-<position>-<index>, in ASCII digits."""

    regex = "[0-9]{1,19}-[0-9]{1,9}-[0-9]{1,9}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(ReadingKey, "reading")
app_name = "portal"
urlpatterns = [
    path("", home.home, name="home"),
    path("live", home.live_part, name="live"),
    path("sign-in", session.sign_in, name="sign-in"),
    path("sign-out", session.sign_out, name="sign-out"),
    path("language", set_language, name="language"),
    path("me", record.record, name="me"),
    path("me/latest", record.latest, name="me-latest"),
    path("me/series", record.series, name="me-series"),
    path("me/journal", journal.journal, name="journal"),
    path("me/journal/copy", journal.copy, name="journal-copy"),
    path("me/journal/check", journal.check, name="journal-check"),
    path("me/journal/ask", telling.ask, name="journal-ask"),
    path("me/journal/rules", telling.rules, name="journal-rules"),
    path("me/journal/rules/<uuid:rule_id>/end", telling.end_rule, name="journal-rule-end"),
    path("messages", messages.messages, name="messages"),
    path("messages/read", messages.read, name="messages-read"),
    path("messages/ways", messages.add, name="messages-add"),
    path("messages/push", messages.push, name="messages-push"),
    path("messages/ways/<uuid:contact_id>/on", messages.on, name="messages-on"),
    path("messages/ways/<uuid:way_id>/code", messages.prove, name="messages-prove"),
    path("messages/ways/<uuid:way_id>/off", messages.off, name="messages-off"),
    path("messages/contacts/<uuid:contact_id>/forget", messages.forget, name="messages-forget"),
    path("me/objects", objects.overview, name="objects"),
    path("me/objects/add", objects.add, name="object-add"),
    path("me/objects/<uuid:object_id>", objects.one, name="object"),
    path("me/objects/<uuid:object_id>/code", objects.code, name="object-code"),
    path("me/objects/<uuid:object_id>/name", objects.rename, name="object-name"),
    path("me/objects/<uuid:object_id>/resume", objects.resume, name="object-resume"),
    path("me/objects/<uuid:object_id>/part", parts.part, name="object-part"),
    path("me/objects/<uuid:object_id>/<slug:act>", objects.change, name="object-change"),
    path("shared", shared.shared, name="shared"),
    path("me/sharing", sharing.overview, name="sharing"),
    path("me/sharing/new", granting.begin, name="grant"),
    path("me/sharing/new/review", granting.review, name="grant-review"),
    path("me/sharing/new/review/ask", granting.ask, name="grant-ask"),
    path("me/sharing/new/<slug:step>", granting.step, name="grant-step"),
    path("me/sharing/hide", granting.begin_hiding, name="hide-begin"),
    path("me/sharing/hide/<slug:step>", granting.hide, name="hide"),
    path("me/sharing/grants/<uuid:grant_id>/withdraw", sharing.withdraw, name="grant-withdraw"),
    path("me/sharing/grants/<uuid:grant_id>/stop", signed.stop, name="grant-stop"),
    path("me/sharing/grants/<uuid:grant_id>/stop/ask", signed.ask_stop, name="grant-stop-ask"),
    path("me/sharing/signed", signed.signed, name="signed"),
    path("me/sharing/signed/<int:entry>", signed.proof, name="consent-proof"),
    path("me/research", research.projects, name="research"),
    path("me/research/<uuid:project_id>", research.project, name="research-project"),
    path("me/research/<uuid:project_id>/join", research.join, name="research-join"),
    path("me/research/<uuid:project_id>/join/ask", research.ask, name="research-ask"),
    path("me/sharing/research/<uuid:participation_id>/leave", sharing.leave_project, name="research-leave"),
    path("me/sharing/team/<uuid:professional_id>/object", sharing.oppose, name="oppose"),
    path("me/sharing/team/<uuid:professional_id>/agree", sharing.agree, name="agree"),
    path("me/sharing/follow-ups/<uuid:follow_up_id>/object", sharing.refuse, name="refuse"),
    path("me/sharing/follow-ups/<uuid:follow_up_id>/agree", sharing.accept, name="accept"),
    path("me/sharing/mandates/<uuid:representation_id>/end", sharing.end, name="mandate-end"),
    path("me/sharing/hidden/<uuid:restriction_id>/lift", sharing.lift, name="lift"),
    path("me/sharing/emergencies", decisions.emergencies, name="emergencies"),
    path("me/sharing/emergencies/allow", decisions.allow_emergencies, name="emergencies-allow"),
    path("me/sharing/secrets", decisions.secrets, name="secrets"),
    path("me/sharing/secrets/<slug:family>/tell", decisions.tell, name="secret-tell"),
    path("settings/options", leave.options, name="options"),
    path("settings/options/how", leave.how, name="options-how"),
    path("settings/options/check", leave.check, name="options-check"),
    path("settings/options/undo/<uuid:parted_id>", leave.undo, name="options-undo"),
    path("me/reading/<reading:key>", reading.reading, name="me-reading"),
    path("me/proof/<int:entry>", reading.proof, name="me-proof"),
    path("patients/<uuid:patient_id>", record.record, name="patient"),
    path("patients/<uuid:patient_id>/latest", record.latest, name="patient-latest"),
    path("patients/<uuid:patient_id>/series", record.series, name="patient-series"),
    path("patients/<uuid:patient_id>/reading/<reading:key>", reading.reading, name="patient-reading"),
    path("patients/<uuid:patient_id>/proof/<int:entry>", reading.proof, name="patient-proof"),
    path("desk/people/<uuid:patient_id>/said", said.said, name="at-desk"),
    path("desk/people/<uuid:patient_id>/said/open/share", said.share, name="at-desk-share"),
    path("desk/people/<uuid:patient_id>/said/open/research/<uuid:project_id>", said.study, name="at-desk-study"),
    path("desk/people/<uuid:patient_id>/said/<slug:name>", said.narrow, name="at-desk-narrow"),
    path("desk/people/<uuid:patient_id>/agreements", agreements.at_desk, name="at-desk-agreements"),
    path(
        "desk/people/<uuid:patient_id>/agreements/<uuid:agreement_id>/scan", agreements.desk_scan, name="at-desk-scan"
    ),
    path(
        "desk/people/<uuid:patient_id>/agreements/<uuid:agreement_id>/withdraw",
        agreements.desk_withdraw,
        name="at-desk-withdraw",
    ),
    path("me/agreements", agreements.mine, name="agreements"),
    path("me/agreements/<uuid:agreement_id>/scan", agreements.scan, name="agreement-scan"),
    path("me/agreements/<uuid:agreement_id>/<slug:act>", agreements.change, name="agreement-change"),
    path("desk/invitations", invitations.invitations_desk, name="invitations"),
    path("desk/invitations/new", invitations.new, name="invitation-new"),
    path("desk/invitations/<uuid:invitation_id>/again", invitations.again, name="invitation-again"),
    path("desk/invitations/<uuid:invitation_id>/withdraw", invitations.withdrawal, name="invitation-withdraw"),
    path("design", design.design, name="design"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
