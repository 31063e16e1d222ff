"""The procedure of system E in Keras: one `model.predict` on the last 100 words for each note.

Prints notes a second, of processor time and by the clock.

Run by `stepping.py --peers`, with the Python of the environment of the peers. The network is that of the article,
written anew from its description: LSTM of 256, 512 and 256 units with dropout, dense of 256, softmax; one number
a word. The weights are random, which makes no difference to the time.
"""

from __future__ import annotations

import json
import sys
import time

import keras
import numpy as np
import tensorflow

WINDOW, CLASSES = 100, 352


def main() -> None:
    seconds = float(sys.argv[1])
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((WINDOW, 1)),
        layers.LSTM(256, return_sequences=True), layers.Dropout(0.3),
        layers.LSTM(512, return_sequences=True), layers.Dropout(0.3),
        layers.LSTM(256), layers.Dense(256), layers.Dropout(0.3),
        layers.Dense(CLASSES, activation="softmax"),
    ])  # fmt: skip
    words = [0] * WINDOW

    def add_note() -> None:
        window = np.reshape(words[-WINDOW:], (1, WINDOW, 1)) / CLASSES
        words.append(int(np.argmax(model.predict(window, verbose=0))))

    for _ in range(3):  # to warm up
        add_note()
    notes, began, started = 0, time.perf_counter(), time.process_time()
    while time.process_time() - started < seconds:
        add_note()
        notes += 1
    rate, clock = notes / (time.process_time() - started), notes / (time.perf_counter() - began)
    versions = f"Keras {keras.__version__}, TensorFlow {tensorflow.__version__}"
    print(json.dumps({"rate": rate, "clock": clock, "versions": versions}))


if __name__ == "__main__":
    main()
