import time

from tests.comparisons.timed import TimedBench, timed


def test_the_time_of_an_action():
    def burn():
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass

    bench = TimedBench("test", {})
    bench.add_seconds([{"burn": timed(burn, times=2)}, {"burn": timed(burn)}])
    assert bench.seconds["burn"]["cpu"].n == 2 and 0.045 < bench.seconds["burn"]["cpu"].median < 0.1
    assert bench.seconds["burn"]["wall"].min >= bench.seconds["burn"]["cpu"].min - 0.02
