"""Playing live: a person and a model, taking turns or together, on one clock.

What goes in and out of a session are the plain values of `events`; what can be asked of it is `config`. The
session itself does no input or output and reads no clock: both are given to it. Times are seconds on the session's
clock, which begins at 0 and never runs back.

Read in order: `config`, `events`, then `session`; then who drives it: `engine`, `server` with `hall` and `room` in the
browser, `stage` on MIDI ports.
"""
