"""What recipes stand on: named by the store before anything runs, and read from it by the run."""

from __future__ import annotations

import dataclasses
import json
import shutil
from hashlib import sha256

import pytest
import torch
from safetensors.torch import load_file, save_file
from standin import make_run, make_trained

from archlab.architecture import InputSpec, architecture, build_model
from archlab.data import open_prepared
from archlab.executors.shipping import foundations_named, pack_foundation, receive_foundation
from archlab.executors.training import train_run
from archlab.foundation import UserError, files_read
from archlab.runs import Store, run_of
from archlab.runs.foundations import check_trainable, foundations_of
from archlab.runs.named import settled_recipe
from archlab.training.reading import load_recipe
from tests.training.stub import TINY

SHORT = {"resolution": 32, "batch_size": 64, "steps": 12, "lr": 1e-2}


def trained(home, recipe, seed=0, design=TINY) -> str:
    """The key of a run of this recipe, which is trained in this process and stored."""
    digits = open_prepared("digits", home, 32)
    settled = settled_recipe(load_recipe(recipe), design.name, "digits", home)
    run = run_of(design.name, design.canonical(), 1.0, digits, settled.canonical(), seed, smallest_map=2)
    folder = home / "unfinished" / run.key
    folder.mkdir(parents=True, exist_ok=True)
    Store(home).put(run, train_run(run, home=home, folder=folder, report=lambda **_: None, device="cpu"))
    shutil.rmtree(folder)
    return run.key


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A store with a run on digits; its key."""
    home = tmp_path_factory.mktemp("home")
    return home, trained(home, SHORT)


@pytest.fixture
def place(first, tmp_path):
    """A copy of it that may be changed."""
    home, key = first
    return shutil.copytree(home, tmp_path / "home"), key


def settled(home, dataset="digits", **keys):
    return settled_recipe(load_recipe({**SHORT, **keys}), "tiny", dataset, home)


def weights_file(path, design=TINY, classes=5):
    save_file(dict(build_model(design, InputSpec(classes, 32)).state_dict()), path)
    return str(path)


def test_first_digits_become_the_whole_key_wherever_they_are_written(place):
    home, key = place
    for teacher in (key[:6], key[:6].upper(), key, {"digits": key[:4]}, {"mnist5k": "ff", "digits": key[:4]}):
        assert settled(home, distill={"teacher": teacher}).canonical()["distill"] == {
            "teacher": key, "weight": 0.5, "temperature": 4.0}  # fmt: skip
    assert settled(home, init={"run": key[:6]}).canonical()["init"] == {"run": key, "body": 1.0}
    assert settled(home, distill={"teacher": "none such", "weight": 0}).canonical() == settled(home).canonical()


def test_stored_recipes_are_read_back_and_named_already(place, tmp_path):
    home, key = place
    for keys in ({"distill": {"teacher": key[:6]}}, {"init": {"weights": weights_file(tmp_path / "w.safetensors")}}):
        canonical = settled(home, **keys).canonical()
        again = load_recipe(json.loads(json.dumps(canonical)))
        assert again.canonical() == canonical
        assert settled_recipe(again, "tiny", "digits", home).canonical() == canonical


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"dataset": "mnist5k", "dataset_digest": "e" * 64},
            "was trained on mnist5k, not on digits: `teacher: {digits: KEY}`",
        ),
        ({"num_classes": 9}, "knows 9 classes, and digits has 10"),
        ({"resolution": 16}, "sees images of 16 pixels, and networks of this recipe 32 on digits"),
        ({"dataset_digest": "e" * 64}, "was trained on digits as it was prepared otherwise, or before it changed"),
        (
            {"recipe": {"normalisation": {"mean": [0, 0, 0], "std": [1, 1, 1]}}},
            "was trained with another normalisation",
        ),
    ],
)
def test_a_teacher_of_other_images_is_refused(place, fields, message):
    home, _ = place
    digest = open_prepared("digits", home, 32).digest
    run = make_run(**{"dataset_digest": digest, **fields})
    Store(home).put(run, make_trained(run))
    with pytest.raises(UserError) as refused:
        settled(home, distill={"teacher": run.key[:8]})
    assert str(refused.value).startswith(f"distill: the teacher {run.key[:12]} {message}")


def test_what_saw_the_validation_images_can_be_no_part_of_what_they_choose(place):
    home, _ = place
    digest = open_prepared("digits", home, 32).digest
    run = make_run(dataset_digest=digest, dataset="digits", recipe={"with_validation": True})
    Store(home).put(run, make_trained(run))
    for keys in ({"distill": {"teacher": run.key[:8]}}, {"init": {"run": run.key[:8]}}):
        with pytest.raises(
            UserError, match="was trained on the validation images too, by which this run could be chosen"
        ):
            settled(home, **keys)
        assert settled(home, with_validation=True, **keys)


def test_a_run_on_other_splits_of_the_same_images_is_no_start(place):
    home, _ = place
    run = make_run(dataset="ham10000@published", dataset_digest="e" * 64)
    Store(home).put(run, make_trained(run))
    with pytest.raises(
        UserError, match="was trained on ham10000@published, among which test images of ham10000 may be"
    ):
        settled(home, "ham10000", init={"run": run.key[:8]})
    assert settled(home, "digits", init={"run": run.key[:8]}).init.run == run.key


def test_a_run_that_is_not_there_whole_is_refused_at_its_line(place, tmp_path):
    home, key = place
    store, recipe = Store(home), tmp_path / "r.yaml"
    other = key[:4] + "f" * 60 if key[4] != "f" else key[:4] + "e" * 60
    run = make_run(seed=1)
    (store.unfinished / run.key).mkdir(parents=True)

    def refusal(written, keys="distill: {teacher: KEY}"):
        recipe.write_text("like: quick\nsteps: 3\n" + keys.replace("KEY", f"'{written}'") + "\n")
        with pytest.raises(UserError) as refused:
            settled_recipe(load_recipe(str(recipe)), "tiny", "digits", home)
        assert "\n" not in str(refused.value)
        return str(refused.value).removeprefix(f"{recipe}:3: ")

    assert refusal("0000") == "distill: the teacher: no stored run starts with '0000'"
    assert refusal(run.key[:8]) == f"distill: the teacher {run.key[:8]} has not finished"
    assert refusal("12", "init: {run: KEY}").startswith("init: the run: no stored run starts with '12'")
    assert refusal(key[:6], "distill: {teacher: {mnist5k: KEY}}") == "distill: there is no teacher for digits"
    assert "did you mean 'digits'" in refusal(key[:6], "distill: {teacher: {digit: KEY}}")
    shutil.copytree(store.directory(key), store.runs / other[:2] / other)
    assert refusal(key[:4]).startswith(f"distill: the teacher: 2 runs start with '{key[:4]}': ")
    assert refusal(other) == f"distill: the teacher {other[:12]} is damaged: the directory's name is not the run's key"
    store.weights(key).unlink()
    assert refusal(key) == f"distill: the teacher {key[:12]} has no weights"


def test_what_is_settled_rests_on_the_files_of_the_teacher_and_the_weights(place, tmp_path):
    home, key = place
    file = tmp_path / "w.safetensors"
    weights_file(file)
    with files_read() as read:
        settled(home, distill={"teacher": key[:6]}, init={"weights": str(file)})
    assert {file, Store(home).weights(key), Store(home).given(sha256(file.read_bytes()).hexdigest())} <= read


@pytest.mark.slow
def test_a_student_is_taught_by_the_teacher_of_the_store(place):
    home, key = place
    student = trained(home, {**SHORT, "distill": {"teacher": key[:6], "weight": 1.0}}, seed=1)
    document = Store(home).read(student)
    assert document["run"]["recipe"]["distill"]["teacher"] == key
    plain = trained(home, SHORT, seed=1)
    assert plain != student and trained(home, {**SHORT, "distill": {"teacher": key, "weight": 0}}, seed=1) == plain
    images = torch.rand(4, 3, 32, 32)
    run = make_run(recipe=document["run"]["recipe"], dataset_digest=document["run"]["dataset_digest"])
    teacher = foundations_of(run, home).teacher
    expected = build_model(TINY, InputSpec(10, 32)).eval()
    expected.load_state_dict(load_file(Store(home).weights(key)))
    torch.testing.assert_close(teacher(images), expected(images).detach())
    assert not teacher.training and not any(each.requires_grad for each in teacher.parameters())


def run_with(home, **keys):
    recipe = settled(home, **keys).canonical()
    return make_run(recipe=recipe, dataset_digest=open_prepared("digits", home, 32).digest)


def test_a_teacher_that_is_damaged_or_gone_fails_the_run_in_words(place):
    home, key = place
    run, store = run_with(home, distill={"teacher": key}), Store(home)
    with pytest.raises(UserError, match="was trained on other images than those of digits"):
        foundations_of(dataclasses.replace(run, dataset_digest="e" * 64), home)
    content = bytearray(store.weights(key).read_bytes())
    content[-1] ^= 1
    store.weights(key).write_bytes(content)
    with pytest.raises(UserError, match=r"no whole run: weights\.safetensors does not have its checksum"):
        foundations_of(run, home)
    shutil.rmtree(store.directory(key))
    with pytest.raises(UserError, match=f"the teacher, {key[:12]}, is not in the store"):
        foundations_of(run, home)


def test_training_goes_on_from_the_weights_of_a_run(place):
    home, key = place
    still = trained(home, {**SHORT, "steps": 1, "lr": 0.0, "batch_size": 1024, "init": {"run": key[:6]}})
    before, after = (load_file(Store(home).weights(each)) for each in (key, still))
    assert all(torch.equal(before[name], after[name]) for name in before if "running" not in name and "num" not in name)


def test_a_file_of_weights_is_kept_by_what_it_holds(place, tmp_path):
    home, _ = place
    file = tmp_path / "w.safetensors"
    run = run_with(home, init={"weights": weights_file(file), "body": 0.1})
    digest = sha256(file.read_bytes()).hexdigest()
    assert run.recipe["init"] == {"weights": digest, "body": 0.1}
    moved = file.rename(tmp_path / "moved.safetensors")
    assert run_with(home, init={"weights": str(moved), "body": 0.1}).key == run.key
    given = foundations_of(run, home).given
    assert not given.same_dataset
    assert all(torch.equal(given.tensors[name], tensor) for name, tensor in load_file(moved).items())
    Store(home).given(digest).write_bytes(b"other")
    with pytest.raises(UserError, match="are no longer as they were"):
        foundations_of(run, home)
    Store(home).given(digest).unlink()
    with pytest.raises(UserError, match="cannot be read: No such file"):
        foundations_of(run, home)


def test_weights_stand_beside_the_recipe_that_names_them(place, tmp_path):
    home, _ = place
    (tmp_path / "sub").mkdir()
    weights_file(tmp_path / "sub/w.safetensors")
    (tmp_path / "sub/r.yaml").write_text("like: quick\nsteps: 3\ninit: {weights: w.safetensors}\n")
    recipe = load_recipe("sub/r.yaml", folder=tmp_path)
    assert len(settled_recipe(recipe, "tiny", "digits", home).init.weights) == 64


def test_files_that_are_no_weights_are_refused_in_words(place, tmp_path):
    home, _ = place
    torch.save({"a": torch.zeros(2)}, tmp_path / "w.pt")
    torch.save({"a": torch.zeros(2)}, tmp_path / "w.safetensors")
    for name, words in (
        ("w.pt", "weights is a safetensors file, not w.pt: other files of weights can hold programs"),
        ("w.safetensors", "is no safetensors file"),
        ("none.safetensors", "cannot be read, or kept in the store: No such file or directory"),
    ):
        with pytest.raises(UserError, match=words):
            settled(home, init={"weights": str(tmp_path / name)})
    assert not (home / "weights").exists()


def test_networks_that_have_too_little_of_the_weights_are_refused_before_anything_runs(place, tmp_path):
    home, key = place
    spec, mobile = InputSpec(10, 32), architecture("mobilenetv2")
    check_trainable(settled(home, init={"run": key[:6]}), TINY, spec, 1.0, home)
    with pytest.raises(UserError, match=r"mobilenetv2: init: only .* so they are of another"):
        check_trainable(settled(home, init={"run": key[:6]}), mobile, spec, 0.25, home)
    coarse = architecture({"name": "coarse", "resolution": 32, "layers": [{"patch": {"out": 8, "size": 24}}]})
    with pytest.raises(UserError, match="coarse: progressive: nothing is left"):
        check_trainable(settled(home, progressive=0.5), coarse, InputSpec(10, 32, None), 1.0, home)
    first = {"pretrain": {"dataset": "textures", "recipe": {**SHORT, "progressive": 0.5}}}
    with pytest.raises(UserError, match="coarse: progressive: nothing is left of images of 16 pixels"):
        check_trainable(settled(home, init=first), coarse, InputSpec(10, 32, None), 1.0, home)
    check_trainable(settled(home, init=first), TINY, spec, 1.0, home)
    check_trainable(settled(home, progressive=0.5, distill={"teacher": key[:6]}), TINY, spec, 1.0, home)


def test_what_a_recipe_stands_on_travels_to_nodes_that_lack_it(place, tmp_path):
    home, key = place
    file, node = tmp_path / "w.safetensors", Store(tmp_path / "node")
    run = run_with(home, distill={"teacher": key}, init={"weights": weights_file(file)})
    named = foundations_named(run)
    assert named == [("run", key), ("weights", run.recipe["init"]["weights"])]
    packed = {each: pack_foundation(each, Store(home)) for each in named}
    for _ in range(2):
        for each, files in packed.items():
            receive_foundation(each, node, files)
    sent, arrived = (foundations_of(run, each) for each in (home, node.home))
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(sent.teacher(images), arrived.teacher(images))
    assert sent.given.tensors.keys() == arrived.given.tensors.keys()
    assert foundations_named(make_run()) == [] and pack_foundation(("run", "f" * 64), Store(home)) == {}
    for each, files in packed.items():
        name = max(files, key=lambda name: len(files[name]))
        with pytest.raises(UserError, match=r"damaged on its way|damaged on their way"):
            receive_foundation(each, Store(tmp_path / "third"), {**files, name: files[name] + b"?"})
