#!/usr/bin/env python3
"""Makes tests/golden/segment.npz: whole tiny segmenters (docs/segmentation.md), by PyTorch in float64.

The attention is written out as it is defined, with its N x N matrix. In the file, of each case:
  <case>/numbers         int32, the options in the order of lib/task/segment_options.c
  <case>/sizes           int32: B, F, steps of a clip, L, D
  <case>/image<i>        float32 [B,F,h,w,c]
  <case>/codes           int32 [B,T], -1 = padding
  <case>/embedding       float32 [L,D]
  <case>/masks           float32 [B,F,H,W], -1: not counted
  <case>/param/<name>, state/<name>   what the network starts with, by the library's names and layouts
  <case>/evaluated       its logits in evaluation mode
  <case>/logits, loss, grad/<name>, moved/<name>   of one training step: moved is the state after it
The same bytes come out every time (with the same versions of numpy and PyTorch).
"""
import pathlib
import sys
import zlib

import numpy as np
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 300_000  # bytes; the file is committed


class Case:
    """Settings, and parameters that are drawn where they are first used."""

    def __init__(self, name, levels, height, width, level_channels, image_channels=1, maps=False):
        self.rng = np.random.RandomState(zlib.crc32(name.encode()))
        self.levels, self.height, self.width, self.maps = levels, height, width, maps
        self.level_channels, self.image_channels = level_channels, image_channels
        self.channels, self.inner, self.dilations, self.output = 5, 3, [1, 2, 3, 5], [4, 3]
        self.params, self.state, self.training = {}, {}, True

    def numbers(self):
        level_channels = (self.level_channels + [1] * 4)[:4]
        return [0, 2 if self.maps else 1, self.image_channels, self.height, self.width, self.levels,
                *level_channels, self.channels, self.inner, *self.dilations, *self.output, 2]

    def draw(self, shape, scale=1.0, shift=0.0):
        return (shift + scale * self.rng.randn(*shape)).astype(np.float32)

    def param(self, name, shape, scale, shift=0.0):
        if name not in self.params:
            self.params[name] = torch.tensor(self.draw(shape, scale, shift).astype(np.float64), requires_grad=True)
        return self.params[name]

    def linear(self, name, x, out, bias=True):
        k = x.shape[-1]
        w = self.param(f"{name}.weight", (out, k), k ** -0.5)
        return F.linear(x, w, self.param(f"{name}.bias", (out,), 0.2) if bias else None)

    def conv(self, name, x, out, stride=1, dilation=1, bias=True):
        """x [N,C,H,W]; the weight is the library's, [kh,kw,in,out]."""
        k = x.shape[1]
        w = self.param(f"{name}.weight", (3, 3, k, out), (9 * k) ** -0.5)
        b = self.param(f"{name}.bias", (out,), 0.2) if bias else None
        return F.conv2d(x, w.permute(3, 2, 0, 1), b, stride, dilation, dilation)

    def norm(self, name, x):
        """x [N,C,..]"""
        c = x.shape[1]
        gain, bias = self.param(f"{name}.weight", (c,), 0.2, 1.0), self.param(f"{name}.bias", (c,), 0.2)
        if name not in self.state:
            mean, var = self.draw((c,), 0.3), np.exp(self.draw((c,), 0.3))
            self.state[name] = [torch.tensor(v.astype(np.float64)) for v in (mean, var)]
        return F.batch_norm(x, *self.state[name], gain, bias, self.training, 0.1, 1e-5)

    # ---- the parts ----

    def backbone(self, x):
        maps = []
        for level in range(self.levels):
            for i in (1, 2):
                name, stride = f"backbone.{level}.{i}", 2 if i == 1 or level == 0 else 1
                x = self.conv(f"{name}.conv", x, self.level_channels[level], stride, bias=False)
                x = F.relu(self.norm(f"{name}.norm", x))
            maps.append(x)
        return maps

    def attend(self, level, x, query):
        """x [B F,C,h,w], query [B,F,D]"""
        name = f"level.{level}"
        batch, frames = query.shape[:2]
        _, c, h, w = x.shape
        rows = x.reshape(batch, frames, c, h * w).permute(0, 1, 3, 2).reshape(batch, frames * h * w, c)
        asked = self.linear(f"{name}.query", query, c)[:, :, None].expand(-1, -1, h * w, -1).reshape(rows.shape)
        theta = self.linear(f"{name}.theta", rows, self.inner)
        phi = self.linear(f"{name}.phi", asked, self.inner)
        g = self.linear(f"{name}.g", rows, self.inner)
        y = (theta @ phi.transpose(1, 2) / (frames * h * w)) @ g
        y = self.norm(f"{name}.norm", self.linear(f"{name}.z", y, c, bias=False).transpose(1, 2)).transpose(1, 2)
        gain = self.param(f"{name}.layer_norm.weight", (c,), 0.2, 1.0)
        bias = self.param(f"{name}.layer_norm.bias", (c,), 0.2)
        z = F.layer_norm(rows + y, (c,), gain, bias)
        return z.reshape(batch * frames, h * w, c).permute(0, 2, 1).reshape(x.shape)

    def unit(self, name, x):
        r = F.relu(x)
        return r + self.conv(f"{name}.conv2", F.relu(self.conv(f"{name}.conv1", r, self.channels)), self.channels)

    def network(self, images, query):
        maps = [x.flatten(0, 1).permute(0, 3, 1, 2) for x in images]
        maps = maps if self.maps else self.backbone(maps[0])
        z = [self.attend(level, sum(self.conv(f"level.{level}.dilated.{i}", x, self.channels, dilation=d)
                                    for i, d in enumerate(self.dilations)), query) for level, x in enumerate(maps)]
        y = z[-1]
        for level in reversed(range(self.levels)):
            if level < self.levels - 1:
                y = y + self.unit(f"fuse.{level}.unit1", z[level])
            y = self.unit(f"fuse.{level}.unit2", y)
            y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=True)
        y = self.conv("output.1", y, self.output[0])
        y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
        y = F.relu(self.conv("output.2", y, self.output[1])).permute(0, 2, 3, 1)
        return self.linear("output.3", y, 1)[..., 0]


def query_of(codes, embedding, frames):
    """The mean over each of F equal parts of the valid steps: every step F times, in F runs of n."""
    clips = []
    for row in codes:
        steps = embedding[row[row >= 0]]
        clips.append(steps.repeat_interleave(frames, 0).reshape(frames, len(steps), -1).mean(1))
    return torch.stack(clips)


def run(name, batch, frames, length, **settings):
    case = Case(name, **settings)
    codes_l, dim = 6, 4
    if case.maps:
        shapes = [(case.height >> (i + 2), case.width >> (i + 2), c) for i, c in enumerate(case.level_channels)]
    else:
        shapes = [(case.height, case.width, case.image_channels)]
    images = [case.draw((batch, frames, *shape)) for shape in shapes]
    embedding = case.draw((codes_l, dim))
    codes = case.rng.randint(0, codes_l, (batch, length)).astype(np.int32)
    codes[0, length // 2:] = -1
    masks = (case.rng.rand(batch, frames, case.height, case.width) > 0.6).astype(np.float32)
    masks[0, 0, :3] = -1.0
    masks[-1, -1] = -1.0 if frames > 1 else masks[-1, -1]
    arrays = {"numbers": np.array(case.numbers(), np.int32), "codes": codes, "embedding": embedding, "masks": masks,
              "sizes": np.array([batch, frames, length, codes_l, dim], np.int32)}
    arrays.update({f"image{i}": x for i, x in enumerate(images)})

    images = [torch.tensor(x.astype(np.float64)) for x in images]
    query = query_of(torch.tensor(codes).long(), torch.tensor(embedding.astype(np.float64)), frames)
    case.training = False
    arrays["evaluated"] = case.network(images, query).detach().numpy()
    running = lambda: {k: torch.stack(v).numpy().copy() for k, v in case.state.items()}
    arrays.update({f"state/{k}.running": v for k, v in running().items()})
    case.training = True
    logits = case.network(images, query)
    target = torch.tensor(masks.astype(np.float64)).flatten(0, 1)
    loss = F.binary_cross_entropy_with_logits(logits[target >= 0], target[target >= 0])
    loss.backward()
    arrays["logits"], arrays["loss"] = logits.detach().numpy(), loss.detach().numpy()
    arrays.update({f"moved/{k}.running": v for k, v in running().items()})
    for k, v in case.params.items():
        arrays[f"param/{k}"], arrays[f"grad/{k}"] = v.detach().numpy(), v.grad.numpy()
    return {f"{name}/{k}": v if v.dtype == np.int32 else v.astype(np.float32) for k, v in arrays.items()}


def main():
    arrays = run("frames", 3, 2, 5, levels=2, height=16, width=24, level_channels=[3, 4], image_channels=3)
    arrays.update(run("maps", 2, 3, 4, levels=3, height=32, width=16, level_channels=[3, 4, 5], maps=True))
    arrays.update(run("one_frame", 2, 1, 1 + 2, levels=1, height=8, width=8, level_channels=[4]))
    target = HERE / "segment.npz"
    np.savez_compressed(target, **{k: arrays[k] for k in sorted(arrays)})
    size = target.stat().st_size
    print(f"{target}: {len(arrays)} arrays, {size} bytes")
    if size > LIMIT:
        sys.exit(f"that is over {LIMIT} bytes: make the cases smaller")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
