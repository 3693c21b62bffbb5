"""Goldens of batch_norm.c, upsample.c and dilated convolutions (see make_ops.py). Images are [..,H,W,C]."""
import numpy as np
import torch
import torch.nn.functional as F

from cases_spatial import channels_first, channels_last, conv, uniform


def dilated(x, w, bias, stride, pad, dilation, transposed=False):
    def fn(x, w, b=None):
        op = F.conv_transpose2d if transposed else F.conv2d
        y = op(channels_first(x), w.permute(3, 2, 0, 1), b, stride, pad, dilation=dilation)
        return channels_last(y, x.shape[:-3])

    def make():
        return dict(conv(x, w, bias, stride, pad, transposed)(), fn=fn)
    return make


def upsample(x, factor, align_corners):
    def fn(x):
        y = F.interpolate(channels_first(x), scale_factor=factor, mode="bilinear", align_corners=align_corners)
        return channels_last(y, x.shape[:-3])
    return lambda: dict(inputs=[uniform(1, x)], fn=fn, grads=[True])


def moments(x):
    def fn(x):
        rows = x.reshape(-1, x.shape[-1])
        return torch.stack([rows.mean(0), rows.var(0, unbiased=False)])
    return lambda: dict(inputs=[uniform(1, x)], fn=fn, grads=[True])


def batch_norm(x):
    """PyTorch gives no gradient to running moments: they go through the equation."""
    def fn(x, gamma, beta, moments):
        y = (x - moments[0]) / torch.sqrt(moments[1] + 1e-5) * gamma + beta
        rows = x.reshape(-1, x.shape[-1])
        same = F.batch_norm(rows, moments[0].detach(), moments[1].detach(), gamma, beta, False, 0.0, 1e-5)
        assert torch.allclose(y.reshape(rows.shape), same, rtol=1e-12, atol=1e-12)
        return y

    def make():
        c = x[-1]
        running = np.stack([uniform(4, (c,)), 1.25 + uniform(5, (c,))])
        return dict(inputs=[uniform(1, x), uniform(2, (c,)), uniform(3, (c,)), running], fn=fn, grads=[True] * 4)
    return make


CASES = {
    "conv2d_dilated": dilated((2, 2, 8, 7, 4), (3, 3, 4, 5), True, 1, 3, 3),
    "conv2d_dilated_strided": dilated((2, 9, 8, 3), (3, 2, 3, 4), False, 2, 1, 2),
    "conv_transpose2d_dilated": dilated((2, 4, 3, 3), (3, 2, 4, 3), True, 2, 1, 3, True),
    "upsample_corners": upsample((2, 2, 3, 4, 5), 2, True),
    "upsample_edges": upsample((3, 4, 3, 3), 2, False),
    "upsample_thrice": upsample((2, 3, 2, 4), 3, False),
    "upsample_one_row": upsample((2, 1, 4, 2), 4, True),
    "channel_moments": moments((2, 3, 4, 7)),
    "batch_norm": batch_norm((2, 3, 4, 7)),
}
