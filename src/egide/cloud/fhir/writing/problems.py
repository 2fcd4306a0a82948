"""Why something written is refused: each with a stable code, and the element that it is about."""

from __future__ import annotations

from typing import ClassVar, Final

from egide.errors import MalformedError, RefusedError

__all__ = [
    "ElementError", "IdentifierUsedError", "JsonError", "KindError", "MetricError", "MissingElementError",
    "NotKeptError", "TooMuchError", "UnitError", "UnknownElementError", "UnsupportedError", "WhenError",
]  # fmt: skip

_WHERE: Final = "see docs/spec/fhir-writing.md"


class JsonError(MalformedError):
    """Not JSON as FHIR writes it: keys twice, NaN, nested too deep, numbers of no end."""

    code = "json-invalid"
    hint = "send one JSON object, each key once, finite numbers, nested 32 deep at most"


class TooMuchError(MalformedError):
    """More than one request may hold."""

    code = "too-large"
    hint = "send less at a time: 10 MB and 1,000 entries at most, once decompressed too"


class ElementError(MalformedError):
    """An element that is not as FHIR, or this server, has it. `expression` is where, as FHIRPath."""

    code = "element-invalid"
    kind: ClassVar[str] = "value"  # http://hl7.org/fhir/issue-type

    def __init__(self, message: str, expression: str) -> None:
        super().__init__(message)
        self.expression = expression


class MissingElementError(ElementError):
    """What an Observation cannot be without."""

    code = "element-missing"
    kind = "required"


class UnknownElementError(ElementError):
    """R4 has no such element."""

    code = "element-unknown"
    kind = "structure"


class NotKeptError(ElementError):
    """What would change the meaning of a value, and that an envelope has no place for."""

    code = "element-not-kept"
    hint = "this server would lose it, and what is left would say something else: leave the resource out"
    kind = "not-supported"


class MetricError(ElementError):
    """No code of it is in the metric catalogue, or several that contradict each other."""

    code = "metric-unknown"
    hint = "code it by LOINC or ISO/IEEE 11073-10101 as the metric catalogue does (GET /fhir/metadata)"
    kind = "code-invalid"


class UnitError(ElementError):
    """A unit that cannot be converted exactly into the metric's own."""

    code = "unit-refused"
    hint = "send the value in a UCUM unit of the metric: nothing is guessed"
    kind = "code-invalid"


class WhenError(ElementError):
    """No instant: a date alone, a day that is not in the calendar, a time without its zone."""

    code = "time-refused"
    hint = "say when it was measured, to the second, with the offset from UTC"


class KindError(ElementError):
    """A resource, or an interaction, that is not written here."""

    code = "not-written-here"
    hint = _WHERE
    kind = "not-supported"


class UnsupportedError(ElementError):
    """A way of saying it that this server does not read."""

    code = "not-supported"
    hint = _WHERE
    kind = "not-supported"


class IdentifierUsedError(RefusedError):
    """This identifier is that of another measurement of the same patient's."""

    code = "identifier-used"
    hint = (
        "an Observation is never changed: send the right value under an identifier of its own, with the extension "
        "observation-replaces"
    )

    def __init__(self, message: str, expression: str) -> None:
        super().__init__(message)
        self.expression = expression
