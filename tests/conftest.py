"""One thread for torch, as in archlab's own workers: small networks are fastest so, and numbers do not depend on cores."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
