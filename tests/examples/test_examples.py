"""Every example runs, on little data, and says what it should."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
RUNS = {
    "signal_std_fft": (["--seeds", "2", "--epochs", "1", "--unlabelled", "20"], "points, 95 %"),
    "image_hog_unlabelled": (["--epochs", "1", "--unlabelled", "100"], "with HOG of all images"),
    "nested_backbone": (["--epochs", "1", "--samples", "40"], "model that was passed in: True"),
    "question_types": (["--seeds", "2", "--epochs", "1", "--labels", "40", "--unlabelled", "60"], "both"),
    "dask_cluster": (["--samples", "400", "--epochs", "1"], "accuracy on new signals"),
    "tf_data_augmentation": (["--epochs", "1", "--labelled", "32", "--unlabelled", "64"], "with HOG of all images"),
    "larger_than_memory": (["--samples", "2000"], "called again; finished: True"),
    "sklearn_pipeline": (
        ["--samples", "60", "--labels", "30", "--epochs", "1", "--folds", "2", "--weights", "1"],
        "The best on 500 other signals: ",
    ),
    "own_extractor": (["--epochs", "1", "--samples", "40"], "peak_time  kind vector, shape (1,)"),
}


def test_every_example_is_run() -> None:
    named = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    found = [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.ipynb")]
    assert [path.name for path in found if f'"{path.stem}"' not in named and f'"{path.name}"' not in named] == []


@pytest.mark.parametrize("name", RUNS)
def test_example(name: str, load: Any, capsys: pytest.CaptureFixture[str], temporary_task: object) -> None:
    del temporary_task  # takes away afterwards what an example registers
    (arguments, expected), module = RUNS[name], load(name)
    if name == "question_types":
        module.ARMS = module.ARMS[::3]  # the main task alone, and beside both targets
    if name == "dask_cluster":
        module.LocalCluster = partial(module.LocalCluster, processes=False)  # each would import all of this anew
    module.main(arguments)
    assert expected in capsys.readouterr().out
