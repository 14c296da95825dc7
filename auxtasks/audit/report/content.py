"""What an audit found, as plain data, and how it is said: what text, page, figures and files are made from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10, nan
from typing import Any

from auxtasks.audit.comparison import Comparison, Design, pairs_needed, rounded, samples_needed
from auxtasks.audit.experiment import AGREEMENT, Arm, Run
from auxtasks.audit.metrics import is_share
from auxtasks.audit.verdicts import ADJUSTMENTS, COPIES, SHUFFLED, Finding, mean_score
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.targets.state import plain
from auxtasks.validation import check_choice, check_flag, check_int, check_number

_REQUIRED = ("metric", "higher_is_better", "margin", "confidence", "adjust", "n_pairs")


@dataclass(frozen=True, eq=False, repr=False)
class Content:
    """What was trained, what came out, and the verdicts; `AuditReport` describes the fields."""

    settings: Mapping[str, Any]
    findings: tuple[Finding, ...]
    runs: tuple[Run, ...]
    relevance: Mapping[str, float]

    def __post_init__(self) -> None:
        """Check the settings, and make them what they will be when read again."""
        missing = [name for name in _REQUIRED if name not in self.settings]
        if missing:
            raise InvalidInputError(f"`settings` must hold {', '.join(map(repr, missing))}; found {[*self.settings]}.")
        said = self.settings
        if not isinstance(said["metric"], str):
            raise InvalidTypeError(f"`settings`: 'metric' must be a name; got {said['metric']!r:.60}.")
        check_flag("settings['higher_is_better']", said["higher_is_better"])
        check_number("settings['margin']", said["margin"], low=0.0)
        check_number("settings['confidence']", said["confidence"], low=0.0, high=1.0)
        check_choice("settings['adjust']", said["adjust"], ADJUSTMENTS)
        check_int("settings['n_pairs']", said["n_pairs"], low=0)
        check_number("settings['smallest_effect']", said.get("smallest_effect", said["margin"]), low=0.0)
        check_number("settings['overlap']", said.get("overlap", 0.0), low=0.0)
        settings = json.loads(json.dumps(dict(self.settings), default=plain, allow_nan=False))
        object.__setattr__(self, "settings", settings)


def smallest_of(content: Content) -> float:
    """Return the smallest effect of interest; reports of earlier versions have none but the margin."""
    return float(content.settings.get("smallest_effect", content.settings["margin"]))


def sign_of(content: Content) -> int:
    """Return what a difference of the judged metric is multiplied by so that more is better."""
    return 1 if content.settings["higher_is_better"] else -1


def controls_of(content: Content) -> list[str]:
    arms = [finding.arm for finding in content.findings if finding.control]
    found = {SHUFFLED: any(arm.of_targets for arm in arms), COPIES: any(arm.agrees for arm in arms)}
    return [name for name, is_there in found.items() if is_there]


def weights_of(content: Content) -> list[float]:
    return sorted({finding.arm.weight for finding in content.findings})


def tasks_of(content: Content) -> set[str]:
    return {task for finding in content.findings for task in finding.arm.tasks}


def heading(content: Content) -> str:
    said, units = content.settings, Units.of(content)
    direction = "" if said["higher_is_better"] else " (lower is better; a difference above 0 is a gain)"
    adjusted = "not adjusted" if said["adjust"] == "none" else f"{said['adjust'].capitalize()}-adjusted"
    # The intervals are those of each arm alone.
    return (
        f"{said['metric']}{direction} over {said['n_pairs']} pairs: baseline {units.value(baseline_mean(content))}, "
        f"margin {units.size(said['margin'])}, {100 * said['confidence']:g} % intervals, verdicts {adjusted}"
    )


def legend(content: Content) -> dict[str, str]:
    confidence = f"{100 * content.settings['confidence']:g} %"
    said = {
        "difference": f"from the baseline, mean and {confidence} interval; above 0 is better",
        "worse in": "how many pairs lost",
    }
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
    if any(not run.arm.tasks for run in content.runs):
        return mean_score(content.runs, content.settings["metric"])
    # A comparison holds scores of which more is better.
    return sign_of(content) * float(content.findings[0].comparison.baseline.mean()) if content.findings else nan


def conclusion(content: Content) -> str:
    """Say what follows: the arm that helps most, what more it takes to tell, or that none helps."""
    units = Units.of(content)
    helpful, unclear = (
        [each for each in content.findings if each.verdict == verdict] for verdict in ("helps", "unclear")
    )
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


def _best(findings: Sequence[Finding]) -> Finding:
    return max(findings, key=lambda finding: finding.comparison.mean)


def _unclear(content: Content, unclear: Sequence[Finding]) -> str:
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
    """Estimate how many seeds or test samples would find an effect."""
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
        return self._texts([score], "")[0] + (" %" if self.in_points and isfinite(score) else "")

    def size(self, difference: float) -> str:
        text = f"{abs(self.factor * difference):.3g}"
        return text + (" point" if self.in_points and text == "1" else self.unit)

    def plain(self, size: float) -> str:
        """Write a size without sign and unit, as in a column that has its unit above."""
        return self._texts([abs(size)], "")[0]

    def difference(self, difference: float) -> str:
        return self._texts([difference], "+")[0]

    def interval(self, found: Comparison) -> str:
        mean, low, high = self._texts([found.mean, found.low, found.high], "+")
        return mean if mean == UNKNOWN else f"{mean} ({low} to {high})"

    def interval_with_unit(self, found: Comparison) -> str:
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
