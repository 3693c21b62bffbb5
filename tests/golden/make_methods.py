#!/usr/bin/env python3
"""Makes tests/golden/methods.npz: the terms of the methods that Uni-Code is compared with (docs/methods.md), by PyTorch
in float64. The file is laid out as losses.npz, whose cases, parameters and layers make_losses.py has."""
import itertools
import pathlib

import numpy as np
import torch

import make_losses as base
from make_losses import AV, AVT, FULL, RAGGED, ZERO, config, dense, model_case, term_case

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 400_000  # bytes; the file is committed


def settings(modalities, **more):
    """Every key that the terms here read."""
    return config(modalities, **{"margin_form": "adaptive", "margin_alpha": "0.5", "margin_rows": "off",
                                 "margin_size": "0.001", "margin_head": "4", "margin_temperature": "0.07",
                                 "contrast_head": "4", "contrast_temperature": "0.2", "contrast_learn": "on", **more})


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def pairs(streams):
    """Every two modalities, and the clips that have both; pairs with fewer than two such clips are left out."""
    for i, a in enumerate(streams):
        for b in streams[i + 1:]:
            clips = [k for k in range(a.case.batch) if a.lengths[k] and b.lengths[k]]
            if len(clips) > 1:
                yield a, b, clips


def pooled(s, clips):
    return torch.stack([s.z[k].mean(0) for k in clips])


def right(score):
    """Mean cross-entropy of the rows with the diagonal."""
    return -torch.log_softmax(score, -1).diagonal().mean()


def margin(c, streams):  # S-MiT, Eq 2 and 3
    def vector(s, clips):
        h, width = pooled(s, clips), c.size("margin.head")
        if not width:
            return unit(h)
        u = dense(c, h, width, f"{s.name}.margin.head")
        return u * torch.sigmoid(dense(c, u, width, f"{s.name}.margin.gate"))

    def own(score):
        n = len(score)
        if c["margin.form"] == "fixed":
            return torch.full((n,), c.number("margin.size"), dtype=base.REAL)
        others = [sum(score[i, j] for j in range(n) if j != i) / (n - 1) for i in range(n)]
        return c.number("margin.alpha") * (score.diagonal() - torch.stack(others))

    loss = ZERO
    for a, b, clips in pairs(streams):
        score = base.product(vector(a, clips), vector(b, clips))
        if not c.size("margin.head"):
            score = score / c.number("margin.temperature")
        rows = own(score)
        columns = rows if c["margin.rows"] == "on" else own(score.T)
        loss = loss + right(score - torch.diag(rows)) + right(score.T - torch.diag(columns))
    return loss


def contrast(c, streams):  # CLIP's loss, as MS-CLIP has it
    def vector(s, clips):
        h, width = pooled(s, clips), c.size("contrast.head")
        return unit(dense(c, h, width, f"{s.name}.contrast.head", bias=False) if width else h)

    scale = 1 / c.number("contrast.temperature")
    if c["contrast.learn"] == "on":
        scale = scale * torch.exp(c.P("contrast.scale", 1))
    loss = ZERO
    for a, b, clips in pairs(streams):
        score = scale * base.product(vector(a, clips), vector(b, clips))
        loss = loss + (right(score) + right(score.T)) / 2
    return loss


def restore(c, streams):  # TURN, Eq 8 to 11
    drawn = np.random.RandomState(11).random_sample((len(streams), c.batch, c.length)) < c.number("restore.mask")
    c.arrays["masked"] = drawn.astype(np.float32)
    return {s.name: restored(c, streams, m, drawn[m]) for m, s in enumerate(streams)}


def restored(c, streams, m, masked):
    """One modality; a grid's features are its mean over positions."""
    s, loss = streams[m], ZERO
    width, heads, ff = c.size("code.dim"), c.size("encoder.heads"), c.size("encoder.ff")
    layer = f"{s.name}.restore.layer"
    for other in streams:
        if other is s:
            continue
        errors = []
        for k, x in enumerate(s.x):
            if not len(x) or not other.lengths[k]:
                continue
            x = x.flatten(1, 2).mean(1) if x.dim() == 4 else x
            hide = torch.tensor(masked[k, :len(x)])
            seen = torch.where(hide[:, None], c.P(f"{s.name}.restore.row", x.shape[-1]), x)
            code = dense(c, other.quantized[k].mean(0), width, f"{s.name}.restore.code", bias=False)
            h = dense(c, seen, width, f"{s.name}.restore.in") + code
            h = base.encoder_layer(c, h, heads, ff, layer, layer)
            errors.append((dense(c, h, x.shape[-1], f"{s.name}.restore.out") - x).abs().mean(-1)[hide])
        errors = torch.cat(errors)
        loss = loss + (errors.mean() if len(errors) else 0 * errors.sum())
    return loss


def masked(c, streams):  # MICU's FCMI
    def row(x):
        return x / x.norm(dim=-1, keepdim=True).clamp(min=1e-6)

    def scores(query, key):
        return base.product(row(query), row(key)) / c.number("masked.temperature")

    kept = np.random.RandomState(13).random_sample((c.batch, c.length)) >= c.number("masked.part")
    c.arrays["kept"] = kept.astype(np.float32)
    loss = ZERO
    for s in streams:
        s.masked = [z * torch.tensor(kept[k, :len(z), None]) for k, z in enumerate(s.z)]
    for a in streams:
        for b in streams:
            clips = [k for k in range(c.batch) if a.lengths[k] and b.lengths[k]]
            steps = []
            for k in clips:
                n = min(a.lengths[k], b.lengths[k])
                steps.append(-torch.log_softmax(scores(a.masked[k][:n], b.z[k][:n]), -1).diagonal())
            if steps:
                loss = loss + c.number("masked.fine") * torch.cat(steps).mean()
            if len(clips) > 1:
                query = torch.stack([a.masked[k].mean(0) for k in clips])
                loss = loss + c.number("masked.coarse") * right(scores(query, pooled(b, clips)))
    return loss


def jigsaw(c, streams):  # MICU's CUJP
    parts, most, width = c.size("jigsaw.parts"), c.size("jigsaw.orders"), c.size("code.dim")
    orders = list(itertools.permutations(range(parts)))
    assert most == len(orders), "which of them are drawn is not known here"
    chosen = np.random.RandomState(17).randint(len(streams), size=parts)
    chosen[-1] = (chosen[0] + 1) % len(streams)  # two that differ, at least
    c.arrays["chosen"] = chosen
    rows = []
    for k in range(c.batch):
        n = min(streams[m].lengths[k] for m in chosen)
        part = [streams[m].quantized[k][:n].chunk(parts, -1)[s] for s, m in enumerate(chosen)]
        rows.append(torch.stack([torch.cat([part[s] for s in order], -1) for order in orders]))
    rows = torch.cat(rows, 1)  # [P,steps,D]
    assert rows.shape[-1] == width
    hidden = torch.relu(dense(c, rows, c.size("jigsaw.width"), "jigsaw.0"))
    log_p = torch.log_softmax(dense(c, hidden, most, "jigsaw.1"), -1)
    return -torch.stack([log_p[p, :, p] for p in range(most)]).mean()


class Teacher:
    """A case whose parameters are others, near the student's: a momentum teacher's."""

    def __init__(self, case):
        self.case, self.values = case, {}

    def __getattr__(self, name):
        return getattr(self.case, name)

    def __getitem__(self, key):
        return self.case[key]

    def P(self, name, *shape):
        if name not in self.values:
            own = self.case.params[name].detach().numpy()
            value = (own + self.case.draw(f"teacher/{name}", *shape, scale=0.1)).astype(np.float32)
            self.case.arrays[f"teacher/{name}"] = value
            self.values[name] = base.real(value)
        return self.values[name]


def transport(c, cost):
    """IPOT as it stands; a constant."""
    cost = cost.detach()
    n, k = cost.shape
    a, s, t = torch.exp(-cost / c.number("codis.beta")), torch.full((k,), 1 / k, dtype=base.REAL), 1
    for _ in range(c.size("codis.rounds")):
        q = a * t if c["codis.plan"] == "ipot" else a
        d = 1 / (n * (q @ s))
        s = 1 / (k * (q.T @ d))
        t = d[:, None] * q * s
    return t


def codis(c, streams):
    tau = c.number("codis.temperature") + c.P("codis.temperature", 1)
    prototypes = c.P("codis.prototypes", c.size("code.count"), c.size("code.dim"))
    teacher, count = Teacher(c), len(streams)
    with torch.no_grad():
        for s in streams:
            z = [base.semantic(teacher, s.name, base.front(teacher, s.name, x)) if len(x) else None for x in s.x]
            s.g = [None if v is None else unit(v.mean(0)) for v in z]
            s.past = unit(base.real(c.draw(f"queue/{s.name}", c.size("codis.queue"), c.size("code.dim"))))
            c.arrays[f"queue/{s.name}"] = s.past.numpy().astype(np.float32)
            s.past = base.real(c.arrays[f"queue/{s.name}"])
    loss, plans = ZERO, {}
    for s in streams:
        clips = [k for k in range(c.batch) if s.lengths[k]]
        cost = 1 - base.product(unit(pooled(s, clips)), prototypes)
        loss = loss + (transport(c, cost) * cost).sum()
        plan = transport(c, 1 - base.product(torch.stack([s.g[k] for k in clips]), prototypes))
        plans[s.name] = dict(zip(clips, plan / plan.sum(1, keepdim=True)))
    for a in streams:
        for b in streams:
            clips = [k for k in range(c.batch) if a.lengths[k] and b.lengths[k]]
            keys = torch.cat([torch.stack([b.g[k] for k in clips]), b.past])
            logits = base.product(unit(pooled(a, clips)), keys) / tau
            y = torch.eye(len(clips), len(keys), dtype=base.REAL)
            if a is not b:
                theirs = torch.softmax(base.product(torch.stack([a.g[k] for k in clips]), keys) / tau, -1).detach()
                y = (1 - c.number("codis.soft")) * y + c.number("codis.soft") * theirs
                log_p = torch.log_softmax(base.product(unit(pooled(b, clips)), prototypes)
                                          / c.number("codis.prototype_temperature"), -1)
                loss = loss - (torch.stack([plans[a.name][k] for k in clips]) * log_p).sum(1).mean()
            loss = loss - (y * torch.log_softmax(logits, -1)).sum(1).mean() / count ** 2
    return loss


def models():
    """With layers that modalities share: the gradient of a shared tensor is the sum of theirs."""
    more = {"contrast_weight": "0.6", "contrast_head": "5", "contrast_temperature": "0.5", "contrast_learn": "on",
            "encoder_shared": "all"}
    yield model_case("model_mst", base.model_settings(**more), [[4, 4, 2], [4, 4, 0], [4, 4, 3]], 1, more=[contrast])
    yield model_case("model_mst_first", base.model_settings(AV, **{**more, "encoder_shared": "after_first"}),
                     [[4, 4, 2], [4, 3, 4]], 1, more=[contrast])
    yield model_case("model_turn", base.model_settings(
        AV, code_pool="clip", restore_weight="0.8", restore_mask="0.5", contrast_weight="0.5", contrast_head="0",
        contrast_temperature="0.3", contrast_learn="off"), [[4, 4, 2], [4, 3, 4]], 1, more=[contrast, restore])
    few = {"codis_weight": "0.7", "codis_queue": "3", "codis_temperature": "0.3", "codis_soft": "0.4",
           "codis_prototype__temperature": "0.4", "codis_beta": "0.7", "codis_rounds": "4", "codis_plan": "ipot"}
    yield model_case("model_codis", base.model_settings(AV, code_pool="clip", **few), [[4, 4, 2], [4, 3, 4]], 1,
                     more=[codis])
    yield model_case("model_codis_3", base.model_settings(**{**few, "codis_plan": "sinkhorn"}),
                     [[4, 4, 2], [4, 4, 0], [4, 4, 3]], 1, more=[codis])


    yield model_case("model_micu", base.model_settings(
        AV,
        masked_weight="0.8", masked_part="0.4", masked_temperature="0.5", masked_fine="0.7", masked_coarse="1.3",
        jigsaw_weight="0.6", jigsaw_parts="2", jigsaw_orders="2", jigsaw_width="5"),
        [[4, 4, 2], [4, 3, 4]], 1, more=[masked, jigsaw])


def cases():
    of = lambda term: lambda c, streams: {term.__name__: term(c, streams)}
    yield term_case("margin_adaptive_2", settings(AV), RAGGED, of(margin))
    yield term_case("margin_adaptive_3", settings(AVT, margin_alpha="0.3"), RAGGED, of(margin))
    yield term_case("margin_fixed", settings(AVT, margin_form="fixed", margin_size="0.2"), RAGGED, of(margin))
    yield term_case("margin_rows", settings(AV, margin_rows="on", margin_alpha="0.9"), FULL, of(margin))
    yield term_case("contrast_2", settings(AV), RAGGED, of(contrast))
    yield term_case("contrast_3", settings(AVT, contrast_temperature="0.5"), RAGGED, of(contrast))
    yield term_case("contrast_plain", settings(AVT, contrast_head="0", contrast_learn="off"), RAGGED, of(contrast))
    few = {"encoder_ff": "8", "encoder_dropout": "0"}
    yield term_case("restore_2", settings(AV, restore_mask="0.4", **few), RAGGED, restore, "x z")
    yield term_case("restore_3", settings(AVT, restore_mask="0.6", **few), RAGGED, restore, "x z")
    yield term_case("restore_none", settings(AV, restore_mask="0", **few), RAGGED, restore, "x z")
    few = {"masked_part": "0.3", "masked_temperature": "0.4", "masked_fine": "1", "masked_coarse": "1"}
    yield term_case("masked_2", settings(AV, **few), RAGGED, of(masked))
    yield term_case("masked_3", settings(AVT, **{**few, "masked_fine": "0.7", "masked_coarse": "0.6"}), RAGGED, of(masked))
    yield term_case("masked_fine", settings(AV, **{**few, "masked_part": "0.6", "masked_coarse": "0"}), FULL, of(masked))
    yield term_case("masked_none", settings(AV, **{**few, "masked_part": "0"}), RAGGED, of(masked))
    few = {"jigsaw_weight": "1", "jigsaw_width": "4", "jigsaw_orders": "2", "jigsaw_parts": "2"}
    yield term_case("jigsaw_2", settings(AV, **few), RAGGED, of(jigsaw))
    yield term_case("jigsaw_3", settings(AVT, **{**few, "jigsaw_parts": "3", "jigsaw_orders": "6"}), RAGGED, of(jigsaw))
    yield term_case("margin_cosine", settings(AVT, margin_head="0", margin_temperature="0.4"), RAGGED, of(margin))


def main():
    arrays = {}
    for case in (*cases(), *models()):
        arrays.update(base.packed(case))
    target = HERE / "methods.npz"
    np.savez_compressed(target, **{k: arrays[k] for k in sorted(arrays)})
    size = target.stat().st_size
    print(f"{target}: {len(arrays)} arrays, {size} bytes")
    assert size <= LIMIT, f"that is over {LIMIT} bytes: make the cases smaller"


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
