"""`mini`: the representation and the network of this package."""

from ritornello.presets import Preset

MINI = Preset(
    "a top line on eighths, read by one small GRU layer",
    {"representation": "mini", "network": "mini_gru", "network_options": {"hidden": 16}},
)
