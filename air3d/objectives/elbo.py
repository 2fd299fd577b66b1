"""Learning without labels: the ELBO, its gradient estimated by `gradient=`."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from air3d.checkpoint import Run
from air3d.draws import Schedule
from air3d.elbo import expected_bound, log_count_posterior, prefix_bounds, tilted
from air3d.gradients import estimator
from air3d.pull import pull
from scenes.objects import Objects


class Elbo:
    """Sees pictures only: whatever truth it is given must be None."""

    labelled = False

    def __init__(self, run: Run) -> None:
        self.model, self.gradient = run.model, run.config.gradient
        self.surrogate = estimator(self.gradient, run.model.context_size)
        # what an estimator learns for itself, a baseline: it has a rate of its own and no part in the clipping
        self.learned = self.surrogate if isinstance(self.surrogate, nn.Module) else nn.Module()
        self.learned.to(run.config.device)

    def __call__(
        self, pictures: Float[Tensor, "picture height width 3"], at: Schedule, truth: Objects | None = None
    ) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """The negative surrogate times sigma squared: the size of its gradient, and so what clipping means, stays the
        same as sigma falls."""
        assert truth is None
        prior = self.model.prior
        log_prior = tilted(prior.log_count, at.prior_odds)
        trace = self.model.trace(pictures, self.gradient.samples, at, **self.gradient.extras())
        bound = self.surrogate(trace, log_prior, prior.min_objects).mean()
        if at.pull:
            bound = bound + at.pull * pull(trace, log_prior, prior.min_objects).mean()
        log_q = log_count_posterior(trace.presence_logit.detach(), prior.min_objects)
        return -(at.sigma**2) * bound, {
            "train/elbo": expected_bound(log_q, prefix_bounds(trace, prior.log_count).detach()).mean().item(),
            "train/kl": trace.kl.sum(-1).mean().item(),
        }

    def judge(self, pictures: Tensor, truth: Objects, elbo: float) -> float:
        """The plain ELBO: no label is needed to choose the best checkpoint."""
        return elbo
