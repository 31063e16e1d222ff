"""OSC: how exact are the notes and beats in time, and how long is a round trip?

    python benchmarks/osc.py [--model songs] [--seconds 60] [--clients 1]

A session runs in this process, as in `ritornello play --osc`, with the real network and UDP on this machine. A client
in another process plays all the time, and the model answers every other two bars (mode trade). It receives the model's
notes ahead (`planned`) and when they sound (`note`): the difference to the time told is how late they are. A `ping`
every tenth of a second measures the round trip, answers of the model or not.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import threading
import time

import numpy as np

from ritornello.config import checked
from ritornello.live.config import JamConfig
from ritornello.live.events import Start
from ritornello.live.ports import PortGroup
from ritornello.live.ports import osc_messages as osc
from ritornello.live.ports.osc_port import OscPort
from ritornello.live.ports.port_player import PortPlayer
from ritornello.live.server.catalog import load_catalog
from ritornello.live.session import Session

TEMPO = 120.0


def shown(name: str, seconds: list[float]) -> str:
    """Return a row of percentiles in milliseconds."""
    if not seconds:
        return f"{name:<34} none"
    p50, p95, p99 = 1000 * np.percentile(seconds, (50, 95, 99))
    return f"{name:<34} {len(seconds):5}  {p50:7.2f} {p95:7.2f} {p99:7.2f} {1000 * max(seconds):7.2f}"


def client(port: int, seconds: float) -> None:
    """Play, listen, and print how late everything is."""
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.settimeout(0.005)
    target = ("127.0.0.1", port)
    wire.sendto(osc.to_packet("subscribe", ()), target)
    planned: dict[tuple[int, int], list[float]] = {}
    late: list[float] = []
    beats: list[float] = []
    trips: list[float] = []
    sent: dict[int, float] = {}
    begun, number, pitch, is_down = time.perf_counter(), 0, 60, False
    next_ping = next_key = begun
    while (now := time.perf_counter()) < begun + seconds:
        if now >= next_ping:
            number, next_ping = number + 1, next_ping + 0.1
            sent[number] = now
            wire.sendto(osc.to_packet("ping", (number,)), target)
        if now >= next_key:
            pitch = pitch if is_down else 60 + (pitch - 58) % 12
            wire.sendto(osc.to_packet("note", (pitch, 0 if is_down else 90)), target)
            is_down, next_key = not is_down, next_key + 0.125
        try:
            packet = wire.recv(65536)
        except TimeoutError:
            continue
        now = time.perf_counter()
        for _, address, arguments in osc.parse_packet(packet):
            path = address.removeprefix(osc.ROOT)
            if path == "planned":
                planned.setdefault((arguments[1], arguments[3]), []).append(now + arguments[4])
            elif path == "note" and arguments[1] and (known := planned.get((arguments[0], arguments[2]))):
                nearest = min(known, key=lambda time: abs(time - now))
                if abs(now - nearest) < 0.5:
                    late.append(now - nearest)
                    known.remove(nearest)
            elif path == "beat":
                beats.append(now)
            elif path == "pong":
                trips.append(now - sent.pop(arguments[0]))
    print(f"{'milliseconds':<34} {'count':>5}  {'p50':>7} {'p95':>7} {'p99':>7} {'max':>7}")
    print(shown("a note after its planned time", late))
    steps = np.diff(beats) - 60 / TEMPO
    print(shown("interval of beats, difference", [abs(float(step)) for step in steps if abs(step) < 0.3]))
    print(shown("round trip of a ping", trips))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="songs")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=1, help="others that subscribe, and only listen")
    parser.add_argument("--client", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.client:
        return client(asked.client, asked.seconds)
    catalog, group = load_catalog([asked.model]), PortGroup()
    entry = catalog.find(None)
    entry.load()
    port = OscPort(group.put, port=0)
    group.ports.append(port)
    config = checked(JamConfig, {"mode": "trade", "call_bars": 2, "tempo": TEMPO, "count_in": 0})
    player = PortPlayer(Session(entry.model, config, 3), catalog, group, time.perf_counter)
    others = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(asked.clients - 1)]
    for other in others:
        other.sendto(osc.to_packet("subscribe", ()), port.address)
    command = [sys.executable, __file__, "--client", str(port.address[1]), "--seconds", str(asked.seconds)]
    process = subprocess.Popen(command)
    ended = threading.Event()
    threading.Thread(target=lambda: (process.wait(), ended.set()), daemon=True).start()
    player.receive(Start())
    player.run(lambda: not ended.is_set())
    group.close()


if __name__ == "__main__":
    main()
