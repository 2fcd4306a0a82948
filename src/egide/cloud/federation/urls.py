"""Addresses of sign-in by a provider. The callback's is what a provider is told, to the letter."""

from __future__ import annotations

from django.urls import path

from egide.cloud.federation import views

app_name = "federation"
urlpatterns = [
    path("", views.identities, name="identities"),
    path("sign-out", views.sign_out, name="sign-out"),
    path("signed-out", views.signed_out, name="signed-out"),
    path("problem/<slug:code>", views.problem, name="problem"),
    path("<slug:key>/sign-in", views.sign_in, name="sign-in"),
    path("<slug:key>/link", views.link, name="link"),
    path("<slug:key>/unlink", views.unlink, name="unlink"),
    path("<slug:key>/callback", views.callback, name="callback"),
    path("<slug:key>/back-channel", views.back_channel, name="back-channel"),
]
