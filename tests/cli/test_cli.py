"""The command line: what it prints, what it refuses, and with which exit status."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from auxtasks import __version__, list_tasks, optional
from auxtasks.cli.app import app
from auxtasks.registry import DOMAINS
from auxtasks.teacher.features import BY_DOMAIN

Status = Callable[..., int]


@pytest.mark.parametrize("width", [80, 120])
def test_list_shows_every_task_within_the_width(
    status: Status, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert status("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    names = {line.split()[0].rstrip("*") for line in lines if line.strip()}
    assert {task.name for task in list_tasks()} <= names


def test_list_of_one_domain_stars_its_own_defaults_only(status: Status, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("list", "--domain", "image") == 0
    shown = capsys.readouterr().out
    assert "hog*" in shown
    assert "reconstruction " in shown  # usable here, but a default of domain "any" alone
    assert "abs_sum_changes" not in shown


@pytest.mark.parametrize("domain", DOMAINS)
def test_list_shows_soft_labels_in_every_domain(
    status: Status, capsys: pytest.CaptureFixture[str], domain: str
) -> None:
    assert status("list", "--domain", domain) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"soft_labels What a teacher on {BY_DOMAIN[domain]().name.split()[0]}" in shown


def test_version(status: Status, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("--version") == 0
    assert capsys.readouterr().out.strip() == __version__


def test_unknown_domain_is_an_error_without_a_traceback(status: Status, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("list", "--domain", "imge") == 1
    assert capsys.readouterr().err.startswith(
        "auxtasks: `domain`: there is no domain named 'imge'. Did you mean 'image'"
    )


@pytest.mark.parametrize("wrong", [["--seeds", "1"], ["--labelled", "9"], ["--epochs", "0"]])
def test_options_out_of_range_are_wrong_usage(
    status: Status, capsys: pytest.CaptureFixture[str], wrong: list[str]
) -> None:
    assert status("demo", *wrong) == 2
    assert wrong[0] in capsys.readouterr().err


def test_unwritable_output_is_refused_before_training(
    status: Status, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("auxtasks.demo._train_pairs", lambda *_: pytest.fail("it has trained"))
    (tmp_path / "file").touch()
    assert status("demo", "--output", str(tmp_path / "file" / "figure.png")) == 1
    assert "auxtasks: `--output`: cannot write" in capsys.readouterr().err


def test_missing_extra_tells_how_to_install_it(
    status: Status, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optional, "find_spec", lambda _name: None)
    assert status("list") == 1
    assert "pip install 'auxtasks[cli]'" in capsys.readouterr().err


def test_every_command_and_option_has_a_help() -> None:
    commands = typer.main.get_group(app).commands  # type: ignore[attr-defined]
    assert set(commands) == {"demo", "list", "make", "rank", "select", "audit"}
    for command in commands.values():
        assert command.help
        assert all(parameter.help for parameter in command.params)


@pytest.mark.parametrize("command", [[], ["list"], ["make"], ["rank"], ["select"], ["audit"], ["demo"]])
def test_h_is_help(status: Status, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    assert status(*command, "-h") == 0
    assert " ".join(["Usage: auxtasks", *command]) in capsys.readouterr().out


def test_the_package_is_the_command() -> None:
    shown = subprocess.run([sys.executable, "-m", "auxtasks", "--version"], capture_output=True, check=True)
    assert (shown.stdout.decode().strip(), shown.stderr) == (__version__, b"")


def test_tables_of_all_domains_have_columns_of_one_width(status: Status, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("list") == 0
    lines = capsys.readouterr().out.splitlines()
    summaries = {task.summary.split(" ")[0]: task.name for task in list_tasks()}
    starts = {
        line.index(f" {word} ")
        for line in lines
        for word, name in summaries.items()
        if line.strip().startswith((f"{name} ", f"{name}* ")) and f" {word} " in line
    }
    assert len(starts) == 1


COMMAND = [sys.executable, "-c", "from auxtasks.cli import main; main()"]


def test_a_terminal_without_a_character_shows_a_question_mark() -> None:
    shown = subprocess.run(  # noqa: S603
        [*COMMAND, "list", "--domain", "image"], env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True
    )
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert b"?" in shown.stdout
    assert shown.stdout.isascii()


def test_a_closed_pipe_ends_a_command_without_a_word() -> None:
    with subprocess.Popen([*COMMAND, "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as listing:  # noqa: S603
        assert listing.stdout is not None
        listing.stdout.close()
        assert listing.stderr is not None
        assert listing.stderr.read() == b""


def test_errors_of_the_system_are_shown_without_a_traceback(
    status: Status, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rich.console.Console.print", full)
    assert status("list") == 1
    assert capsys.readouterr().err == "auxtasks: [Errno 28] No space left on device\n"
