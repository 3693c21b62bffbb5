"""Goldens of the operators in unary.c ... matmul.c (see make_ops.py)."""
import numpy as np
import torch
import torch.nn.functional as F

RNG = np.random.RandomState


def uniform(seed, shape, low=-1.0, high=1.0):
    return RNG(seed).uniform(low, high, shape).astype(np.float32)


def unary(low, high, fn):
    return lambda: dict(inputs=[uniform(1, (3, 17), low, high)], fn=fn, grads=[True])


CASES = {
    "unary_relu": unary(-3, 3, torch.relu),
    "unary_tanh": unary(-4, 4, torch.tanh),
    "unary_sigmoid": unary(-8, 8, torch.sigmoid),
    "unary_exp": unary(-5, 3, torch.exp),
    "unary_log": unary(0.1, 5, torch.log),
    "unary_sqrt": unary(0.1, 5, torch.sqrt),
    "unary_square": unary(-3, 3, torch.square),
    "unary_clamp": unary(-2, 2, lambda x: x.clamp(-0.625, 0.375)),
    "unary_affine": unary(-3, 3, lambda x: -1.5 * x + 0.25),
}

# ---- binary ----

BINARY = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div}
BINARY_SHAPES = {
    "same": ((5, 7), (5, 7)),
    "scalar": ((5, 17), (1,)),
    "row": ((2, 3, 17), (17,)),
    "column": ((2, 5, 7), (2, 5, 1)),
    "outer": ((5, 1), (1, 7)),
    "strided": ((2, 1, 3, 5), (4, 1, 5)),
}


def binary(fn, a, b):
    return lambda: dict(inputs=[uniform(1, a), uniform(2, b, 0.5, 2.0)], fn=fn, grads=[True, True])


CASES |= {f"binary_{kind}_{name}": binary(fn, *shapes)
          for kind, fn in BINARY.items() for name, shapes in BINARY_SHAPES.items()
          if kind == "div" or name == "strided"}

# ---- reductions ----

REDUCE = {
    "sum": lambda x, axis, keep: x.sum(axis, keepdim=keep),
    "mean": lambda x, axis, keep: x.mean(axis, keepdim=keep),
    "max": lambda x, axis, keep: x.max(axis, keepdim=keep).values,
}


def reduce(fn, axis):
    return lambda: dict(inputs=[uniform(1, (3, 4, 5))], fn=lambda x: fn(x, axis, axis == 1), grads=[True])


CASES |= {f"reduce_{kind}_{axis}": reduce(fn, axis) for kind, fn in REDUCE.items() for axis in range(3)}
