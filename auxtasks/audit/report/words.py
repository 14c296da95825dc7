"""The sentences of a report, and what its arms are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10, nan

from auxtasks.audit.comparison import Comparison
from auxtasks.audit.design import Design, pairs_needed, rounded, samples_needed
from auxtasks.audit.experiment import AGREEMENT, Arm
from auxtasks.audit.metrics import is_share
from auxtasks.audit.report.content import SHUFFLED, Content, controls_of, sign_of, smallest_of, tasks_of, weights_of
from auxtasks.audit.verdicts import Finding, mean_score


def heading(content: Content) -> str:
    """Say what was judged, and how."""
    said, units = content.settings, Units.of(content)
    direction = "" if said["higher_is_better"] else " (lower is better; a difference above 0 is a gain)"
    adjust = str(said["adjust"] or "none")
    adjusted = "not adjusted" if adjust == "none" else f"{adjust.capitalize()}-adjusted"
    # The intervals are those of each arm alone.
    return (
        f"{said['metric']}{direction} over {said['n_pairs']} pairs: baseline {units.value(baseline_mean(content))}, "
        f"margin {units.size(said['margin'])}, {100 * said['confidence']:g} % intervals, verdicts {adjusted}"
    )


def legend(content: Content) -> dict[str, str]:
    """Say what the columns of the table and the verdicts are."""
    confidence = f"{100 * content.settings['confidence']:g} %"
    said = {"difference": f"from the baseline, mean and {confidence} interval; above 0 is better"}
    said["worse in"] = "how many pairs lost"
    as_shuffled = ""
    if SHUFFLED in controls_of(content):
        said["control"] = "the difference with targets that are shuffled across samples"
        as_shuffled = ", or shuffled targets gain as much"
    if AGREEMENT in tasks_of(content):
        said["control of agreement"] = "the difference with changed copies of labelled samples alone"
    effect = Units.of(content).size(smallest_of(content))
    return {
        **said,
        "relevance": "how well the targets predict the main label: 0 like a guess, 1 without error",
        "aux loss": "the test loss over that of a constant guess; below 1, the head has learned something",
        "time ratio": "the training time over that of the baseline",
        "no effect": f"the interval lies within ±{effect}{as_shuffled}",
        "unclear": "the interval is too wide for a verdict",
    }


def baseline_mean(content: Content) -> float:
    """Return the mean score of the baseline, NaN where there is none."""
    if any(not run.arm.tasks for run in content.runs):
        return mean_score(content.runs, content.settings["metric"])
    # A comparison holds scores of which more is better.
    return sign_of(content) * float(content.findings[0].comparison.baseline.mean()) if content.findings else nan


def conclusion(content: Content) -> str:
    """Say what follows: the arm that helps most, what more it takes to tell, or that none helps."""
    units = Units.of(content)
    of_verdict = {verdict: [each for each in content.findings if each.verdict == verdict] for verdict in _TELLING}
    helpful, unclear = (of_verdict[verdict] for verdict in _TELLING)
    if not helpful and unclear:
        return _unclear(content, unclear)
    if not helpful:
        margin = content.settings["margin"]
        beyond = f" by more than the margin of {units.size(margin)}" if margin else ""
        return f"No task helped{beyond}: train without auxiliary tasks."
    best = _best(helpful)
    weight = "" if best.arm.weight == 1.0 else f" (weight {best.arm.weight:g})"
    gain = units.interval_with_unit(best.comparison)
    if not units.in_points:
        gain = f"{content.settings['metric']} better by {gain.replace('+', '')}"
    return f"Use {tasks_name(content, best.arm)}{weight}: {gain}."


_TELLING = ("helps", "unclear")


def _best(findings: Sequence[Finding]) -> Finding:
    return max(findings, key=lambda finding: finding.comparison.mean)


def _unclear(content: Content, unclear: Sequence[Finding]) -> str:
    """Say what was shown of arms whose intervals are too wide, and what more would take."""
    said, units, best = content.settings, Units.of(content), _best(unclear)
    many = len(unclear) > _FEW
    arms = " or ".join(arm_name(content, finding.arm) for finding in unclear)
    if many:
        arms = f"{len(unclear)} of {len(content.findings)} arms"
    named = f"{arm_name(content, best.arm)} " if len(unclear) > 1 else ""
    shown = f"Unclear whether {arms} help{'' if many else 's'}: {named}{units.interval_with_unit(best.comparison)}."
    n_test, overlap = float(said.get("n_test", nan)), float(said.get("overlap", 0.0))
    design = Design(said["metric"], said["n_pairs"], n_test, overlap, said["confidence"], said.get("folds", 1))
    return shown + more_needed(best.comparison, design, smallest_of(content), units)


def more_needed(found: Comparison, design: Design, effect: float, units: Units) -> str:
    """Estimate how many seeds or test samples would find an effect; see `auxtasks.audit.design`."""
    if not isfinite(found.error) or found.error == 0 or effect <= 0:
        return ""
    pairs, now = pairs_needed(found, design, effect), len(found.baseline)
    samples = samples_needed(found, design, effect)
    wanted = f"an effect of {units.size(effect)}"
    if pairs is not None and pairs <= now:
        return f" The design can detect {wanted}, and this effect is close to that: a few more seeds would decide."
    tests = ""
    if isfinite(samples):
        tests = f"about {rounded(samples):,} test samples in each pair (now {design.n_test:.0f})"
    if pairs is None:
        alone = f" More seeds alone cannot find {wanted}"
        return f"{alone}; {tests} can." if tests else f"{alone}; more test samples can."
    seeds = f"about {rounded(pairs / design.folds):,} seeds (now {now // design.folds})"
    return f" To find {wanted} takes {seeds}{', or ' if tests else ''}{tests}."


def arm_name(content: Content, arm: Arm) -> str:
    """Return what an arm is called where there is little room."""
    return tasks_name(content, arm) + weight_name(content, arm)


def weight_name(content: Content, arm: Arm) -> str:
    """Return the end of a name, which tells arms of the same tasks apart."""
    weighted = arm.tasks and (len(weights_of(content)) > 1 or arm.weight != 1.0)
    return f" ×{arm.weight:g}" if weighted else ""


_FEW = 3


def tasks_name(content: Content, arm: Arm) -> str:
    """Return `arm_name` without the weight."""
    if len(arm.tasks) > _FEW and set(arm.tasks) == tasks_of(content):
        return f"all {len(arm.tasks)} tasks"
    return " + ".join(arm.tasks) or "baseline"


UNKNOWN = "–"


@dataclass(frozen=True)
class Units:
    """How the judged metric is written: a share in %, and its differences in points; others with three digits."""

    in_points: bool
    decimals: int = 1

    @classmethod
    def of(cls, content: Content) -> Units:
        """Choose the units of a report: two decimals where all differences are below one point."""
        means = [abs(finding.comparison.mean) for finding in content.findings]
        return cls(is_share(content.settings["metric"]), 2 if means and max(means) < 0.01 else 1)

    @property
    def factor(self) -> float:
        """What a number is multiplied by to be written."""
        return 100.0 if self.in_points else 1.0

    @property
    def unit(self) -> str:
        """The unit of a difference, with the space before it."""
        return " points" if self.in_points else ""

    def value(self, score: float) -> str:
        """Write a score."""
        return self._texts([score], "")[0] + (" %" if self.in_points and isfinite(score) else "")

    def size(self, difference: float) -> str:
        """Write a difference without its sign, with its unit."""
        text = f"{abs(self.factor * difference):.3g}"
        return text + (" point" if self.in_points and text == "1" else self.unit)

    def plain(self, size: float) -> str:
        """Write a size without sign and unit, as in a column that has its unit above."""
        return self._texts([abs(size)], "")[0]

    def difference(self, difference: float) -> str:
        """Write a difference with its sign."""
        return self._texts([difference], "+")[0]

    def interval(self, found: Comparison) -> str:
        """Write a mean difference and its interval."""
        mean, low, high = self._texts([found.mean, found.low, found.high], "+")
        return mean if mean == UNKNOWN else f"{mean} ({low} to {high})"

    def interval_with_unit(self, found: Comparison) -> str:
        """Write a mean difference with its unit, and its interval."""
        return self.interval(found).replace(" (", f"{self.unit} (", 1)

    def _texts(self, numbers: Sequence[float], sign: str) -> list[str]:
        decimals = self.decimals if self.in_points else _decimals(numbers)
        return [number_text(self.factor * number, decimals, sign) for number in numbers]


def number_text(number: float, decimals: int, sign: str = "") -> str:
    """Write a number; one that is not finite as a dash, and zero without a sign."""
    if not isfinite(number):
        return UNKNOWN
    text = f"{number:{sign}.{decimals}f}"
    return text.lstrip("+-") if float(text) == 0 else text


def _decimals(numbers: Sequence[float]) -> int:
    """Return how many decimals give the largest number three significant digits."""
    largest = max((abs(number) for number in numbers if isfinite(number)), default=0.0)
    return min(max(2 - floor(log10(largest)), 0), 12) if largest else 0
