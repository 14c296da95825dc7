"""What an audit found, as plain data: what text, page, figures and files are made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auxtasks.audit.experiment import Run
from auxtasks.audit.verdicts import ADJUSTMENTS, Finding
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
        _check_settings(self.settings)
        settings = json.loads(json.dumps(dict(self.settings), default=plain, allow_nan=False))
        object.__setattr__(self, "settings", settings)


def _check_settings(settings: Mapping[str, Any]) -> None:
    if not isinstance(settings["metric"], str):
        raise InvalidTypeError(f"`settings`: 'metric' must be a name; got {settings['metric']!r:.60}.")
    check_flag("settings['higher_is_better']", settings["higher_is_better"])
    check_number("settings['margin']", settings["margin"], low=0.0)
    check_number("settings['confidence']", settings["confidence"], low=0.0, high=1.0)
    check_choice("settings['adjust']", settings["adjust"], ADJUSTMENTS)
    check_int("settings['n_pairs']", settings["n_pairs"], low=0)
    check_number("settings['smallest_effect']", settings.get("smallest_effect", settings["margin"]), low=0.0)
    check_number("settings['overlap']", settings.get("overlap", 0.0), low=0.0)


def smallest_of(content: Content) -> float:
    """Return the smallest effect of interest; reports of earlier versions have none but the margin."""
    return float(content.settings.get("smallest_effect", content.settings["margin"]))


def sign_of(content: Content) -> int:
    """Return what a difference of the judged metric is multiplied by so that more is better."""
    return 1 if content.settings["higher_is_better"] else -1


SHUFFLED, COPIES = "shuffled targets", "changed copies of labelled samples alone"


def controls_of(content: Content) -> list[str]:
    """Return what controls learn, if there are any."""
    arms = [finding.arm for finding in content.findings if finding.control]
    found = {SHUFFLED: any(arm.of_targets for arm in arms), COPIES: any(arm.agrees for arm in arms)}
    return [name for name, is_there in found.items() if is_there]


def weights_of(content: Content) -> list[float]:
    """Return the weights of the arms, in ascending order."""
    return sorted({finding.arm.weight for finding in content.findings})


def tasks_of(content: Content) -> set[str]:
    """Return the tasks of all arms."""
    return {task for finding in content.findings for task in finding.arm.tasks}
