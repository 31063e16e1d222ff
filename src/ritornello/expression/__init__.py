"""Expressive performance rendering: velocities, timing, tempo and pedal for music that is written without them.

Pitched parts follow rules (`dynamics`, `tempo`, `pedal`), drums what a network has learned from drummers (`drums`);
`perform` puts them together, and a score that is `performed` is as it is played. Read in order: `perform`, `dynamics`,
`tempo`, `drums`.
"""
