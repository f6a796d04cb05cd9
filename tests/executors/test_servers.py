"""Servers that tests share: kept as long as nothing is left behind, and lent to one executor at a time."""

from __future__ import annotations

import pytest

from archlab.executors.forks import Forks
from tests.servers import Servers


@pytest.mark.slow
def test_a_server_is_kept_after_jobs_that_have_ended_and_ends_with_one_that_has_not():
    servers, told = Servers(), []
    kept = servers.standing_in
    try:
        first = servers.lend(["standin"])
        first.start("one", "loud:run", {}, None)
        while not any("ended" in message for message in told):
            told += first.messages(5.0)
        assert isinstance(servers.lend(["standin"]), Forks), "one executor has it"
        started = kept.server
        first.close()
        again = servers.lend(["standin"])
        assert again.kept is kept and kept.server is started and not kept.is_dead
        again.start("two", "loud:run", {}, None)
        again.close()
        assert kept.server is None and started.poll() is not None and not kept.is_lent
    finally:
        servers.close()
