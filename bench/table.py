"""One line of the table: a claim, what was measured, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Row", "number"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`target` None: nothing is claimed, the figure is there to compare with. `more`: more is better."""

    claim: str
    measured: float | None  # None: could not be measured; `note` says why
    unit: str
    target: float | None = None
    more: bool = True
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How far from the target, 1.00 or more when the claim holds."""
        if self.target is None or self.measured is None or not self.measured:
            return None
        return self.measured / self.target if self.more else self.target / self.measured

    @property
    def verdict(self) -> str:
        """`good`, `bad`, `not measured`, or nothing when nothing is claimed."""
        if self.measured is None:
            return "not measured"
        if self.target is None:
            return ""
        return "good" if (self.ratio or 0) >= 1 else "bad"

    def cells(self) -> tuple[str, str, str, str, str]:
        """claim, target, measured, ratio, verdict: as they are printed."""
        sign = "at least" if self.more else "at most"
        target = "" if self.target is None else f"{sign} {number(self.target)} {self.unit}".rstrip()
        measured = "" if self.measured is None else f"{number(self.measured)} {self.unit}".rstrip()
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return self.claim, target, measured, ratio, self.verdict


def number(value: float) -> str:
    """Three significant digits, and whole thousands with separators: 0.462, 3.14, 48.2, 2,345."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
