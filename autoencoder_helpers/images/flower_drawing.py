"""Synthetic flowers: small colour pictures of five species, drawn together with the factors that drew them.

Each picture is painted back to front, as one would with a brush: blurred meadow, soft shadow, stem and
leaves, petals, centre. Every shape is a function of the pixel's position (a half-width along a petal's axis,
a rim radius around a centre), evaluated by NumPy on the whole picture at once; an edge is a ramp a little
wider than a pixel, so small moves of a factor move the pixels little.
"""

import colorsys
import math
from functools import cache

import numpy as np
from autoencoder_helpers.errors import CourseError

SPECIES = ("daisy", "dandelion", "roses", "sunflowers", "tulips")

FACTORS = np.dtype(
    [
        ("species", np.uint8),  # index into SPECIES
        ("hue", np.float32),  # of the petals, in turns: -0.2 violet, -0.08 pink, 0 red, 0.15 yellow
        ("size", np.float32),  # radius of the flower head, as a part of the picture's side
        ("x", np.float32),  # centre of the head, right of the picture's, as a part of the side
        ("y", np.float32),  # centre of the head, below the picture's, as a part of the side
        ("rotation", np.float32),  # in radians, clockwise
        ("tilt", np.float32),  # height of the head over its width: 1 is seen from straight above
        ("petals", np.uint8),  # number of petals in one ring
        ("background_hue", np.float32),  # in turns: 0.2 yellow-green, 0.33 green, 0.45 blue-green
        ("background_brightness", np.float32),  # 0 black, 1 full colour
        ("light", np.float32),  # brightness of the flower, 1 in the middle of its range
    ]
)

_EDGE = 1.4  # width in pixels of the ramp at a shape's edge
# Ranges of the species: petal hue in turns, number of petals in a ring.
_HUES = ((-0.10, 0.16), (0.120, 0.165), (-0.11, 0.015), (0.095, 0.140), (-0.22, 0.15))
_PETALS = ((11, 16), (24, 32), (4, 6), (15, 20), (3, 3))


def draw_flowers(count, size=80, seed=321):
    """Draw `count` flowers, each with its own species, colours, place, size and background.

    Picture i depends on `seed`, `size` and i alone, so a longer set begins with the shorter one.

    Arguments
        count: number of pictures, 1 or more
        size: side of a picture in pixels, 8 or more
        seed: whole number, 0 or more

    Returns (images, species, factors)
        images: uint8 (count, size, size, 3), red, green, blue
        species: uint8 (count,), indices into SPECIES
        factors: structured array (count,) with the fields of FACTORS, what each picture was drawn from

    Raises CourseError if an argument is not a whole number or too small.
    """
    for name, value, least in (("count", count, 1), ("size", size, 8), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise CourseError(f"draw_flowers: {name} must be a whole number, at least {least}, not {value!r}.")
    images = np.empty((count, size, size, 3), np.uint8)
    factors = np.empty(count, FACTORS)
    for i in range(count):
        rng = np.random.default_rng([int(seed), i])
        factors[i] = _draw_factors(rng)
        images[i] = _draw(factors[i], size, rng)
    return images, factors["species"].copy(), factors


def _draw_factors(rng):
    species = int(rng.integers(len(SPECIES)))
    low, high = _PETALS[species]
    return (
        species,
        rng.uniform(*_HUES[species]),
        rng.uniform(0.27, 0.41),
        rng.uniform(-0.10, 0.10),
        rng.uniform(-0.10, 0.10) - (0.07 if SPECIES[species] == "tulips" else 0.0),
        rng.uniform(-0.45, 0.45),
        rng.uniform(0.78, 1.0),
        int(rng.integers(low, high + 1)),
        rng.uniform(0.20, 0.45),
        rng.uniform(0.20, 0.75),
        rng.uniform(0.88, 1.08),
    )


def _draw(factors, size, rng):
    """One picture, uint8 (size, size, 3)."""
    brush = _Brush(size, factors, rng)
    brush.background()
    _PAINTERS[int(factors["species"])](brush)
    return np.rint(np.clip(brush.canvas, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)


class _Brush:
    """A canvas (3, side, side) in [0, 1] and the position of every pixel relative to the flower's head.

    Lengths are parts of the picture's side. `u` points right, `v` down, both from the head's centre in the
    upright picture; `r` and `angle` are polar coordinates after the head's tilt and rotation.
    """

    def __init__(self, side, factors, rng):
        self.rng, self.factors, self.ramp = rng, factors, np.float32(side / _EDGE)
        self.radius, self.light = float(factors["size"]), float(factors["light"])
        line = (np.arange(side, dtype=np.float32) + 0.5) / side - 0.5
        self.u = np.broadcast_to(line - factors["x"], (side, side))
        self.v = np.broadcast_to((line - factors["y"])[:, None], (side, side))
        self.line, self.canvas = line, np.empty((3, side, side), np.float32)
        flat = self.v / factors["tilt"]
        self.r = np.sqrt(self.u * self.u + flat * flat)
        self.angle = np.arctan2(flat, self.u) - factors["rotation"]

    def paint(self, colour, mask, shade=None):
        """Cover with `colour` (red, green, blue) where `mask` is 1, times `shade` if given."""
        for channel, value in zip(self.canvas, colour):
            target = value if shade is None else value * shade
            channel += mask * (target - channel)

    def cover(self, inside):
        """1 where the signed distance `inside` is positive, 0 outside, a ramp between."""
        return np.minimum(np.maximum(inside * self.ramp + 0.5, 0), 1)

    def background(self):
        """A meadow out of focus: darker towards the ground, blurred patches and blades, the head's shadow."""
        side, f = len(self.line), self.factors
        patches = _spread(side, 5) @ self.rng.normal(size=(5, 5)).astype(np.float32) @ _spread(side, 5).T
        blades = _spread(side, 3) @ self.rng.normal(size=(3, 16)).astype(np.float32) @ _spread(side, 16).T
        shade = 1 - 0.45 * self.line[:, None] + 0.13 * patches + 0.05 * blades
        near = np.maximum(0, 1 - (self.r / (1.35 * self.radius)) ** 2)
        shade *= 1 - 0.45 * near * near
        top = _rgb(f["background_hue"] + 0.04, 0.42, f["background_brightness"])
        bottom = _rgb(f["background_hue"] - 0.04, 0.68, f["background_brightness"])
        mix = np.clip(self.line + 0.5, 0, 1)[:, None]
        for channel, a, b in zip(self.canvas, top, bottom):
            channel[:] = shade * (a + (b - a) * mix)

    def stem(self, width=0.022, bend=0.35):
        """A stem from the head's centre to the lower edge, bent the way the head is turned."""
        lean = -bend * float(self.factors["rotation"])
        distance = np.abs(self.u - lean * self.v * (1 + self.v))
        mask = self.cover(width - distance) * (self.v > 0)
        self.paint(
            _rgb(0.27, 0.65, 0.42 + 0.15 * self.factors["background_brightness"]),
            mask,
            0.75 + 0.35 * np.clip(1 - distance / width, 0, 1),
        )

    def blade(self, colour, u, v, lean, length, width, profile, rib=0.12):
        """One petal or leaf from (u, v), `lean` radians right of up; `width`: its greatest half-width."""
        lean, u, v = float(lean), self.u - float(u), self.v - float(v)
        across = np.abs(u * math.cos(lean) + v * math.sin(lean))
        along = u * math.sin(lean) - v * math.cos(lean)
        half = width * _look_up(profile, along / length)
        part = np.clip(across / (half + 1e-4), 0, 1)
        shade = 0.74 + 0.34 * np.clip(along / length, 0, 1) - 0.16 * part * part
        shade -= rib * np.maximum(0, 1 - across / 0.012)
        self.paint(colour, self.cover(half - across), shade)

    def ring(self, colour, count, radius, width, profile, *, phase=0, uneven=0.06, base=0.7, tip=1.05, rib=0.1):
        """`count` petals around the head; `width` is the greatest half-width as a part of `radius`."""
        turn = self.angle * (count / (2 * np.pi)) - phase
        which = np.rint(turn)
        offset = (turn - which) * (2 * np.pi / count)
        which = which.astype(np.int32) % count
        lengths = (radius * (1 + uneven * self.rng.uniform(-1, 1, count))).astype(np.float32)[which]
        tones = self.rng.uniform(0.94, 1.04, count).astype(np.float32)[which]
        along, across = self.r * np.cos(offset) / lengths, np.abs(self.r * np.sin(offset))
        half = (width * radius) * _look_up(profile, along)
        part = across / (half + 1e-4)
        shade = base + (tip - base) * np.minimum(along, 1) - 0.14 * np.minimum(part * part, 1)
        shade = tones * (shade - rib * np.maximum(0, 1 - 4 * part))
        self.paint(colour, self.cover(half - across), shade * self.light)

    def disc(self, colour, radius, grain=0.0, spirals=(13, 21), edge=0.6, top=1.1):
        """A domed centre; `grain`: depth of the pattern of two families of spirals, as in a seed head."""
        part = self.r / radius
        shade = edge + (top - edge) * np.maximum(0, 1 - part * part)
        if grain:
            wind = 9 * np.sqrt(part)
            right, left = (np.sin(n * self.angle + sign * wind) for n, sign in zip(spirals, (1, -1)))
            shade = shade + grain * right * left
        self.paint(colour, self.cover(radius - self.r), shade * self.light)


def _daisy(brush):
    f, radius = brush.factors, brush.radius
    brush.stem(0.016)
    petal = _rgb(f["hue"], 0.05, 1.0)
    brush.ring(petal, int(f["petals"]), 0.96 * radius, 0.130, "round", phase=0.5, base=0.62, tip=0.90)
    brush.ring(petal, int(f["petals"]), radius, 0.135, "round", base=0.80, tip=1.06)
    brush.disc(_rgb(0.130, 0.88, 0.94), 0.29 * radius, grain=0.10)


def _dandelion(brush):
    f, radius = brush.factors, brush.radius
    brush.stem(0.017)
    brush.disc(_rgb(f["hue"] - 0.02, 0.95, 0.70), 0.70 * radius, edge=0.9, top=0.9)
    layers = (1.0, 0.86, 0.70, 0.53, 0.36)
    for k, part in enumerate(layers):
        colour = _rgb(f["hue"] - 0.012 + 0.006 * k, 0.97 - 0.05 * k, 0.90 + 0.025 * k)
        brush.ring(
            colour,
            int(f["petals"]) - 3 * k,
            part * radius,
            0.085,
            "strap",
            phase=0.37 * k,
            uneven=0.07,
            base=0.62,
            tip=1.04,
            rib=0.05,
        )
    brush.disc(_rgb(f["hue"] - 0.02, 0.95, 0.88), 0.13 * radius, grain=0.15, spirals=(5, 8))


def _rose(brush):
    f, radius = brush.factors, brush.radius
    brush.stem(0.020)
    leaf = _rgb(0.32, 0.62, 0.30 + 0.20 * f["background_brightness"])
    brush.ring(leaf, 5, 1.20 * radius, 0.26, "pointed", phase=0.2, rib=0.25)
    petal = _rgb(f["hue"], 0.80 - 4 * max(0.0, -0.05 - float(f["hue"])), 0.96)  # pink is paler than red
    turns = brush.angle * (1 / (2 * np.pi))
    layers = 6
    for k in range(layers):
        petals = max(2, int(f["petals"]) - k // 2)
        part = turns * petals + 0.62 * k
        part = part - np.floor(part)
        # Each petal's rim bulges and ends off the next one's beginning: the overlap that makes a spiral.
        bulge = np.sqrt(np.sin(np.pi * (0.08 + 0.84 * part)))
        rim = radius * (1 - k / (layers + 0.35)) * (0.86 + 0.14 * bulge - 0.06 * part)
        depth = np.clip(brush.r / rim, 0, 1)
        shade = (0.50 + 0.52 * depth**4) * (1.04 - 0.20 * part) * (1 - 0.035 * k)
        brush.paint(petal, brush.cover(rim - brush.r), shade * brush.light)


def _sunflower(brush):
    f, radius = brush.factors, brush.radius
    brush.stem(0.024)
    petal = _rgb(f["hue"], 0.94, 0.98)
    brush.ring(petal, int(f["petals"]), 1.08 * radius, 0.150, "pointed", phase=0.5, base=0.55, tip=0.84)
    brush.ring(petal, int(f["petals"]), 1.08 * radius, 0.150, "pointed", base=0.66, tip=1.06)
    brush.disc(_rgb(0.06, 0.72, 0.34), 0.48 * radius, grain=0.30, spirals=(13, 21), edge=0.95, top=0.85)
    brush.disc(_rgb(0.10, 0.65, 0.22), 0.22 * radius, grain=0.25, spirals=(8, 13), edge=0.9, top=0.8)


def _tulip(brush):
    f, radius = brush.factors, brush.radius
    turn = 0.5 * float(f["rotation"])
    green = _rgb(0.31, 0.55, 0.40 + 0.22 * f["background_brightness"])
    brush.stem(0.022)
    brush.blade(_darker(green, 0.85), 0.0, 1.0, -0.22, 0.86, 0.060, "pointed")
    brush.blade(green, 0.0, 1.0, 0.20, 0.80, 0.065, "pointed")
    high, wide = 2.0 * radius, 0.62 * radius * float(f["tilt"])
    u, v = -0.8 * radius * math.sin(turn), 0.8 * radius * math.cos(turn)
    petal = tuple(c * brush.light for c in _rgb(f["hue"], 0.82, 0.95))
    brush.blade(_darker(petal, 0.70), u, v, turn - 0.17, 0.93 * high, 0.80 * wide, "cup")
    brush.blade(_darker(petal, 0.70), u, v, turn + 0.17, 0.93 * high, 0.80 * wide, "cup")
    brush.blade(_darker(petal, 0.88), u, v, turn - 0.33, 0.90 * high, 0.74 * wide, "cup")
    brush.blade(_darker(petal, 0.88), u, v, turn + 0.33, 0.90 * high, 0.74 * wide, "cup")
    brush.blade(petal, u, v, turn, 0.86 * high, 0.86 * wide, "cup")


_PAINTERS = (_daisy, _dandelion, _rose, _sunflower, _tulip)

# Half-width of a petal along its axis, t from 0 (base) to 1 (tip): t**rise * (1 - t)**fall, greatest value 1.
_PROFILES = {"round": (0.55, 0.30), "strap": (0.25, 0.18), "pointed": (0.60, 0.85), "cup": (0.50, 0.62)}


@cache
def _profile(name):
    t = np.linspace(0, 1, 257)
    rise, fall = _PROFILES[name]
    half = t**rise * (1 - t) ** fall
    half[0] = half[-1] = -1  # beyond both ends nothing is inside
    return (half / half.max()).astype(np.float32)


def _look_up(name, t):
    """The half-width at t; beyond base and tip it is negative, so nothing is painted there."""
    return _profile(name)[np.minimum(np.maximum(t * 256, 0), 256).astype(np.int32)]


@cache
def _spread(side, knots):
    """(side, knots) weights that stretch `knots` values smoothly over `side` pixels; each row sums to 1."""
    places = np.linspace(0, 1, side)[:, None] * (knots - 1) - np.arange(knots)
    weights = np.exp(-0.5 * (places / 0.6) ** 2)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def _rgb(hue, saturation, value):
    saturation, value = (min(max(float(part), 0), 1) for part in (saturation, value))
    return colorsys.hsv_to_rgb(float(hue) % 1, saturation, value)


def _darker(colour, part):
    return tuple(part * c for c in colour)
