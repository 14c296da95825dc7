"""Malformed calls of the public functions: which are computed, which refused with a reason, and which fail otherwise.

In a valid call one or two arguments become hostile values. What may come of it is a result without numbers that are
not finite, or an exception of auxtasks that names an argument, and no warning but an `AuxTasksWarning`.

    python benchmarks/fuzz.py --calls 100000 --seed 0
    python benchmarks/fuzz.py --seed 0 --only 1234    # one call, with its traceback
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from fuzz_calls import Call, Trained, all_calls
from hostile import changed
from sklearn.exceptions import DataConversionWarning

import auxtasks
from auxtasks.errors import AuxTasksError, AuxTasksWarning

OURS = str(Path(auxtasks.__file__).parent)
SECONDS = 10.0
MEMORY = 4 << 30
LONGEST = 3000
"""A message of more characters helps nobody."""


class TooSlow(BaseException):
    """Raised by the clock."""


class Outcome(NamedTuple):
    """What came of a call: the class of the outcome, and for a failure where it arose and what was said."""

    kind: str
    where: str = ""
    said: str = ""


FINE = ("computed", "refused")


def try_out(call: Call, arguments: dict[str, Any], names: list[str]) -> Outcome:
    """Make a call and judge what comes of it."""
    given = _not_finite(list(arguments.values())) | (set() if call.exact else {"NaN"})
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        # Keras reads its variables through NumPy without the `copy` keyword of NumPy 2.
        warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy keyword")
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            found = call.function(**arguments)
            outcome = Outcome("computed")
        except Trained:
            found, outcome = None, Outcome("computed")
        except TooSlow as error:
            return Outcome("too slow", _place(error), f"over {SECONDS} s")
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            # A class may be the function that cuts texts, as `list` is, and fail as one.
            of_user = isinstance(arguments.get("tokenizer"), type)
            found, outcome = None, Outcome("refused") if of_user else _judged(error, names)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    if outcome.kind == "computed" and (new := _not_finite(found) - given):
        return Outcome("not finite", "", f"{', '.join(sorted(new))} in what is returned")
    # Estimators of scikit-learn must give its own warning of labels in a column.
    own = (AuxTasksWarning, DataConversionWarning)
    foreign = [one for one in said if not issubclass(one.category, own)]
    if outcome.kind in FINE and foreign:
        where = f"{Path(foreign[0].filename).name}:{foreign[0].lineno}"
        return Outcome("foreign warning", where, f"{foreign[0].category.__name__}: {foreign[0].message}")
    return outcome


def _judged(error: BaseException, names: list[str]) -> Outcome:
    """Tell a reason that was given to the user from a failure."""
    try:
        message = str(error)
    except Exception as other:
        return Outcome("no message", _place(error), type(other).__name__)
    said = f"{type(error).__name__}: {message}"
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    if not any(file.startswith(OURS) for file in files) or Path(files[-1]).name == "hostile.py" or "_raising" in said:
        # Keras takes arguments up before a constructor of auxtasks sees them; a function of the user's may fail, and
        # Keras raise something else of it.
        return Outcome("refused")
    if isinstance(error, (MemoryError, RecursionError)):
        return Outcome(type(error).__name__, _place(error), said)
    own = isinstance(error, AuxTasksError) or (
        isinstance(error, (TypeError, ValueError))
        and _innermost(error).filename.startswith(OURS)
        and any(name in message for name in names)
    )
    if not own:
        return Outcome("foreign exception", _place(error), said)
    return Outcome("long message", _place(error), said) if len(message) > LONGEST else Outcome("refused")


def _innermost(error: BaseException) -> traceback.FrameSummary:
    return traceback.extract_tb(error.__traceback__)[-1]


def _place(error: BaseException) -> str:
    """Return the innermost line of auxtasks, and the innermost of all."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(OURS)] or frames
    return " > ".join(dict.fromkeys(f"{Path(frame.filename).name}:{frame.lineno}" for frame in (own[-1], frames[-1])))


def _not_finite(value: Any, depth: int = 0) -> set[str]:
    """Return which of NaN and infinity a value holds."""
    if depth > 4:
        return set()
    if isinstance(value, Mapping):
        return set().union(*(_not_finite(part, depth + 1) for part in list(value.values())[:50]))
    if isinstance(value, (list, tuple)):
        return set().union(*(_not_finite(part, depth + 1) for part in value[:50]))
    if is_dataclass(value) and not isinstance(value, type):
        return _not_finite(vars(value), depth + 1) if hasattr(value, "__dict__") else set()
    if isinstance(value, (float, np.floating)) or getattr(getattr(value, "dtype", None), "kind", "") == "f":
        array = np.asarray(value)
        return {name for name, test in (("NaN", np.isnan), ("inf", np.isinf)) if test(array).any()}
    return set()


def drawn(calls: Mapping[str, Call], seed: int, number: int) -> tuple[str, dict[str, Any], list[str]]:
    """Draw a call, its arguments and which of them are hostile."""
    rng = np.random.default_rng([seed, number])
    weights = np.array([call.weight for call in calls.values()])
    name = list(calls)[rng.choice(len(calls), p=weights / weights.sum())]
    arguments = calls[name].arguments()
    hostile = rng.choice(list(arguments), size=min(len(arguments), 1 + int(rng.random() < 0.25)), replace=False)
    for argument in hostile.tolist():
        arguments[argument] = changed(arguments[argument], rng)
    return name, arguments, hostile.tolist()


def shown(arguments: Mapping[str, Any], hostile: list[str]) -> str:
    """Show the hostile arguments in a line."""
    parts = []
    for name in hostile:
        try:
            value = repr(arguments[name]).replace("\n", " ")
        except RecursionError:
            value = "a very deep list"
        parts.append(f"{name}={value[:90]}{'…' if len(value) > 90 else ''}")
    return ", ".join(parts)


class Found(NamedTuple):
    """A distinct failure: the first call that it was seen in."""

    name: str
    outcome: Outcome
    number: int
    arguments: str


def fuzz(calls: Mapping[str, Call], seed: int, numbers: range) -> tuple[Counter[tuple[str, str]], list[Found]]:
    """Make calls, and return how many had which outcome, and the distinct failures."""
    counts: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, ...], Found] = {}
    signal.signal(signal.SIGALRM, _ring)
    for number in numbers:
        name, arguments, hostile = drawn(calls, seed, number)
        told = shown(arguments, hostile)
        outcome = try_out(calls[name], arguments, hostile)
        counts[name, outcome.kind] += 1
        if outcome.kind not in FINE:
            key = (outcome.kind, outcome.where, outcome.said.partition(":")[0] if outcome.where else name)
            found.setdefault(key, Found(name, outcome, number, told))
    return counts, list(found.values())


def _ring(*_: Any) -> None:
    raise TooSlow


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of a single call, to be shown with its traceback")
    parser.add_argument("--function", help="only calls whose name holds this")
    options = parser.parse_args()
    os.chdir(tempfile.mkdtemp())
    calls = {name: call for name, call in all_calls().items() if (options.function or "") in name}
    if options.only is not None:
        name, arguments, hostile = drawn(calls, options.seed, options.only)
        print(name, shown(arguments, hostile))
        print(calls[name].function(**arguments))
        return
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, resource.RLIM_INFINITY))
    start = time.perf_counter()
    counts, found = fuzz(calls, options.seed, range(options.calls))
    kinds = [*FINE, *sorted({kind for _, kind in counts} - set(FINE))]
    print(f"{'':28}" + "".join(f"{kind:>19}" for kind in kinds))
    for name in [*calls, "all"]:
        of_name = [(kind, n) for (call, kind), n in counts.items() if name in (call, "all")]
        row = [sum(n for kind, n in of_name if kind == each) for each in kinds]
        print(f"{name:28}" + "".join(f"{n:19,}" for n in row))
    for one in sorted(found, key=lambda one: (one.outcome.kind, one.outcome.where)):
        print(f"\n{one.outcome.kind} in {one.name}, --only {one.number}: {one.arguments}")
        print(f"    {one.outcome.where}  {one.outcome.said[:300]}")
    print(f"\n{options.calls:,} calls in {time.perf_counter() - start:.0f} s, {len(found)} distinct failures")


if __name__ == "__main__":
    main()
