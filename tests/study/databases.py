"""Databases of the tests' own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


class PostgreSQL:
    """A PostgreSQL server, run by an ordinary user; skips the test where there is none."""

    def __enter__(self) -> PostgreSQL:
        pytest.importorskip("psycopg", reason="the driver of PostgreSQL is not installed")
        found = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
        self.programs = found or Path(shutil.which("initdb") or "").parent
        if not (self.programs / "initdb").exists():
            pytest.skip("PostgreSQL is not installed")
        self.user = "postgres" if os.getuid() == 0 else None
        self.folder = tempfile.mkdtemp(prefix="postgresql-")
        if self.user:
            shutil.chown(self.folder, self.user)
        self.url = f"postgresql://archlab@/postgres?host={self.folder}"
        self._call("initdb", "-D", f"{self.folder}/data", "-U", "archlab", "--auth=trust", "--no-sync")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if (Path(self.folder) / "data" / "postmaster.pid").exists():
                self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off"  # processes die here, and no machine does
        self._call("pg_ctl", "-D", f"{self.folder}/data", "-o", options, "-l", f"{self.folder}/log", "-w", "start")

    def stop(self) -> None:
        self._call("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "stop")

    def _call(self, program: str, *arguments: str) -> None:
        command = [self.programs / program, *arguments]
        subprocess.run(command, user=self.user, cwd=self.folder, check=True, stdout=subprocess.DEVNULL)
