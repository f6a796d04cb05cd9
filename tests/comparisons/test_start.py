import pytest

from tests.comparisons.start import ABLATE, BUILD, HELP, bench_start
from tests.repeated import only_whole


@pytest.mark.slow
@only_whole
def test_commands_that_train_nothing_are_timed_and_two_do_without_torch(tmp_path):
    for package in ("mlxtend", "tensorly", "elpv_dataset", "skimage"):
        pytest.importorskip(package)
    measured = bench_start(tmp_path, repeats=1, progress=lambda words: None)
    assert measured.seconds.keys() > {HELP, BUILD, ABLATE}
    assert not measured.settings[f"torch imported by {HELP}"] and not measured.settings[f"torch imported by {ABLATE}"]
    assert measured.settings[f"torch imported by {BUILD}"]
    assert [path.name for path in tmp_path.iterdir()] == ["datasets"]
