"""For all tests. Its presence also lets tests in every folder `import build`."""

import os

import pytest

# The networks of the tests are tiny: more threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest.register_assert_rewrite("ritornello.testing")
