"""What is served from the start: each type's rules, put in the registry when the app is ready."""

from __future__ import annotations

from typing import Final

from egide.cloud.fhir.reading import device, entries, observation, operations, own, people, staff
from egide.cloud.fhir.registry import RESOURCES, Parameter, Resource
from egide.cloud.fhir.search import PARAMETERS

__all__ = ["register"]

_PATIENT: Final = Parameter("patient", "reference", "whose record; one's own when absent")
_ID: Final = Parameter("_id", "token", "several separated by commas")
_R4: Final = "http://hl7.org/fhir/StructureDefinition/"
_VITALS: Final = (
    "vitalsigns", "bp", "heartrate", "resprate", "bodytemp", "bodyweight", "bodyheight", "bmi", "oxygensat",
)  # fmt: skip
#: What R4 marks as part of a summary, of what we write.
_OBSERVATION: Final = frozenset({"subject", "effective", "issued", "value", "component"})


def register() -> None:
    """Put everything of this app in the registry. Twice is the same as once."""
    for resource in _resources():
        RESOURCES[resource.type] = resource
    operations.register()


def _resources() -> tuple[Resource, ...]:
    return (
        Resource(
            type="Observation",
            read=observation.read,
            search=observation.search,
            history=observation.history,
            parameters=tuple(Parameter(*one) for one in PARAMETERS),
            profiles=tuple(_R4 + name for name in _VITALS),
            includes=("Observation:device", "Observation:patient", "Observation:subject"),
            revincludes=("Provenance:target",),
            mandatory=frozenset({"status", "code"}),
            summary=_OBSERVATION,
            text="One value, one blood pressure or one stretch of waveform.",
        ),
        Resource(
            type="Device",
            read=device.read,
            search=device.search,
            parameters=(_PATIENT, _ID),
            summary=frozenset({"status", "type", "identifier"}),
        ),
        Resource(
            type="DeviceMetric",
            read=device.read_metric,
            search=device.search_metrics,
            parameters=(_PATIENT, Parameter("source", "reference", "the object"), _ID),
            mandatory=frozenset({"type", "category"}),
        ),
        Resource(
            type="Provenance",
            read=entries.read_provenance,
            mandatory=frozenset({"target", "recorded", "agent"}),
            text="The signed bytes of one envelope and the register's receipt: for the patient alone.",
        ),
        *_people(),
        *_own(),
    )


def _people() -> tuple[Resource, ...]:
    return (
        Resource(
            type="Patient", read=people.read_patient, search=people.search_patients,
            parameters=(_ID, Parameter("identifier", "token", "INS, by POST alone")),
            summary=frozenset({"active", "name", "gender", "birthDate"}),
            text="One's own list: oneself, or those whom one follows.",
        ),
        Resource(
            type="CareTeam", read=people.read_team, search=people.search_teams, parameters=(_PATIENT, _ID),
            summary=frozenset({"status", "subject"}),
        ),
        Resource(
            type="RelatedPerson", read=people.read_related, search=people.search_related, parameters=(_PATIENT, _ID),
            mandatory=frozenset({"patient"}),
        ),
        Resource(
            type="Group", read=people.read_group, search=people.search_groups, parameters=(_ID,),
            mandatory=frozenset({"type", "actual"}), text="The patients whom one follows: one's own list alone.",
        ),
        Resource(
            type="Practitioner", read=staff.read_practitioner, search=staff.search_practitioners, parameters=(_ID,),
            summary=frozenset({"active", "name"}), text="Colleagues of one's establishments; a patient's own team.",
        ),
        Resource(
            type="PractitionerRole", read=staff.read_role, search=staff.search_roles,
            parameters=(_ID, Parameter("practitioner", "reference"), Parameter("organization", "reference")),
            summary=frozenset({"active", "period", "practitioner", "organization", "code"}),
        ),
        Resource(
            type="Organization", read=staff.read_organization, search=staff.search_organizations, parameters=(_ID,),
            mandatory=frozenset({"name"}), summary=frozenset({"active", "type"}),
        ),
    )  # fmt: skip


def _own() -> tuple[Resource, ...]:
    return (
        Resource(
            type="Consent", read=own.read_consent, search=own.search_consents, parameters=(_PATIENT, _ID),
            mandatory=frozenset({"status", "scope", "category", "policyRule"}),
            summary=frozenset({"patient", "dateTime"}),
            text="The patient's grants and restrictions: for the patient alone; to others there are none.",
        ),
        Resource(
            type="AuditEvent", read=own.read_audit, search=own.search_audits,
            parameters=(_PATIENT, Parameter("date", "date"), _ID),
            mandatory=frozenset({"type", "recorded", "agent", "source"}),
            text="The latest lines of the patient's own journal, in the shape of IHE BALP: for the patient alone.",
        ),
    )  # fmt: skip
