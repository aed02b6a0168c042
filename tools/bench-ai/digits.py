"""Images of digits, drawn by code: 28 x 28 u8, from nothing but a seed.

A digit is a few strokes in the unit square. Each image moves, turns, shears and scales them, draws them
with a pen of random width, and adds noise.
"""

import numpy as np

SIDE = 28


def _arc(cx, cy, rx, ry, start, end, steps=10):
    turn = np.linspace(np.radians(start), np.radians(end), steps)
    return [(cx + rx * np.cos(t), cy + ry * np.sin(t)) for t in turn]


# Polylines, x to the right, y down, in the unit square.
STROKES = {
    0: [_arc(0.5, 0.5, 0.26, 0.38, 0, 360, 16)],
    1: [[(0.36, 0.28), (0.54, 0.12), (0.54, 0.88)]],
    2: [_arc(0.5, 0.33, 0.24, 0.21, 180, 380) + [(0.28, 0.86), (0.76, 0.86)]],
    3: [_arc(0.48, 0.31, 0.23, 0.19, 200, 450), _arc(0.48, 0.68, 0.25, 0.19, -90, 160)],
    4: [[(0.62, 0.88), (0.62, 0.12), (0.24, 0.62), (0.78, 0.62)]],
    5: [[(0.72, 0.13), (0.34, 0.13), (0.31, 0.46)] + _arc(0.48, 0.64, 0.25, 0.22, 230, 510)],
    6: [[(0.66, 0.13), (0.36, 0.46)] + _arc(0.5, 0.66, 0.22, 0.21, 200, 560, 14)],
    7: [[(0.26, 0.13), (0.74, 0.13), (0.42, 0.88)]],
    8: [_arc(0.5, 0.31, 0.2, 0.18, 0, 360, 14), _arc(0.5, 0.68, 0.24, 0.2, 0, 360, 14)],
    9: [_arc(0.52, 0.34, 0.21, 0.21, 0, 360, 14), [(0.73, 0.34), (0.6, 0.88)]],
}

_GRID = np.stack(np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5), -1).reshape(-1, 2)


def _draw(rng, digit):
    angle, shear = rng.uniform(-0.22, 0.22), rng.uniform(-0.2, 0.2)
    size = rng.uniform(0.75, 1.05, 2) * SIDE * 0.8
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1.0, shear], [0.0, 1.0]]) @ np.diag(size)
    centre = SIDE / 2 + rng.uniform(-2.0, 2.0, 2)
    pen = rng.uniform(0.9, 1.9)
    near = np.full(SIDE * SIDE, np.inf)
    for stroke in STROKES[digit]:
        points = np.array(stroke) - 0.5 + rng.normal(0, 0.012, (len(stroke), 2))
        points = points @ matrix.T + centre
        for a, b in zip(points[:-1], points[1:]):
            along = b - a
            t = np.clip((_GRID - a) @ along / max(along @ along, 1e-9), 0, 1)
            near = np.minimum(near, np.linalg.norm(_GRID - a - t[:, None] * along, axis=1))
    ink = np.clip(pen + 0.5 - near, 0, 1) * rng.uniform(0.75, 1.0)
    ink = ink + rng.normal(0, 0.03, ink.shape) * (ink > 0)
    return (np.clip(ink, 0, 1) * 255).astype(np.uint8)


def dataset(seed, count):
    """`count` images, u8 [count, 784], and their labels, i64 [count]."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count)
    return np.stack([_draw(rng, int(label)) for label in labels]), labels
