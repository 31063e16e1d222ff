"""For all tests. Its presence also lets tests in every folder `import build`."""

import os

# The networks of the tests are tiny: more threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
