"""Readings for people who analyse: a FHIR client that gives frames. It knows FHIR and SMART, nothing of our cloud."""

from egide.client.auth import BackendService, Bearer
from egide.client.readings import Reading, Readings
from egide.client.session import Client

__all__ = ["BackendService", "Bearer", "Client", "Reading", "Readings"]
