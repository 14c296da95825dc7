"""The exercises on faces, accelerometers and several targets: each runs on little data, and reads what it says."""

import zipfile
from dataclasses import replace

import keras
import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image

import auxtasks.audit

# Faces


def save_image(path, value, size):
    """Save an image of one value, with noise in the lower half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full(size[::-1], value, np.uint8)
    pixels[size[1] // 2 :] = np.random.default_rng(value).integers(0, 256, (size[1] - size[1] // 2, size[0]))
    Image.fromarray(pixels).save(path)


def cohn_kanade(folder, n=24):
    """Write n sequences in the layout of CK+: persons of two sequences of two images; some labels are not there."""
    rng = np.random.default_rng(0)
    for number in range(n):
        person, sequence = f"S{number // 2:03}", f"{number % 2 + 1:03}"
        for image in (1, 2):
            name = f"{person}_{sequence}_{image:08}"
            save_image(folder / "cohn-kanade-images" / person / sequence / f"{name}.png", 10 * image + number, (64, 48))
        for kind, ending, text in (
            ("Emotion", "emotion", f"   {number % 3 + 1:.7e}\n" if number % 4 else None),  # every fourth is not named
            ("FACS", "facs", f"   1.0e+00   0.0e+00\n   {2 + number % 2:.7e}   3.0e+00\n" if number else None),
            ("Landmarks", "landmarks", "".join(f" {x:.4e}  {y:.4e}\n" for x, y in rng.uniform(0, 64, (68, 2)))),
        ):
            path = folder / kind / person / sequence / f"{name}_{ending}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is not None:
                path.write_text(text)
    (folder / "cohn-kanade-images" / "S000" / ".DS_Store").touch()


def test_cohn_kanade_gives_the_last_image_of_each_sequence_with_its_labels(load, tmp_path):
    cohn_kanade(tmp_path)
    faces = load("loaders/faces").read_faces(tmp_path)
    assert faces.images.shape == (24, 48, 48, 1)
    np.testing.assert_allclose(faces.images[:, 0, 0, 0], (20 + np.arange(24)) / 255)
    # Expressions 1 to 3 are numbered from 0.
    assert faces.expression.tolist() == [number % 3 if number % 4 else -1 for number in range(24)]
    assert faces.person.tolist() == [f"S{number // 2:03}" for number in range(24)]
    units = faces.given["action_units"]
    assert units[0].tolist() == [-1, -1, -1]
    assert units[1:].tolist() == [[1, int(number % 2 == 0), int(number % 2)] for number in range(1, 24)]
    assert faces.given["landmarks"].shape == (24, 136)
    x, y = (tmp_path / "Landmarks/S001/002/S001_002_00000002_landmarks.txt").read_text().split()[:2]
    assert faces.given["landmarks"][3, :2].tolist() == [float(x), float(y)]


def test_labels_of_cohn_kanade_become_targets(load, tmp_path):
    cohn_kanade(tmp_path)
    (tmp_path / "Landmarks/S000/001/S000_001_00000002_landmarks.txt").write_text("\n")
    faces = load("loaders/faces").read_faces(tmp_path)
    targets = auxtasks.make_aux_targets(faces.images, domain="image", tasks=[], label_columns=faces.given)
    assert {name: spec.kind for name, spec in targets.specs.items()} == {
        "action_units": "multilabel",
        "landmarks": "vector",
    }
    assert np.isnan(targets["landmarks"][0]).all()
    assert np.isfinite(targets["landmarks"][1:]).all()


def test_action_units_that_few_faces_show_are_left_out(load, tmp_path):
    cohn_kanade(tmp_path)
    (tmp_path / "FACS/S000/002/S000_002_00000002_facs.txt").write_text("   9.0e+00   0.0e+00\n")
    assert load("loaders/faces").read_faces(tmp_path).given["action_units"].shape == (24, 3)


def test_cmu_images_are_read_by_their_names(load, tmp_path):
    for person in ("an2i", "bpm"):
        for value, name in enumerate(("left_angry_open", "up_sad_sunglasses")):
            save_image(tmp_path / "faces" / person / f"{person}_{name}_2.pgm", 100 * value, (64, 60))
            save_image(tmp_path / "faces" / person / f"{person}_{name}_4.pgm", 255, (32, 30))
    faces = load("loaders/faces").read_faces(tmp_path)
    assert faces.images.shape == (4, 30, 32, 1)
    assert faces.expression.tolist() == [0, 1, 0, 1]
    assert faces.person.tolist() == ["an2i", "an2i", "bpm", "bpm"]
    assert faces.given["eyes"].tolist() == ["open", "sunglasses"] * 2
    np.testing.assert_allclose(faces.images[1, :15], 100 / 255, rtol=1e-6)


def test_a_folder_without_faces_is_refused(load, tmp_path):
    with pytest.raises(FileNotFoundError, match="holds neither cohn-kanade-images"):
        load("loaders/faces").read_faces(tmp_path)


def test_cohn_kanade_without_any_expression_is_refused(load, tmp_path):
    save_image(tmp_path / "cohn-kanade-images/S005/001/S005_001_00000001.png", 0, (64, 48))
    with pytest.raises(FileNotFoundError, match="Emotion holds no label of any of the 1 sequences"):
        load("loaders/faces").read_faces(tmp_path)


def test_the_cmu_faces_are_there(load, real):
    faces = load("loaders/faces").read_faces(real("cmu_faces"))
    assert faces.images.shape == (624, 30, 32, 1)
    assert 0 <= faces.images.min() < faces.images.max() <= 1
    assert [len(np.unique(labels)) for labels in (faces.expression, faces.person, *faces.given.values())] == [
        4,
        20,
        4,
        2,
    ]


@pytest.mark.parametrize("eyes", [0, 1])
def test_happy_and_sad_drawn_faces_differ_most_at_the_mouth(load, eyes):
    faces = load("loaders/faces").drawn_faces(np.random.default_rng(0))
    happy, sad = (
        faces.images[(faces.expression == kind) & (faces.given["eyes"] == eyes)].mean(axis=0) for kind in (1, 3)
    )
    assert np.abs(happy - sad).max(axis=(1, 2)).argmax() in range(15, 20)


def test_face_expression_compares_both_ways_of_setting_heads(load, capsys, tmp_path, monkeypatch):
    module = load("face_expression")
    ways = []

    def accuracy(faces, make, way, seed, epochs):
        ways.append(way)
        return 0.5 + 0.01 * seed + (0.02 + 0.01 * seed if "at" in way else 0)

    monkeypatch.setattr(module, "accuracy", accuracy)
    module.main(["--seeds", "3", "--output", str(tmp_path / "faces.png")])
    by_hand = {"hog": "block_1", "pose": "block_2", "eyes": "block_2"}
    assert ways == [{"weights": 0.0}] * 3 + [{"at": by_hand, "weights": 0.1}] * 3 + [{}] * 3
    lines = capsys.readouterr().out.splitlines()
    # 0.02, 0.03 and 0.04: mean 3, t 4.303 of two degrees of freedom, and a variance of 1 · (1/3 + 1/3).
    assert lines[2] == "heads by hand     54.0%  +3.0  -0.5 to +6.5      0 of 3 seeds: unclear"
    assert lines[3] == "heads auto        51.0%  +0.0  +0.0 to +0.0      0 of 3 seeds: unclear"
    assert imread(tmp_path / "faces.png").shape == (600, 1650, 4)


def test_face_expression_tests_named_expressions_of_cohn_kanade_alone(load, tmp_path):
    """Where all that are named are equal, a network is always right; faces without a name would count as mistakes."""
    cohn_kanade(tmp_path)
    faces = load("face_expression")
    read = faces.read_faces(tmp_path)
    same = replace(read, expression=np.minimum(read.expression, 0))
    assert set(same.expression) == {-1, 0}
    way = {"at": {"hog": "block_1", "action_units": "block_2", "landmarks": "block_2"}, "weights": 0.1}
    make = faces.partial(faces.make_model, (48, 48, 1), 2)
    assert faces.accuracy(same, make, way, seed=0, epochs=15) == 1


# Accelerometer


def hmp(folder):
    """Write an activity of 30 series, one of 3, and copies in a folder ``*_MODEL``."""
    rng = np.random.default_rng(0)
    for name, n in (("Walk", 30), ("Eat_soup", 3), ("Walk_MODEL", 30), ("Drink_glass", 26)):
        (folder / name).mkdir(parents=True)
        for number in range(n):
            codes = rng.integers(0, 64, size=(rng.integers(20, 30), 3))
            lines = "".join(f"{x} {y} {z}\r\n" for x, y, z in codes)
            (folder / name / f"Accelerometer-{number:02}-f1.txt").write_text(lines, newline="")
    (folder / "README.txt").write_text("Not a series.")


def test_hmp_is_read_alike_from_zip_and_folder_without_models_and_rare_activities(load, tmp_path):
    hmp(tmp_path / "HMP_Dataset")
    with zipfile.ZipFile(tmp_path / "hmp.zip", "w") as archive:
        for path in sorted(tmp_path.glob("HMP_Dataset/**/*")):
            archive.write(path, path.relative_to(tmp_path))
    read = load("accelerometer").read_hmp
    X, y = read(tmp_path / "HMP_Dataset")
    assert np.bincount(y).tolist() == [26, 30]
    first = np.loadtxt(tmp_path / "HMP_Dataset/Drink_glass/Accelerometer-00-f1.txt")
    np.testing.assert_allclose(X[0], -1.5 + 3 * first / 63, atol=1e-6)
    for path in (tmp_path, tmp_path / "hmp.zip"):
        again, labels = read(path)
        assert labels.tolist() == y.tolist()
        assert all(np.array_equal(one, other) for one, other in zip(X, again, strict=True))


def test_a_folder_without_series_is_refused(load, tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no folder with 25 files"):
        load("accelerometer").read_hmp(tmp_path)


def test_hmp_is_what_its_readme_says(load, real):
    X, y = load("accelerometer").read_hmp(real("hmp_adl/HMP_Dataset.zip"))
    assert np.bincount(y).tolist() == [102, 31, 42, 100, 101, 28, 100, 100, 102, 100]
    with np.load(real("hmp_adl/hmp_adl.npz")) as data:
        lengths = np.diff(data["offsets"])[data["activity"] == "Comb_hair"]
    assert sorted(len(X[i]) for i in np.flatnonzero(y == 1)) == sorted(np.minimum(lengths, 512))


class NoReport(str):
    def save(self, folder, *, overwrite):
        assert overwrite


def test_accelerometer_downloads_only_when_told_and_audits_both_ways(load, capsys, tmp_path, monkeypatch):
    hmp(tmp_path / "HMP_Dataset")
    asked, splits = [], []

    def get_file(name, origin):
        asked.append(origin)
        return str(tmp_path / "HMP_Dataset")

    def once(*args, cv, epochs, **options):  # trains the second time alone, which is what takes the time
        splits.append((cv, epochs))
        return auxtasks.audit.audit(*args, cv=cv, epochs=1, **options) if cv else NoReport("No report.")

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    accelerometer = load("accelerometer")
    monkeypatch.setattr(accelerometer, "TASKS", ["std"])
    monkeypatch.setattr(accelerometer, "audit", once)
    accelerometer.main(
        ["--download", "--seeds", "2", "--steps", "20", "--jobs", "1", "--hide", "0.8", "--output", str(tmp_path)]
    )
    assert asked == [accelerometer.URL]
    # Of 56 series 42 are trained on: 1.3 batches of 32, and 2.1 with 16 of the 34 without a label.
    assert [epochs for _, epochs in splits] == [15, 10]
    printed = capsys.readouterr().out
    assert "Every series labelled\nNo report." in printed
    assert "Few series labelled" in printed
    assert "std " in printed.split("Few")[1]
    assert imread(tmp_path / "few_series_labelled" / "differences.png").ndim == 3


def test_generated_movements_differ_in_length_and_hold_every_class(load):
    X, y = load("accelerometer").generated(np.random.default_rng(0), 60)
    assert len({len(series) for series in X}) > 10
    assert {series.shape[1] for series in X} == {3}
    assert np.bincount(y).tolist() == [10] * 6


# Several targets


def test_several_targets_runs_on_a_small_tournament(load, capsys, tmp_path, monkeypatch):
    module = load("several_targets")
    for name, value in {"ERAS": 8, "ROWS": 20, "FEATURES": 6, "TARGETS": 2}.items():
        monkeypatch.setattr(module, name, value)
    module.main(["--seeds", "2", "--epochs", "1", "--output", str(tmp_path / "targets.png")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["target_0", "target_1"]
    # Two networks of 6·64 + 64 + 64·64 + 64 + 64 + 1 parameters; together they share all but the 65 of a head.
    assert lines[3] == "parameters: 9,346 alone, 4,738 in one trunk"
    assert imread(tmp_path / "targets.png").shape == (600, 1200, 4)


def test_tournament_has_targets_in_five_steps_that_agree_more_than_chance(load):
    table = load("several_targets").tournament(np.random.default_rng(0))
    assert table.X.shape == (6000, 60)
    assert {value for name in table.targets for value in table.targets[name].unique()} == {0, 0.25, 0.5, 0.75, 1}
    correlations = table.targets.corr().to_numpy()[np.triu_indices(4, 1)]
    # Each has a tenth of its variance in common with features, so that even equal signals correlate by 0.1 alone.
    assert 0 < correlations.min() < correlations.max() < 0.2


def test_score_is_r2_or_the_mean_correlation_over_eras(load):
    score = load("several_targets").score
    y = np.array([0.0, 1.0, 2.0, 5.0, 3.0, 1.0])
    assert score(y, y, None) == 1
    assert score(y, np.full(6, y.mean()), None) == pytest.approx(0)
    era = np.array([1, 1, 1, 2, 2, 2])
    assert score(y, 2 * y + 10 * era, era) == pytest.approx(1)
    assert score(y, np.where(era == 1, y, -y), era) == pytest.approx(0, abs=1e-12)


def test_enb_has_two_targets_last(load, real):
    table = load("several_targets").read(real("mulan/enb.arff"))
    assert table.X.shape == (768, 8)
    assert list(table.targets) == ["Y1", "Y2"]
    assert table.targets.iloc[0].tolist() == pytest.approx([15.55, 21.33])
