"""One pre-training step (P1-P9, behaviour = paper) in PyTorch, from a libunicode config text."""
from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from torch_model import Encoder

Config = dict[str, str]


def read_config(path: str) -> Config:
    """The lines `key = value`."""
    with open(path) as f:
        lines = (line.partition("#")[0].partition("=") for line in f)
        return {key.strip(): value.strip() for key, sep, value in lines if sep}


class Residual(nn.Module):
    """relu(r + conv1(relu(conv3(r)))) with r = relu(x)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv3 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        r = F.relu(x)
        return F.relu(r + self.conv1(F.relu(self.conv3(r))))


class Modality(nn.Module):
    """What one modality has: Phi, Psi, its decoder, its context and prediction, CLUB's nets."""

    def __init__(self, c: Config, m: str) -> None:
        super().__init__()
        def size(key: str, otherwise: int = 0) -> int:
            return int(c.get(key, 0)) or otherwise
        dim = size("code.dim")
        self.kind, self.dims = c[f"{m}.kind"], tuple(map(int, c[f"{m}.dims"].split()))
        channels = self.dims[-1]
        recurrent = size(f"{m}.recurrent", dim // 2)
        self.phi = Encoder(self.kind, self.dims, dim, size("encoder.ff"), size("encoder.layers"),
                           size(f"{m}.squeeze", channels // 8), recurrent,
                           size(f"{m}.recurrent_layers", 2), size("encoder.heads"),
                           float(c["encoder.dropout"]))
        width = 2 * recurrent if self.kind == "token" else channels
        specific = size(f"{m}.specific", dim)
        self.code = nn.Linear(dim, dim)
        if self.kind == "grid":
            inner = size(f"{m}.inner", specific // 2)
            pooled = size(f"{m}.pooled", specific // 2)
            self.psi = nn.Sequential(
                nn.Conv2d(channels, inner, 3), nn.ReLU(), nn.Conv2d(inner, specific, 3), nn.ReLU(),
                nn.Conv2d(specific, specific, 1), Residual(specific))
            self.view = nn.Sequential(nn.Linear(specific, pooled), nn.ReLU(),
                                      nn.Linear(pooled, channels))
            self.out = nn.Sequential(
                nn.ConvTranspose2d(specific + dim, inner, 3), Residual(inner),
                nn.ConvTranspose2d(inner, channels, 3), nn.ReLU(), nn.Conv2d(channels, channels, 1))
            seen = channels
        else:
            self.psi = nn.Sequential(nn.Linear(width, specific), nn.ReLU())
            self.out = nn.Linear(dim + specific, width)
            seen = specific
        hidden = size("cpc.hidden", dim)
        self.past = nn.LSTM(dim, hidden, size("cpc.layers", 1), batch_first=True)
        self.future = nn.ModuleList(nn.Linear(hidden, dim) for _ in range(size("cpc.steps", 1)))
        net = [size("club.width")] * (size("club.layers") - 1)
        self.mu, self.logvar = mlp([dim, *net, seen]), mlp([dim, *net, seen])
        if self.kind == "grid":
            self.psi = self.psi.to(memory_format=torch.channels_last)
            self.out = self.out.to(memory_format=torch.channels_last)

    def specific(self, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """zbar, and CLUB's view of it [B,T,Y]."""
        if self.kind != "grid":
            zbar = self.psi(h)
            return zbar, zbar
        zbar = self.psi(h.flatten(0, 1).permute(0, 3, 1, 2))        # channels last, no copy
        return zbar, self.view(zbar.mean((2, 3))).unflatten(0, h.shape[:2])

    def decode(self, quantized: torch.Tensor, zbar: torch.Tensor) -> torch.Tensor:
        code = self.code(quantized)
        if self.kind != "grid":
            return self.out(torch.cat([code, zbar], -1))
        flat = code.flatten(0, 1)[:, :, None, None].expand(-1, -1, *zbar.shape[2:])
        x = torch.cat([flat, zbar], 1).contiguous(memory_format=torch.channels_last)
        return self.out(x).permute(0, 2, 3, 1).unflatten(0, code.shape[:2])

    def gaussian(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.mu(x), torch.tanh(self.logvar(x))

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """The modules whose gradients are clipped apart."""
        front = list(self.phi.front.parameters()) if self.kind == "token" else []
        known = {id(p) for p in front}
        encoder = [p for p in self.phi.parameters() if id(p) not in known]
        encoder += self.psi.parameters()
        if self.kind == "grid":
            encoder += self.view.parameters()
        return {"front": front, "encoder": encoder,
                "decoder": [*self.code.parameters(), *self.out.parameters()],
                "cpc": [*self.past.parameters(), *self.future.parameters()],
                "club": [*self.mu.parameters(), *self.logvar.parameters()]}


def mlp(sizes: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, o in zip(sizes, sizes[1:]):
        layers += [nn.Linear(i, o), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Trainer:
    """Parameters, optimisers and the codebook's state."""

    def __init__(self, c: Config) -> None:
        self.c, self.names = c, c["modalities"].split()
        self.batch, self.length = int(c["train.batch"]), int(c["train.length"])
        self.mods = {m: Modality(c, m) for m in self.names}
        self.groups: dict[str, list[nn.Parameter]] = {}
        for mod in self.mods.values():
            for name, parameters in mod.groups().items():
                self.groups.setdefault(name, []).extend(parameters)
        club = self.groups.pop("club")
        self.main = torch.optim.Adam([p for g in self.groups.values() for p in g],
                                     lr=float(c["train.lr"]), foreach=True)
        self.club = torch.optim.Adam(club, lr=float(c["club.lr"]), foreach=True)
        self.club_parameters = club
        count, dim = int(c["code.count"]), int(c["code.dim"])
        self.codes = torch.randn(count, dim) * 0.1
        self.count, self.sum = torch.ones(count), self.codes.clone()
        self.idle = torch.zeros(len(self.names), count, dtype=torch.int64)

    def parameter_count(self) -> int:
        return sum(p.numel() for mod in self.mods.values() for p in mod.parameters())

    def random_batch(self, clips: int) -> dict[str, torch.Tensor]:
        return {m: torch.rand(clips, self.length, *self.mods[m].dims) for m in self.names}

    def weight(self, key: str) -> float:
        return float(self.c[key])

    def step(self, batch: dict[str, torch.Tensor]) -> dict[str, float]:
        """One step; what each term came to."""
        s = {m: self.encode(m, batch[m]) for m in self.names}
        targets = self.targets(s)
        self.fit_club(s)
        terms = self.objective(s)
        total = sum(terms.values())
        self.main.zero_grad(set_to_none=True)
        total.backward()
        for parameters in self.groups.values():
            if parameters:
                nn.utils.clip_grad_norm_(parameters, self.weight("train.clip"))
        self.main.step()
        self.update_codes(s, targets)
        return {name: float(t.detach()) for name, t in terms.items()}

    def encode(self, m: str, x: torch.Tensor) -> dict[str, torch.Tensor]:
        mod = self.mods[m]
        h = mod.phi.before(x)
        z = mod.phi.semantic(h)
        zbar, y = mod.specific(h)
        distance = ((z ** 2).sum(-1, keepdim=True) + (self.codes ** 2).sum(-1)
                    - 2.0 * z @ self.codes.T)
        code = distance.argmin(-1)
        e = self.codes[code]
        return {"h": h, "z": z, "zbar": zbar, "y": y, "distance": distance, "code": code, "e": e,
                "quantized": z + (e - z).detach()}

    @torch.no_grad()
    def targets(self, s: dict[str, dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
        """(z + mean over partners of cross-attention) / 2 (P6)."""
        targets = {}
        for m in self.names:
            z = s[m]["z"]
            partners = []
            for n in self.names:
                if n != m:
                    other = s[n]["z"]
                    scores = z @ other.transpose(1, 2) / z.shape[-1] ** 0.5
                    partners.append(torch.softmax(scores, -1) @ other)
            targets[m] = 0.5 * (z + sum(partners) / len(partners))
        return targets

    def fit_club(self, s: dict[str, dict[str, torch.Tensor]]) -> None:
        """The inner fits of q (A.5)."""
        for _ in range(int(self.c["club.steps"])):
            loss = 0.0
            for m in self.names:
                z, y = s[m]["z"].detach(), s[m]["y"].detach()
                mu, logvar = self.mods[m].gaussian(z)
                loss = loss + 0.5 * ((y - mu) ** 2 * torch.exp(-logvar) + logvar).sum(-1).mean()
            self.club.zero_grad(set_to_none=True)
            loss.backward()
            self.club.step()

    def objective(self, s: dict[str, dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
        terms: dict[str, torch.Tensor] = {}
        for m in self.names:
            x = self.mods[m].decode(s[m]["quantized"], s[m]["zbar"])
            terms[f"reconstruction.{m}"] = (self.weight("recon.weight")
                                            * F.mse_loss(x, s[m]["h"].detach()))
        for m in self.names:
            z = s[m]["z"]
            partners = [F.mse_loss(z, s[n]["e"]) for n in self.names if n != m]
            terms[f"commitment.{m}"] = self.weight("commit.weight") * (
                self.weight("commit.own") * F.mse_loss(z, s[m]["e"])
                + self.weight("commit.cross") * sum(partners) / len(partners))
        for p in self.club_parameters:
            p.requires_grad_(False)
        for m in self.names:
            terms[f"club.{m}"] = self.weight("club.weight") * self.club_bound(s[m], self.mods[m])
        for p in self.club_parameters:
            p.requires_grad_(True)
        terms["cpc"] = self.weight("cpc.weight") * self.cpc(s)
        terms["code_match"] = self.weight("code_match.weight") * self.code_match(s)
        return terms

    @staticmethod
    def club_bound(st: dict[str, torch.Tensor], mod: Modality) -> torch.Tensor:
        """All pairs, by the means over clips (P4)."""
        mu, logvar = mod.gaussian(st["z"])
        y = st["y"]
        gap = ((y ** 2).mean(0) - y ** 2) + 2.0 * mu * (y - y.mean(0))
        return (0.5 * (gap * torch.exp(-logvar)).sum(-1)).mean()

    def cpc(self, s: dict[str, dict[str, torch.Tensor]]) -> torch.Tensor:
        """Cross-CPC at one t (P5)."""
        horizon = int(self.c["cpc.steps"])
        t = int(torch.randint(self.length - horizon, ()))
        own = float(self.c["cpc.self"])
        context = {m: self.mods[m].past(s[m]["z"])[0][:, t] for m in self.names}
        clips = torch.arange(next(iter(context.values())).shape[0])
        loss = torch.zeros(())
        for k in range(horizon):
            predicted = {m: self.mods[m].future[k](context[m]) for m in self.names}
            for a in self.names:
                for b in self.names:
                    weight = (own if a == b else 1.0) / horizon
                    if weight:
                        scores = predicted[a] @ s[b]["z"][:, t + k + 1].T
                        loss = loss + weight * F.cross_entropy(scores, clips)
        return loss

    def code_match(self, s: dict[str, dict[str, torch.Tensor]]) -> torch.Tensor:
        """Symmetric cross-entropy of the clips' code distributions (A.4)."""
        p = {m: torch.softmax(-s[m]["distance"].clamp_min(1e-9).sqrt(), -1).mean(1)
             for m in self.names}
        clips = torch.arange(next(iter(p.values())).shape[0])
        loss = torch.zeros(())
        for i, a in enumerate(self.names):
            for b in self.names[i + 1:]:
                scores = p[a] @ (p[b] + 1e-10).log().T + (p[a] + 1e-10).log() @ p[b].T
                loss = loss + F.cross_entropy(scores, clips)
        return loss

    @torch.no_grad()
    def update_codes(self, s: dict[str, dict[str, torch.Tensor]],
                     targets: dict[str, torch.Tensor]) -> None:
        """The joint EMA update (P6), and who selected which code (P8)."""
        decay, dim = self.weight("ema.decay"), self.codes.shape[1]
        count, total = torch.zeros_like(self.count), torch.zeros_like(self.sum)
        for i, m in enumerate(self.names):
            code = s[m]["code"].flatten()
            count.index_add_(0, code, torch.ones(len(code)))
            total.index_add_(0, code, targets[m].reshape(-1, dim))
            self.idle[i] += 1
            self.idle[i, code] = 0
        self.count.mul_(decay).add_(count, alpha=1.0 - decay)
        self.sum.mul_(decay).add_(total, alpha=1.0 - decay)
        self.codes.copy_(self.sum / self.count[:, None])
        self.revive(s)

    def revive(self, s: dict[str, Any]) -> None:
        """Codes that fewer than two modalities selected within reset.steps start anew (P8)."""
        recent = (self.idle < int(self.c["reset.steps"])).sum(0)
        dead = (recent < 2).nonzero().flatten()[:int(self.c["reset.max_per_step"])]
        if len(dead):
            rows = torch.cat([s[m]["z"].flatten(0, 1) for m in self.names])
            self.codes[dead] = rows[torch.randint(len(rows), (len(dead),))]
            self.count[dead], self.sum[dead] = 1.0, self.codes[dead]
            self.idle[:, dead] = 0
