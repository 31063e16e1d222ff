"""Music as it is written -> `Score`: what all readers of notation share.

Read in order: `bars`, `instruments`, `expression` (tempo and dynamics), `order` (repeats and jumps), `assembly`.
"""
