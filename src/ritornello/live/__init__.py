"""Playing live: a person and a model, taking turns or together, on one clock.

What goes in and out of a session are the plain values of `events`; what can be asked of it is `config`. The
session itself does no input or output and reads no clock: both are given to it. Times are seconds on the session's
clock, which begins at 0 and never runs back.

How the parts fit: `session` is the front; `game` knows whose turn it is, `turns` the modes as a table. `player`
(with `keys`) and `performer` are the two sides, `record` is what both played. The performer's `improviser` listens
and answers by steps of a network that others take for it, `engine` for many sessions at once.

Read in order: `config`, `events`, `session`, `turns`, `game`, `improviser`, `hand`, `engine`. Who drives
sessions: `server`, with `hall` and `room`, for the browser; `stage` on MIDI ports.
"""
