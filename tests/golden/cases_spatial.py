"""Goldens of conv2d.c, conv_transpose2d.c, avg_pool2d.c, max_pool2d.c (see make_ops.py). Images are [..,H,W,C]."""
import numpy as np
import torch.nn.functional as F

RNG = np.random.RandomState


def uniform(seed, shape):
    return RNG(seed).uniform(-1, 1, shape).astype(np.float32)


def channels_first(x):
    return x.reshape(-1, *x.shape[-3:]).permute(0, 3, 1, 2)


def channels_last(y, lead):
    y = y.permute(0, 2, 3, 1)
    return y.reshape(*lead, *y.shape[1:])


def conv(x, w, bias, stride, pad, transposed=False):
    """w [kh,kw,ci,co] of the convolution, or of the one that is undone: [kh,kw,out,in]."""
    def fn(x, w, b=None):
        op = F.conv_transpose2d if transposed else F.conv2d
        return channels_last(op(channels_first(x), w.permute(3, 2, 0, 1), b, stride, pad), x.shape[:-3])

    def make():
        b = [uniform(3, (w[2 if transposed else 3],))] if bias else [None]
        return dict(inputs=[uniform(1, x), uniform(2, w)] + b, fn=fn, grads=[True, True, bias])
    return make


def pool(x, window, stride, pooled=F.avg_pool2d):
    def fn(x):
        return channels_last(pooled(channels_first(x), window, stride), x.shape[:-3])
    return lambda: dict(inputs=[uniform(1, x)], fn=fn, grads=[True])


CASES = {
    "conv2d_3x3": conv((2, 2, 5, 5, 4), (3, 3, 4, 5), True, 1, 0),
    "conv2d_padded": conv((2, 5, 4, 7), (3, 3, 7, 8), True, 1, 1),
    "conv2d_strided": conv((2, 8, 7, 3), (3, 2, 3, 4), False, 2, 1),
    "conv2d_1x1": conv((2, 3, 5, 6), (1, 1, 6, 7), True, 1, 0),
    "conv2d_one_pixel": conv((1, 3, 3, 1), (3, 3, 1, 1), False, 1, 0),
    "conv_transpose2d_3x3": conv((2, 2, 3, 3, 5), (3, 3, 4, 5), True, 1, 0, True),
    "conv_transpose2d_padded": conv((2, 5, 4, 7), (3, 3, 8, 7), True, 1, 1, True),
    "conv_transpose2d_strided": conv((2, 4, 3, 3), (3, 4, 4, 3), False, 2, 1, True),
    "conv_transpose2d_1x1": conv((2, 3, 5, 6), (1, 1, 7, 6), True, 1, 0, True),
    "avg_pool2d_3x3": pool((2, 2, 5, 6, 3), 3, 1),
    "avg_pool2d_whole": pool((3, 7, 7, 3), 7, 7),
    "avg_pool2d_strided": pool((2, 7, 6, 5), 2, 2),
    "max_pool2d_3x3": pool((2, 2, 5, 6, 3), 3, 1, F.max_pool2d),
    "max_pool2d_strided": pool((2, 7, 6, 5), 2, 2, F.max_pool2d),
}
