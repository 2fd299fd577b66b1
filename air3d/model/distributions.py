"""The two families the posterior is made of: a squashed Gaussian on a box and a categorical."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import Categorical

EDGE = 0.01
"""Labels this close to the border of a box or a bin count as this far inside: the density ends there."""


@dataclass
class LogitNormal:
    """A Gaussian on the real line squashed by a sigmoid into the unit box, axis by axis.

    The prior on every pose variable is uniform on a box (position on the table, offset within a yaw bin), so a family
    that never leaves the box keeps the KL finite. In the unsquashed space the uniform prior is the standard logistic.
    """

    mean: Float[Tensor, "batch axis"]
    std: Float[Tensor, "batch axis"]

    def sample(self, noise: Float[Tensor, "batch axis"]) -> Float[Tensor, "batch axis"]:
        """One reparameterised sample per row, unsquashed; `noise` is standard normal."""
        return self.mean + self.std * noise

    def kl(self, sample: Float[Tensor, "batch axis"], weight: Float[Tensor, "*#batch axis"]) -> Float[Tensor, " batch"]:
        """Estimate of KL(q || uniform), axes summed with `weight`: entropy exact, cross term at the sample."""
        entropy = self.std.log() + 0.5 * (1 + math.log(2 * math.pi))
        log_logistic = F.logsigmoid(sample) + F.logsigmoid(-sample)
        return ((-entropy - log_logistic) * weight).sum(-1)

    def log_prob(
        self, sample: Float[Tensor, "batch axis"], weight: Float[Tensor, "*#batch axis"] | float = 1.0
    ) -> Float[Tensor, " batch"]:
        """Log density, in the unit box, of the squashed `sample`, axes summed with `weight`."""
        normal = -0.5 * ((sample - self.mean) / self.std).square() - self.std.log() - 0.5 * math.log(2 * math.pi)
        log_slope = F.logsigmoid(sample) + F.logsigmoid(-sample)  # of the sigmoid
        return ((normal - log_slope) * weight).sum(-1)

    def weighted_log_prob(
        self, sample: Float[Tensor, "batch axis"], beta: float, weight: Tensor | float = 1.0
    ) -> Float[Tensor, " batch"]:
        """`log_prob`, each axis weighted once more, by its width to the 2 `beta`, through which no gradient runs.

        The gradient of a regression with width s grows as error / s^2: the surer the network becomes of its
        millimetres, the more of each step goes to the few objects that it has just mistaken, and counting and naming
        hardly learn any more (Seitzer et al., "On the Pitfalls of Heteroscedastic Uncertainty Estimation with
        Probabilistic Neural Networks", ICLR 2022, section 4). 0 is the plain density, 1 a regression without widths.
        """
        return self.log_prob(sample, weight * self.std.detach() ** (2 * beta))

    def at(self, axis: Int[Tensor, " batch"]) -> LogitNormal:
        """One axis of each row."""
        return LogitNormal(self.mean.gather(-1, axis[:, None]), self.std.gather(-1, axis[:, None]))


class Choice(Categorical):
    """A categorical over identities or yaw bins, compared with its prior: the even one where none is given.

    log_prior: [choice], the same for all rows of the batch.
    """

    def __init__(self, logits: Tensor, log_prior: Tensor | None = None) -> None:
        # not validated: logits that are no numbers are told in one line after the step (training/trainer.py)
        super().__init__(logits=logits, validate_args=False)
        self.log_prior = log_prior

    def sample(self, sample_shape: Sequence[int] = ()) -> Int[Tensor, "..."]:
        """As of any categorical; where logits are no numbers, anything, so that the step gets as far as its loss."""
        shape = torch.Size(sample_shape)
        probs = self.probs.reshape(-1, self.probs.shape[-1]).nan_to_num(nan=1.0)
        return torch.multinomial(probs, shape.numel(), True).T.reshape(self._extended_shape(shape))

    def __getitem__(self, rows: Tensor | slice) -> Choice:
        """Of these rows of the batch alone."""
        return Choice(logits=self.logits[rows], log_prior=self.log_prior)

    def kl(self) -> Float[Tensor, "*batch"]:
        """Exact KL to the prior, in nats."""
        if self.log_prior is None:
            return self.log_even - self.entropy()
        return -(self.probs * self.log_prior).sum(-1) - self.entropy()

    def log_prior_of(self, choice: Int[Tensor, " batch"]) -> Float[Tensor, " batch"] | float:
        """log p of what was chosen."""
        return -self.log_even if self.log_prior is None else self.log_prior[choice]

    @property
    def log_even(self) -> float:
        """log of how many there are to choose from."""
        return math.log(self.logits.shape[-1])


def wake_cross_entropy(
    values: Float[Tensor, "*batch choice"], log_q: Float[Tensor, "*batch choice"]
) -> Float[Tensor, "*batch"]:
    """sum_k r(k) log q(k) with r = softmax of values over what is possible: the wake-phase term of one choice
    (Bornschein & Bengio 2015, "Reweighted Wake-Sleep"), its weights exact."""
    possible = log_q > -torch.inf
    best = values.masked_fill(~possible, -torch.inf).softmax(-1)
    return (best * log_q.masked_fill(~possible, 0.0)).sum(-1)
