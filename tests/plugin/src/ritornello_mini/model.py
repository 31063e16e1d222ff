"""`mini-tune`: a model of this package's representation, as a file beside this one."""

from pathlib import Path

MINI_TUNE = Path(__file__).with_name("mini-tune.rit")
