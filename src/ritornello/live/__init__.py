"""Live play: a musician and a model, taking turns or together, on one clock.

A session's inputs and outputs are the plain values of `events`, its settings those of `config`. Times are seconds on
the session's clock, which begins at 0 and never runs back.

Read in order: `config`, `events`, `session` (sans-I/O, without a clock of its own); then its two drivers:
`server` for the page in a browser (built files in `page/`), `ports` for MIDI ports.
"""
