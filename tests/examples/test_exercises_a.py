"""The exercises on pairs, sequences, videos and two data sets: each runs on little data, and does what it says."""

from functools import partial

import numpy as np
import pytest

import auxtasks
from auxtasks.keras import attach_heads

FEW = ["--epochs", "1", "--labels", "16", "--unlabelled", "16"]
RUNS = {  # arguments that make a run short, what it says, and the picture it draws in the folder it is given
    "siamese_digits": (["--epochs", "1"], "with digits of others", ""),
    "sequence_autoencoder": (FEW, "reconstruction", "sequences.png"),
    "next_frame": (FEW, "next_frame", "frames.png"),
}


@pytest.mark.parametrize("name", RUNS)
def test_each_prints_its_table_and_draws(name, load, monkeypatch, capsys, tmp_path):
    (arguments, said, picture), module = RUNS[name], load(name)
    if hasattr(module, "audit"):  # a third of the runs less
        monkeypatch.setattr(module, "audit", partial(module.audit, controls=False))
    if hasattr(module, "N_PAIRS"):
        monkeypatch.setattr(module, "N_PAIRS", dict.fromkeys(module.N_PAIRS, 128))
    output = tmp_path / "output.png"
    module.main([*arguments, "--seeds", "2", "--output", str(output)])
    assert said in capsys.readouterr().out
    assert (output / picture).read_bytes().startswith(b"\x89PNG")


def test_half_of_the_pairs_are_of_one_digit_and_none_of_one_image(load):
    X, y = np.arange(60.0)[:, None], np.arange(60) % 10
    (first, second), digits, same = load("siamese_digits").pairs(np.random.default_rng(0), X, y, 2000)
    assert same.mean() == 0.5
    assert (first != second).all()
    np.testing.assert_array_equal(digits["first"] == digits["second"], same == 1)
    np.testing.assert_array_equal(
        [digits["first"], digits["second"]], [y[x[:, 0].astype(int)] for x in (first, second)]
    )


def test_the_contrastive_loss_has_its_pinned_values(load):
    same, distance = np.array([[1.0], [1.0], [0.0], [0.0]]), np.array([[0.0], [0.5], [0.25], [2.0]])
    # By hand: d² for the same digit, (1 - d)² up to 1 for different ones.
    np.testing.assert_allclose(load("siamese_digits").contrastive(same, distance), [0.0, 0.25, 0.5625, 0.0])


def test_each_head_of_the_siamese_network_reads_its_own_image(load):
    module, rng = load("siamese_digits"), np.random.default_rng(0)
    a, b, other = rng.normal(size=(3, 6, 9)).astype("float32")
    given = {"first": np.arange(6) % 3, "second": np.arange(6) % 2}
    targets = auxtasks.make_aux_targets(a, domain="any", tasks=[], label_columns=given)
    model = attach_heads(module.make_model(9), targets, module.TAPS, 1.0, samples=[a, b])
    before, after = (model.predict_auxiliary([x, b], verbose=0) for x in (a, other))
    np.testing.assert_array_equal(before["second"], after["second"])
    assert np.abs(before["first"] - after["first"]).max() > 0.01


def test_the_end_of_same_is_found_on_validation_pairs_alone(load):
    same = np.array([1.0, 1.0, 0.0, 0.0])
    parts = {"validation": (None, None, same), "test": (None, None, same)}
    accuracy = load("siamese_digits").accuracy
    assert accuracy(parts, np.array([1.0, 2.0, 5.0, 6.0]), np.array([1.0, 4.0, 4.5, 9.0])) == 0.75  # it is 5


def test_series_lose_their_padding_and_are_standardised_by_the_training_part(load, tmp_path):
    x_train = np.random.default_rng(0).normal(3.0, 2.0, size=(4, 2, 10)).astype("float32")
    x_train[1, :, 7:] = np.nan
    np.savez(tmp_path / "some.npz", x_train=x_train, y_train=[0, 1, 0, 1], x_test=x_train + 1, y_test=[1, 1, 0, 0])
    (train, y), (test, _) = load("sequence_autoencoder").read(tmp_path / "some.npz", length=9)
    assert [series.shape for series in train] == [(9, 2), (7, 2), (9, 2), (9, 2)]
    assert y.tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(np.concatenate(train).std(axis=0), 1.0, rtol=1e-5)
    np.testing.assert_allclose(np.concatenate(test).mean(axis=0) > 0, True)


def test_speakers_are_read_from_the_real_files(load, real):
    path = real("ucr_uea/JapaneseVowels.npz")
    (train, y), (test, y_test) = load("sequence_autoencoder").read(path, length=100)
    assert (len(train), len(y), len(test), len(y_test)) == (270, 270, 370, 370)  # by the archive
    assert {series.shape[1] for series in train + test} == {12}


def test_one_digit_moves_its_way_and_nothing_leaves_the_picture(load):
    module = load("next_frame")
    X, y = module.videos(np.random.default_rng(0), np.ones((3, 8, 8), "float32"), 40, noise=0.0)
    assert X.shape == (40, 6, 16, 16, 1)
    np.testing.assert_allclose(X.sum(axis=(2, 3, 4)), 128.0)  # two digits of 64 pixels, all of them inside
    # Half of the mass moves, so that the centre of all moves by half a step.
    centres = np.stack([(X[..., 0] * grid).sum(axis=(2, 3)) / 128.0 for grid in np.mgrid[:16, :16]], axis=-1)
    np.testing.assert_allclose(
        np.diff(centres, axis=1), np.repeat(module.DIRECTIONS[y][:, None] / 2, 5, axis=1), atol=1e-5
    )
    assert len(np.unique(module.DIRECTIONS, axis=0)) == 8


def test_mnist_is_read_in_its_own_layout(load, tmp_path):
    rng, made = np.random.default_rng(0), {}
    for part, n in (("train", 20), ("test", 10)):
        made |= {
            f"x_{part}": rng.integers(0, 256, (n, 28, 28), np.uint8),
            f"y_{part}": rng.integers(0, 10, n, np.uint8),
        }
    (tmp_path / "mnist").mkdir()
    np.savez(tmp_path / "mnist" / "mnist.npz", **made)
    pixels, y = load("siamese_digits").images(tmp_path)["test"]
    halved, y_halved = load("two_datasets").images(tmp_path)[1]
    frames = load("next_frame").digits(tmp_path)[1]
    np.testing.assert_allclose(pixels, made["x_test"].reshape(10, 784) / 255, rtol=1e-6)
    np.testing.assert_allclose(halved[:, 0, 0, 0], made["x_test"][:, :2, :2].mean(axis=(1, 2)) / 255, rtol=1e-5)
    np.testing.assert_allclose(halved[..., 0], frames, rtol=1e-5)
    np.testing.assert_array_equal([y, y_halved], [made["y_test"]] * 2)


def test_arms_make_the_same_number_of_steps_on_digits_and_are_drawn(load, monkeypatch, capsys, tmp_path):
    module, made = load("two_datasets"), {}
    trained, (train, test) = module.trained, module.images(None)
    monkeypatch.setattr(module, "images", lambda _: (train, [part[:32] for part in test]))

    def counted(arm, sets, steps, seed):
        model = trained(arm, sets, steps, seed)
        made[arm, seed] = int(model.optimizer.iterations)  # in turns those of the main task alone
        return model

    monkeypatch.setattr(module, "trained", counted)
    sizes = ["--steps", "4", "--digits", "40", "--parities", "80"]
    module.main([*sizes, "--seeds", "2", "--output", str(tmp_path / "gains.png")])
    drawn = [made.pop(("by size", seed)) for seed in range(2)]
    assert set(made.values()) == {4}
    assert len(made) == 6
    assert sum(drawn) < 8  # a third of 16 on average
    assert "by size" in capsys.readouterr().out
    assert (tmp_path / "gains.png").read_bytes().startswith(b"\x89PNG")
