import json
import math
import signal
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import archlab
from archlab.budget import count
from archlab.deploy import targets
from archlab.deploy.alone import last_words, python_alone
from archlab.deploy.tflite_file import Operator, check_weights, read_tflite, told
from archlab.deploy.tflm import tflm_arena
from archlab.deploy.vela import NPUS, vela_estimate
from archlab.foundation import UserError

pytest.importorskip("ethosu")
pytest.importorskip("tflite_micro")

from tests.deploy.tflite_made import small_tflite, with_weights_behind


@pytest.fixture(scope="module")
def small():
    return small_tflite()


def images(number=3, side=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (number, side, side, 3), dtype=np.uint8)


def by_hand(content, pixels):
    """What the small network computes, in numpy, from the file's own weights: logits, float (N, 3)."""
    from tflite_micro.tensorflow.lite.micro.compression import model_editor

    graph = model_editor.read(content).subgraphs[0]
    kernel = graph.tensor_by_name("kernel").array.astype(float) * 0.01
    rows = graph.tensor_by_name("rows").array.astype(float) * 0.02
    padded = np.pad(pixels / 255, ((0, 0), (0, 1), (0, 1), (0, 0)))  # SAME at stride 2 pads behind
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))[:, ::2, ::2]
    maps = np.clip(np.einsum("nhwcij,oijc->nhwo", windows, kernel), 0, 6)
    return maps.mean((1, 2)) @ rows.T


# the file


def test_operators_are_read_with_their_layers(small):
    file = read_tflite(small_tflite(then="GELU"))
    kinds = ["QUANTIZE", "CONV_2D", "GELU", "MEAN", "FULLY_CONNECTED", "SOFTMAX"]
    assert [each.kind for each in file.operators] == kinds
    assert [each.place for each in file.operators] == ["pixels", "layers.0", "layers.1", "mean", "head", "head"]
    assert (file.takes, file.outside) == ("uint8", 0)
    assert read_tflite(small_tflite(takes="int8")).takes == "int8"


def test_operators_are_told_once_a_kind_with_all_their_layers():
    found = [
        Operator("GELU", "a/layers.1/b"),
        Operator("PACK", "x/7"),
        Operator("GELU", "layers.3"),
        Operator("GELU", "layers.1"),
    ]
    assert told(found) == ("GELU (layers.1, layers.3)", "PACK (x)")


@pytest.mark.parametrize("keep", [0, 3, 8, 100, 1000, 2000, -1])
@pytest.mark.parametrize(
    "estimate", [lambda file: vela_estimate(file, "ethos-u55-128"), lambda file: tflm_arena(file, images())]
)
def test_a_file_that_ends_too_soon_is_an_error_of_one_line(small, keep, estimate):
    with pytest.raises(UserError, match=r"this is no (whole )?\.tflite file|refuses it|crashed"):
        estimate(small[: keep if keep >= 0 else len(small) // 2])


def test_what_is_no_file_is_an_error_of_one_line():
    noise = np.random.default_rng(0).bytes(3000)
    for content in (noise, noise[:4] + b"TFL3" + noise[8:], b"", b"TFL3TFL3"):
        with pytest.raises(UserError, match=r"this is no (whole )?\.tflite file"):
            read_tflite(content)


def test_weights_behind_the_flatbuffer_are_refused_for_tflm_computes_without_them(small, tmp_path):
    behind = with_weights_behind(small)
    assert read_tflite(behind).outside == 5
    with pytest.raises(UserError, match="5 of its buffers lie behind the flatbuffer"):
        check_weights(read_tflite(behind))
    for estimate in (lambda: tflm_arena(behind, images()), lambda: vela_estimate(behind, "ethos-u85-256")):
        with pytest.raises(UserError, match="lie behind the flatbuffer"):
            estimate()
    # why: TFLM takes the file, says nothing, and gives the same for all images
    from tflite_micro import runtime

    def computed(content):
        interpreter = runtime.Interpreter.from_bytes(content, arena_size=2**16)
        found = []
        for image in images(2):
            interpreter.set_input(image[None], 0)
            interpreter.invoke()
            found.append(interpreter.get_output(0).copy())
        return found

    assert np.array_equal(*computed(behind)) and not np.array_equal(*computed(small))


# Vela


@pytest.mark.parametrize("target", NPUS)
def test_vela_estimates_an_accelerator(small, target):
    found = vela_estimate(small, target)
    assert found.target == target and found.on_cpu == () and found.cause is None and found.arena is None
    assert found.estimated_by.startswith("Vela 5.") and found.estimated_by.endswith("; not measured")
    assert found.cycles > 500 and math.isclose(found.ms * found.inferences_per_second, 1000, rel_tol=1e-6)
    clock = {"ethos-u55-128": 500e6, "ethos-u85-256": 1e9}[target]
    assert math.isclose(found.ms / 1000, found.cycles / clock, rel_tol=1e-6)
    assert 8 * 8 * 3 <= found.least_sram <= found.sram < 2000  # the input lies in it
    assert found.least_sram_ms >= found.ms
    assert 8 * 27 + 24 < found.flash < len(small) + 2000


@pytest.mark.slow
def test_more_pixels_take_more_cycles_and_memory(small):
    small_map, large_map = vela_estimate(small, "ethos-u55-128"), vela_estimate(small_tflite(side=32), "ethos-u55-128")
    assert large_map.cycles > 2 * small_map.cycles and large_map.sram > 4 * small_map.sram
    assert large_map.flash < 2 * small_map.flash


def test_what_falls_back_to_the_cpu_is_named():
    found = vela_estimate(small_tflite(in_float=True), "ethos-u55-128")
    assert found.on_cpu == ("DEQUANTIZE (probabilities)",) and found.cycles > 0


def test_a_file_in_float_runs_nowhere_on_an_accelerator():
    content = resources.files("tflite_micro.python.tflite_micro").joinpath("sine_float.tflite").read_bytes()
    with pytest.raises(UserError, match="none of its operators runs on the accelerator: FULLY_CONNECTED"):
        vela_estimate(content, "ethos-u55-128")


def test_what_vela_refuses_is_said_in_its_words():
    with pytest.raises(UserError, match=r"^Vela refuses it: .*scales must be finite"):
        vela_estimate(small_tflite(scale=math.inf), "ethos-u55-128")


def test_a_crash_of_vela_is_said_and_survived(small, tmp_path):
    (tmp_path / "cut.tflite").write_bytes(small[:1000])
    with pytest.raises(UserError, match=r"Vela crashed \(SIGSEGV\)"):
        python_alone("Vela", "-m", "ethosu.vela", str(tmp_path / "cut.tflite"), "--output-dir", str(tmp_path))


# TFLM


@pytest.mark.slow
def test_tflm_runs_the_file_in_the_least_arena(small):
    found = tflm_arena(small, images())
    assert found.target == "tflm" and found.flash == len(small) and found.cycles is None
    assert found.estimated_by.startswith("TFLM ") and found.estimated_by.endswith("; not measured on a device")
    assert 8 * 8 * 3 + 4 * 4 * 8 <= found.arena_maps < found.arena
    from tflite_micro import runtime

    runtime.Interpreter.from_bytes(small, arena_size=found.arena)
    with pytest.raises(RuntimeError):
        runtime.Interpreter.from_bytes(small, arena_size=found.arena - 16)
    assert tflm_arena(small_tflite(side=32), images(1, 32)).arena > found.arena + 32 * 32 * 3


@pytest.mark.parametrize("takes", ["uint8", "int8"])
def test_tflm_computes_what_the_network_is(takes, tmp_path):
    content, pixels = small_tflite(takes=takes), images(5)
    model, given, wanted = (tmp_path / name for name in ("a.tflite", "a.npy", "b.npy"))
    model.write_bytes(content)
    from archlab.deploy.tflm import _as_input

    np.save(given, _as_input(pixels, takes))
    done = python_alone(
        "TFLM", str(Path(targets.__file__).with_name("tflm_alone.py")), *map(str, (model, given, wanted))
    )
    assert done.returncode == 0, done.stderr
    logits = by_hand(content, pixels)
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert np.abs((np.load(wanted) + 128.0) / 256 - expected).max() < 0.03


def test_an_operator_that_tflm_has_not_is_named():
    with pytest.raises(UserError, match=r"^GELU \(layers.1\) is not in TFLM$"):
        tflm_arena(small_tflite(then="GELU"), images())


def test_an_operator_that_tflm_does_not_take_so_is_named():
    with pytest.raises(UserError, match=r"^TFLM refuses MAX_POOL_2D \(layers.1\): scale_diff"):
        tflm_arena(small_tflite(then="MAX_POOL_2D"), images())


def test_images_of_another_size_are_refused(small):
    with pytest.raises(UserError, match=r"^TFLM refuses it: .*\b16\b"):
        tflm_arena(small, images(1, 16))


@pytest.mark.parametrize("options", [{}, {"takes": "int8"}, {"in_float": True}])
def test_the_output_is_held_against_litert(options):
    pytest.importorskip("ai_edge_litert")
    found = tflm_arena(small_tflite(**options), images())
    assert (found.images, found.same_as_litert, found.largest_difference) == (3, 3, 0)


def test_another_output_is_told_by_how_much(small):
    pytest.importorskip("ai_edge_litert")
    from archlab.deploy.tflm import _beside_litert

    pixels = images(2)
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(model_content=small, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    found = []
    for image in pixels:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    found[1] = found[1] + np.array([0, 3, 0], np.int8)
    same, largest = _beside_litert(np.array(found), small, pixels)
    assert same == 1 and math.isclose(largest, 3 / 256)


# processes


def test_a_process_that_dies_or_hangs_is_an_error(monkeypatch):
    with pytest.raises(UserError, match=r"The tool crashed \(SIGKILL\)"):
        python_alone("The tool", "-c", f"import os; os.kill(os.getpid(), {signal.SIGKILL})")
    monkeypatch.setattr("archlab.deploy.alone.LIMIT", 0.5)
    with pytest.raises(UserError, match="The tool takes longer than 0 s"):
        python_alone("The tool", "-c", "import time; time.sleep(60)")


def test_last_words():
    assert last_words("Traceback\n  line\nRuntimeError: Compilation failed:\n - no\n\n") == "Compilation failed: - no"
    assert last_words("Note: all is lost\nall") == "all" and last_words("") == "it did not say why"


# networks


@pytest.mark.slow
def test_one_target_that_fails_does_not_stop_the_others(place, monkeypatch):
    monkeypatch.setattr(targets, "int8_file", lambda network: small_tflite(side=16, then="GELU"))
    network = archlab.load(place.keys["mobileone"], store=place.home)
    found = {each.target: each for each in targets.estimates(network, targets.TARGETS)}
    assert list(found) == ["ethos-u55-128", "ethos-u85-256", "tflm"]
    assert found["tflm"].cause == "GELU (layers.1) is not in TFLM" and found["tflm"].estimated_by.startswith("TFLM")
    assert found["ethos-u55-128"].cause is None and found["ethos-u55-128"].cycles
    json.dumps([each.document() for each in found.values()])


@pytest.mark.slow
def test_what_is_counted_is_the_closed_form(place):
    network = archlab.load(place.keys["mobileone"], store=place.home)
    cost = count(network.architecture, network.run.input, network.run.width)
    assert targets.counted(network) == (cost.peak_memory, cost.flash)
    assert min(targets.counted(archlab.load(place.keys["gated"], store=place.home))) > 0  # blocks of a user's own


@pytest.mark.parametrize(
    ("absent", "wanted", "words"),
    [
        (["ethosu", "tflite_micro"], ["tflm"], "ethosu and tflite_micro"),
        (["tflite_micro"], ["tflm"], "archlab device needs tflite_micro: pip install 'archlab\\[microcontroller\\]'"),
        (["tflite_micro"], ["tflm", "ethos-u55-128"], None),
    ],
)
def test_what_is_missing_is_said_before_anything_is_computed(monkeypatch, absent, wanted, words):
    extras = {"litert": (), "microcontroller": ("ethosu", "tflite_micro")}
    monkeypatch.setattr("archlab.deploy.extras.EXTRAS", extras)
    found = lambda name: None if name in absent else object()  # noqa: E731
    monkeypatch.setattr("archlab.deploy.extras.find_spec", found)
    if words is None:
        targets.check_installed(wanted)
        found = targets._estimate(small_tflite(), images(), "tflm")
        assert found.cause.startswith("TFLM needs tflite_micro: pip install")
    else:
        with pytest.raises(UserError, match=words):
            targets.check_installed(wanted)


def test_without_litert_one_line_says_so(monkeypatch):
    monkeypatch.setattr("archlab.deploy.extras.EXTRAS", {"litert": ("no_such_module",), "microcontroller": ()})
    with pytest.raises(UserError, match=r"archlab device needs no_such_module: pip install 'archlab\[litert\]'"):
        targets.check_installed(["tflm"])


@pytest.mark.slow
def test_a_trained_network_from_run_to_estimates(place):
    for name in ("litert_torch", "ai_edge_litert", "ai_edge_quantizer"):
        pytest.importorskip(name)
    network = archlab.load(place.keys["mobileone"], store=place.home)
    vela55, vela85, tflm = targets.estimates(network, targets.TARGETS)
    assert vela55.cause is vela85.cause is tflm.cause is None
    assert tflm.same_as_litert == tflm.images == targets.COMPARED
    peak, flash = targets.counted(network)
    assert peak / 4 < vela55.least_sram < 3 * peak and tflm.arena > peak and tflm.flash > flash
