"""Worlds that stand still until a test moves them."""

from tests.simulation.scenario import Mood, drawn
from tests.simulation.world import World


def world_of_a_perpetual() -> World:
    seed = next(seed for seed in range(1, 50) if drawn(seed, Mood.FLAT, symbols=1).is_linear)
    return World(drawn(seed, Mood.FLAT, symbols=1))
