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
    "unary_gelu": unary(-5, 5, F.gelu),
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

# ---- moves ----

INDEX = np.array([[0, 3, -1, 5], [3, 3, 1, -2], [5, 0, -1, 0]], np.int32)


def gather(table, index):
    return torch.where(index[..., None] < 0, torch.zeros(()).double(), table[index.clamp(min=0)])


CASES |= {
    "concat_3": lambda: dict(inputs=[uniform(1, (2, 3)), uniform(2, (2, 1)), uniform(3, (2, 5))],
                             fn=lambda *x: torch.cat(x, 1), grads=[True] * 3),
    "slice_1": lambda: dict(inputs=[uniform(1, (5, 7))], fn=lambda x: x[:, 2:5], grads=[True]),
    "slice_mid": lambda: dict(inputs=[uniform(1, (2, 5, 3))], fn=lambda x: x[:, 1:5], grads=[True]),
    "gather": lambda: dict(inputs=[uniform(1, (6, 5)), INDEX], fn=gather, grads=[True, False]),
}

# ---- softmax, layer norm ----


def mask(seed, shape):
    return RNG(seed).randint(0, 3, shape).clip(max=1).astype(np.float32)


def masked_softmax(x, m):
    y = torch.softmax(x.masked_fill(m == 0, -torch.inf), -1)
    return torch.where(m.sum(-1, keepdim=True) == 0, torch.zeros(()).double(), y)


CASES |= {
    "softmax": lambda: dict(inputs=[uniform(1, (3, 17), -6, 6)], fn=lambda x: x.softmax(-1), grads=[True]),
    "softmax_masked": lambda: dict(inputs=[uniform(1, (3, 17), -6, 6), mask(2, (3, 17))], fn=masked_softmax,
                                   grads=[True, False]),
    "log_softmax": lambda: dict(inputs=[uniform(1, (3, 17), -6, 6)], fn=lambda x: x.log_softmax(-1), grads=[True]),
    "layer_norm": lambda: dict(inputs=[uniform(1, (5, 17), -1, 3), uniform(2, (17,), 0.5, 1.5), uniform(3, (17,))],
                               fn=lambda x, g, b: F.layer_norm(x, (17,), g, b, 1e-5), grads=[True] * 3),
}

# ---- losses ----

TARGET = np.array([0, 6, -1, 3, -100, 3], np.int32)


def cross_entropy(x, target, m=None):
    if m is not None:
        x = x.masked_fill(m == 0, -torch.inf)
        picked = m.gather(1, target.clamp(min=0)[:, None])[:, 0]
        target = torch.where(picked == 0, -1, target)
    return F.cross_entropy(x, torch.where(target < 0, -100, target))


def pair(seed, low=-1.0, high=1.0):
    return [uniform(seed, (3, 4, 5), low, high), uniform(seed + 1, (3, 4, 5), 0, 1)]


CASES |= {
    "mse": lambda: dict(inputs=pair(1), fn=F.mse_loss, grads=[True, True]),
    "mse_masked": lambda: dict(inputs=pair(1) + [mask(3, (3, 4))], fn=lambda a, b, m: F.mse_loss(a[m > 0], b[m > 0]),
                               grads=[True, True, False]),
    "bce": lambda: dict(inputs=pair(1, -8, 8), fn=F.binary_cross_entropy_with_logits, grads=[True, False]),
    "bce_masked": lambda: dict(inputs=pair(1, -8, 8) + [np.array([1, 0, 1], np.float32)],
                               fn=lambda x, t, m: F.binary_cross_entropy_with_logits(x[m > 0], t[m > 0]),
                               grads=[True, False, False]),
    "cross_entropy": lambda: dict(inputs=[uniform(1, (6, 7), -5, 5), TARGET], fn=cross_entropy, grads=[True, False]),
    "cross_entropy_masked": lambda: dict(inputs=[uniform(1, (6, 7), -5, 5), TARGET, mask(2, (6, 7))],
                                         fn=cross_entropy, grads=[True, False, False]),
}

# ---- products ----


def linear(bias, relu):
    def fn(x, w, b):
        y = F.linear(x, w, b)
        return y.relu() if relu else y

    return lambda: dict(inputs=[uniform(1, (2, 3, 7)), uniform(2, (5, 7)), uniform(3, (5,)) if bias else None],
                        fn=fn, grads=[True, True, bias])


def matmul(ta, tb, shared=False):
    a, b = (5, 3) if ta else (3, 5), (4, 5) if tb else (5, 4)

    def fn(x, y):
        return (x.transpose(-1, -2) if ta else x) @ (y.transpose(-1, -2) if tb else y)

    return lambda: dict(inputs=[uniform(1, (2, *a)), uniform(2, b if shared else (2, *b))], fn=fn, grads=[True, True])


CASES |= {
    "linear": linear(True, False),
    "linear_relu": linear(True, True),
    "linear_no_bias": linear(False, False),
    "matmul": matmul(False, False),
    "matmul_ta": matmul(True, False),
    "matmul_tb": matmul(False, True),
    "matmul_ta_tb": matmul(True, True),
    "matmul_shared": matmul(False, True, shared=True),
    "sq_distance": lambda: dict(inputs=[uniform(1, (2, 3, 7)), uniform(2, (5, 7))],
                                fn=lambda z, e: ((z[..., None, :] - e) ** 2).sum(-1), grads=[True, True]),
}
