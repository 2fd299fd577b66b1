"""The two families the posterior is made of: a squashed Gaussian on a box and a floored categorical."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


@dataclass
class BoxNormal:
    """A Gaussian on the real line squashed by a sigmoid into the unit box, axis by axis.

    The prior on every pose variable is uniform on a box (position on the table, offset within a yaw bin), so a family
    that never leaves the box keeps the KL finite. In the unsquashed space the uniform prior is the standard logistic.
    """

    mean: Float[Tensor, "batch axis"]
    std: Float[Tensor, "batch axis"]

    def sample(self) -> Float[Tensor, "batch axis"]:
        """One reparameterised sample per row, unsquashed."""
        return self.mean + self.std * torch.randn_like(self.mean)

    def kl(self, sample: Float[Tensor, "batch axis"], free: Float[Tensor, " axis"]) -> Float[Tensor, " batch"]:
        """Estimate of KL(q || uniform) over the `free` axes: the entropy is exact, the cross term uses the sample."""
        entropy = self.std.log() + 0.5 * (1 + torch.log(torch.tensor(2 * torch.pi)))
        log_logistic = F.logsigmoid(sample) + F.logsigmoid(-sample)
        return ((-entropy - log_logistic) * free).sum(-1)


@dataclass
class FlooredCategorical:
    """A categorical whose probabilities keep a share `floor` spread evenly, so that no choice dies out early.

    The floor is part of the distribution that is sampled and scored: its likelihood-ratio gradient stays exact.
    """

    logits: Float[Tensor, "batch choice"]
    floor: float = 0.0

    @property
    def probs(self) -> Float[Tensor, "batch choice"]:
        return (1 - self.floor) * self.logits.softmax(-1) + self.floor / self.logits.shape[-1]

    def sample(self) -> Int[Tensor, " batch"]:
        return torch.multinomial(self.probs.detach(), 1).squeeze(-1)

    def log_prob(self, choice: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        return self.probs.gather(-1, choice[:, None]).squeeze(-1).clamp_min(1e-12).log()

    def kl(self) -> Float[Tensor, " batch"]:
        """Exact KL to the uniform categorical, in nats."""
        probs = self.probs.clamp_min(1e-12)
        return (probs * (probs * probs.shape[-1]).log()).sum(-1)
