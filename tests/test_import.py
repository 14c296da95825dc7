"""Importing auxtasks loads NumPy and nothing heavier."""

import subprocess
import sys

HEAVY = {
    *("scipy", "skimage", "sklearn", "pandas", "nltk", "spacy", "tensorflow", "keras", "torch", "jax"),
    *("joblib", "tqdm", "matplotlib", "typer", "rich", "dask", "distributed", "zarr"),
}


def test_import_loads_nothing_heavy() -> None:
    code = f"import sys, auxtasks; print(sorted({HEAVY} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert found.stdout.strip() == "[]", found.stdout


def test_commands_and_audits_load_keras_only_where_they_train() -> None:
    code = "import sys, auxtasks.cli.app, auxtasks.audit; print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert (found.stdout.strip(), found.stderr) == ("[]", "")


def test_everything_promised_is_there() -> None:
    import auxtasks

    assert all(hasattr(auxtasks, name) for name in auxtasks.__all__)
