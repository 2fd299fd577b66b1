"""The two families the posterior is made of: a squashed Gaussian on a box and a tempered categorical."""

from __future__ import annotations

import math
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
        entropy = self.std.log() + 0.5 * (1 + math.log(2 * math.pi))
        log_logistic = F.logsigmoid(sample) + F.logsigmoid(-sample)
        return ((-entropy - log_logistic) * free).sum(-1)


@dataclass
class TemperedCategorical:
    """softmax(sharpness * logits): even draws at sharpness 0, the network's own at 1.

    While the sharpness is small no logit can silence a choice, so what was believed too early can still be taken back:
    a saturated softmax passes no gradient. The tempered distribution is the one that is sampled and scored, so its
    likelihood-ratio gradient stays exact.
    """

    logits: Float[Tensor, "batch choice"]
    sharpness: float = 1.0

    @property
    def log_probs(self) -> Float[Tensor, "batch choice"]:
        return (self.sharpness * self.logits).log_softmax(-1)

    def sample(self) -> Int[Tensor, " batch"]:
        return torch.multinomial(self.log_probs.detach().exp(), 1).squeeze(-1)

    def log_prob(self, choice: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        return self.log_probs.gather(-1, choice[:, None]).squeeze(-1)

    def kl(self) -> Float[Tensor, " batch"]:
        """Exact KL to the uniform categorical, in nats."""
        log_probs = self.log_probs
        return (log_probs.exp() * (log_probs + math.log(log_probs.shape[-1]))).sum(-1)
