"""The metric catalogue: codes that can be checked, units that convert exactly, names for everyone."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egide.errors import ConfigError, EgideError, NotFoundError
from egide.measure.catalogue import CATALOGUE, SOURCES, Metric, convert, metric, names, parse

METRICS = [pytest.param(m, id=m.key) for m in CATALOGUE.values()]
CATEGORIES = {"vital-signs", "laboratory", "activity", "exam", "procedure", "therapy"}
OBJECTS = {
    "watch", "scale", "blood-pressure-monitor", "glucose-reader", "lens", "connected-pill", "cardiac-monitor",
    "insulin-pump", "pacemaker", "patch", "breath-tester", "ring",
}
TINY = """
[source]
own = "ours"
[metric.pulse]
code = "egide:pulse"
certainty = "own"
unit = "/min"
range = ["20", "300"]
cadence_s = "1"
kind = "series"
fr = "Pouls"
en = "Pulse"
sources = ["own"]
objects = ["watch"]
"""


def check_digit(loinc: str) -> bool:
    """LOINC Users' Guide, appendix C: the digit after the hyphen is a mod 10 check of those before."""
    body, _, check = loinc.partition("-")
    doubled = [int(d) * 2 if i % 2 == 0 else int(d) for i, d in enumerate(reversed(body))]
    return (10 - sum(d // 10 + d % 10 for d in doubled) % 10) % 10 == int(check)


def test_every_connected_object_has_its_metrics() -> None:
    """Thirty metrics at least, and something to send for each kind of object; each says how it is, too."""
    assert len(CATALOGUE) >= 30
    assert {name for m in CATALOGUE.values() for name in m.objects} >= OBJECTS
    assert set(metric("egide:device-status").objects) >= OBJECTS


@pytest.mark.parametrize("m", METRICS)
def test_a_code_belongs_to_the_system_it_says(m: Metric) -> None:
    """A LOINC code has its check digit, an MDC code its number, a code of ours says it is ours."""
    assert re.fullmatch(r"[!-~]{1,32}", m.code)
    match m.system:
        case "loinc":
            assert re.fullmatch(r"\d{1,6}-\d", m.code)
            assert check_digit(m.code)
            assert m.loinc == m.code
        case "mdc":
            assert m.code == f"mdc:{m.mdc}"
            assert m.loinc is None
        case "egide":
            assert m.certainty == "own"
            assert m.loinc is None


@pytest.mark.parametrize("m", METRICS)
def test_a_code_says_how_sure_it_is_and_where_it_was_checked(m: Metric) -> None:
    """No code without a source; a code of ours has no other source than us."""
    assert m.certainty in {"published", "corroborated", "own"}
    assert m.sources
    assert all(source in SOURCES for source in m.sources)
    assert ("own" in m.sources) == (m.certainty == "own")
    assert (m.mdc is None) == (m.mdc_name is None)
    assert m.mdc_name is None or re.fullmatch(r"MDC_[A-Z0-9_]+", m.mdc_name)


@pytest.mark.parametrize("m", METRICS)
def test_a_metric_can_be_judged_and_shown(m: Metric) -> None:
    """A range, a cadence, a kind, two names; a category unless it is about the object."""
    assert m.low < m.high
    assert m.cadence_s > 0
    assert m.kind in {"spot", "series", "waveform", "status", "panel"}
    assert (m.step is None) == (m.rate is None)
    assert m.step is None or (m.step >= 0 and m.rate is not None and m.rate >= 0)
    assert m.flat_s is None or m.flat_s > 0
    assert m.category is None or m.category in CATEGORIES
    assert names(m.code, "fr") == m.fr != ""
    assert names(m.code, "en") == m.en != ""


@pytest.mark.parametrize("m", METRICS)
def test_only_a_status_has_states_and_all_its_values_have_one(m: Metric) -> None:
    """Each value of a status is named in both languages; nothing else pretends to be a status."""
    if m.kind == "status":
        assert list(m.states) == list(range(int(m.low), int(m.high) + 1))
        assert all(fr and en for fr, en in m.states.values())
    else:
        assert not m.states


def test_a_panel_names_members_that_are_there() -> None:
    """Blood pressure is systolic, diastolic and mean, in the panel that FHIR's profile asks for."""
    assert metric("85354-9").members == ("8480-6", "8462-4", "8478-0")
    assert [m.key for m in CATALOGUE.values() if m.members] == ["blood-pressure"]
    assert [m.key for m in CATALOGUE.values() if m.kind == "panel"] == ["blood-pressure"]


def test_keys_and_codes_name_one_metric_each() -> None:
    """No two metrics share a key, a code, or both names."""
    for what in ("key", "code", "fr", "en"):
        assert len({getattr(m, what) for m in CATALOGUE.values()}) == len(CATALOGUE)


@pytest.mark.parametrize(
    ("code", "value", "unit", "to_unit", "expected"),
    [
        pytest.param("8310-5", "98.6", "[degF]", "Cel", "37", id="fahrenheit"),
        pytest.param("8310-5", "37.0", "Cel", "[degF]", "98.6", id="celsius"),
        pytest.param("8310-5", "-40", "[degF]", "Cel", "-40", id="where-they-meet"),
        pytest.param("8310-5", "310.15", "K", "Cel", "37.00", id="kelvin"),
        pytest.param("15074-8", "5.5", "mmol/L", "mg/dL", "99.088", id="glucose"),
        pytest.param("2339-0", "1.10", "g/L", "mg/dL", "110", id="glucose-french-unit"),
        pytest.param("2339-0", "90.08", "mg/dL", "mmol/L", "5", id="glucose-back"),
        pytest.param("29463-7", "154.32", "[lb_av]", "kg", "69.9983745384", id="pounds"),
        pytest.param("8480-6", "13.3322", "kPa", "mm[Hg]", "100", id="kilopascal"),
        pytest.param("8302-2", "70", "[in_i]", "cm", "177.80", id="inches"),
        pytest.param("41981-2", "4184", "kJ", "kcal", "1000", id="kilojoule"),
        pytest.param("93832-4", "450", "min", "h", "7.5", id="minutes"),
        pytest.param("59408-5", "0.97", "1", "%", "97", id="fraction"),
    ],
)
def test_a_value_is_converted_exactly(code: str, value: str, unit: str, to_unit: str, expected: str) -> None:
    """Known pairs, by the definitions of UCUM and the molar masses that the catalogue states."""
    assert convert(Decimal(value), unit, to_unit, metric(code)) == Decimal(expected)


def test_a_conversion_into_its_own_unit_changes_nothing() -> None:
    """Not even the trailing zeros."""
    assert str(convert(Decimal("36.50"), "Cel", "Cel", metric("8310-5"))) == "36.50"


UNITS = [(m, unit) for m in CATALOGUE.values() for unit in m.units]


@given(st.sampled_from(UNITS), st.sampled_from(range(8)), st.integers(-(10**6), 10**6))
def test_there_and_back_gives_the_value(pair: tuple[Metric, str], other: int, number: int) -> None:
    """Exact factors: no drift, whatever the way. (A third has no decimal form: 28 digits then.)"""
    m, unit = pair
    to_unit = list(m.units)[other % len(m.units)]
    value = Decimal(number).scaleb(-3)
    back = convert(convert(value, unit, to_unit, m), to_unit, unit, m)
    assert abs(back - value) <= Decimal("1e-18")


@pytest.mark.parametrize("m", METRICS)
def test_the_canonical_unit_is_one_of_the_accepted_and_changes_nothing(m: Metric) -> None:
    """Every unit is UCUM's printable ASCII; the canonical one has factor 1, no other unit is null."""
    assert (m.units[m.unit].factor, m.units[m.unit].offset) == (Fraction(1), Fraction(0))
    assert all(re.fullmatch(r"[!-~]{1,32}", unit) for unit in m.units)
    assert all(conversion.factor > 0 for conversion in m.units.values())


@pytest.mark.parametrize(("unit", "to_unit"), [("bpm", "/min"), ("/min", "bpm"), ("bpm", "bpm")])
def test_a_unit_that_the_metric_does_not_have_is_not_converted(unit: str, to_unit: str) -> None:
    """bpm is no UCUM unit: nobody guesses what it means."""
    with pytest.raises(NotFoundError):
        convert(Decimal(60), unit, to_unit, metric("8867-4"))


def test_an_unknown_code_is_not_found_but_still_has_a_name() -> None:
    """People see the code itself; nothing is refused for it."""
    with pytest.raises(NotFoundError) as caught:
        metric("0000-0")
    assert isinstance(caught.value, EgideError)
    assert names("0000-0", "fr") == names("0000-0", "en") == "0000-0"
    assert "0000-0" not in CATALOGUE


def test_the_catalogue_is_read_once() -> None:
    """The same objects every time, as a mapping that nobody can change."""
    assert CATALOGUE["8867-4"] is metric("8867-4")
    assert list(CATALOGUE) == [m.code for m in CATALOGUE.values()]
    assert {name: SOURCES[name] for name in SOURCES} == dict(SOURCES)
    assert len(SOURCES) > 5
    assert not hasattr(CATALOGUE, "__setitem__")


def test_the_notice_that_loinc_asks_for_comes_with_the_codes() -> None:
    """LOINC's licence, section 10: the notice goes where the codes go."""
    notice = " ".join(files("egide.measure").joinpath("LOINC-NOTICE.txt").read_text("utf-8").split())
    assert "This material contains content from LOINC (http://loinc.org)" in notice
    assert "Regenstrief Institute, Inc." in notice
    assert "http://loinc.org/license" in notice


def test_a_small_catalogue_is_read() -> None:
    """What is not said is absent."""
    metrics, sources = parse(TINY)
    pulse = metrics["egide:pulse"]
    assert (pulse.mdc, pulse.mdc_name, pulse.step, pulse.rate, pulse.flat_s) == (None,) * 5
    assert (pulse.category, pulse.members, dict(pulse.states)) == (None, (), {})
    assert dict(sources) == {"own": "ours"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("[source]", "[source", id="not-toml"),
        pytest.param('[source]\nown = "ours"', "", id="no-source"),
        pytest.param('unit = "/min"', "", id="no-unit"),
        pytest.param('"20"', '"twenty"', id="range-not-a-number"),
        pytest.param('["20", "300"]', '["300", "20"]', id="range-upside-down"),
        pytest.param('["20", "300"]', '["20"]', id="half-a-range"),
        pytest.param('unit = "/min"', 'unit = "/min"\nunits = { "Hz" = "sixty" }', id="factor-not-a-number"),
        pytest.param('unit = "/min"', 'unit = "/min"\nunits = { "Hz" = "1/0" }', id="factor-over-zero"),
        pytest.param('unit = "/min"', 'unit = "/min"\nunits = 60', id="units-not-a-table"),
        pytest.param("egide:pulse", "", id="no-code"),
        pytest.param("egide:pulse", "egide:" + "x" * 27, id="code-too-long"),
        pytest.param("egide:pulse", "egide:rhythmé", id="code-not-ascii"),
        pytest.param("egide:pulse", "egide:\\u0007", id="code-not-printable"),
        pytest.param('sources = ["own"]', 'sources = ["nowhere"]', id="unknown-source"),
        pytest.param('sources = ["own"]', 'sources = ["own"]\nmembers = ["9-9"]', id="unknown-member"),
        pytest.param("[metric.pulse]", "metric = 5\n[other]", id="metrics-not-a-table"),
    ],
)
def test_a_catalogue_that_contradicts_itself_stops_the_start(old: str, new: str) -> None:
    """A wrong catalogue is never half used."""
    assert old in TINY
    with pytest.raises(ConfigError):
        parse(TINY.replace(old, new))


def test_two_metrics_with_one_code_stop_the_start() -> None:
    """A code means one thing."""
    twin = TINY.partition("[metric.pulse]")[2]
    with pytest.raises(ConfigError):
        parse(TINY + "[metric.other]" + twin)
