"""Playing live: a person and a model, taking turns or together, on one clock.

What goes in and out of a session are the plain values of `events`; what can be asked of it is `config`. Times are
seconds on the session's clock, which begins at 0 and never runs back.

Read in order: `config`, `events`, `session` (pure: no input, no output, no clock of its own); then who drives it:
`server` for the page in a browser (its built files are in `page/`), `ports` for MIDI ports.
"""
