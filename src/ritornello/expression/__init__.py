"""Expressive performance rendering (`perform`, `performed`): velocities, timing, tempo and pedal for music that is written without them.

Pitched parts follow rules (`dynamics`, `tempo`, `pedal`), drums what a network has learned from drummers (`drums`);
`perform` puts them together. Read in order: `perform`, `dynamics`, `tempo`, `drums`.
"""
