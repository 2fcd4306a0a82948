"""Signing in, one's own account, and the desk's recovery."""

from __future__ import annotations

from django.urls import path

from egide.cloud.signin.views import confirm, enrol, entering, linked, recovery, security, shared

app_name = "signin"
urlpatterns = [
    path("welcome", linked.welcome, name="welcome"),
    path("sign-in/second", entering.second, name="second"),
    path("sign-in/passkey", entering.passkey, name="passkey"),
    path("sign-in/passkey/options", entering.passkey_options, name="passkey-options"),
    path("sign-in/code", entering.code, name="code"),
    path("security", security.security, name="security"),
    path("security/confirm", confirm.confirm, name="confirm"),
    path("security/confirm/options", confirm.options, name="confirm-options"),
    path("security/passkeys", enrol.add, name="passkeys"),
    path("security/passkeys/options", enrol.options, name="passkeys-options"),
    path("security/app", enrol.app, name="app"),
    path("security/codes", enrol.codes, name="codes"),
    path("security/codes/renew", enrol.renew, name="codes-renew"),
    path("security/factors/<int:factor_id>/remove", enrol.remove_factor, name="remove"),
    path("security/sessions/<uuid:number>/end", security.end_session, name="end-session"),
    path("security/sessions/end-others", security.end_other_sessions, name="end-others"),
    path("security/ending", security.ending, name="ending"),
    path("security/stay", security.stay, name="stay"),
    path("security/notices/read", security.read_notices, name="read"),
    path("security/recovery/stop", security.stop_recovery, name="recovery-stop"),
    path("workstation/locked", shared.locked, name="locked"),
    path("workstation/lock", shared.lock_now, name="lock"),
    path("workstation/left", shared.left, name="left"),
    path("workstation/touch", shared.touch, name="touch"),
    path("workstation/back", shared.back, name="back"),
    path("workstation/form", shared.draft, name="draft"),
    path("workstation/form/taken", shared.draft_taken, name="draft-taken"),
    path("desk/workstations", shared.desk, name="workstations"),
    path("desk/workstations/<uuid:workstation>/retire", shared.retire, name="workstation-retire"),
    path("desk/recovery", recovery.desk, name="desk"),
    path("desk/recovery/<uuid:account_id>", recovery.case, name="case"),
]
