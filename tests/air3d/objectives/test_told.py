"""A painting's world may be known to the likelihood: what the network is asked, it is asked under what it believes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_runs import example, small_run

from air3d.objectives import Weights, objective
from renderers.convert import to_torch
from scenes.scene import Scene


@pytest.mark.parametrize("kind", ["air", "supervised"])
def test_every_pose_is_read_under_the_camera_that_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Those of what might have been drawn instead, and those that labels ask for, too."""
    varied = ("scene.view.camera=varied", "scene.vary.turn=3.0", "scene.vary.shift=0.03")
    run = small_run(tmp_path, "scene=tabletop_varied", *varied, f"model={kind}")
    scene, model, pictures = Scene(run.config.scene), run.model, example(run, 3)[0]
    there, truth = to_torch(scene.views(5, range(3))), to_torch(scene.batch(5, range(3)))
    asked = []
    pose = model.posterior.pose

    def heard(proposal, identity, closeup, view, **how):
        asked.append(view.camera_rotation)
        return pose(proposal, identity, closeup, view, **how)

    monkeypatch.setattr(model.posterior, "pose", heard)
    config = run.config
    labelled = objective(model, scene.catalogue.symmetries, config.gradient, config.supervised)
    labelled(pictures, there, Weights(wake_phase=1.0), truth if labelled.labelled else None, pictures)
    configured = torch.tensor(scene.configured.camera_rotation[0])
    assert not torch.allclose(there.camera_rotation, configured.expand(3, 3, 3))
    steps = len(truth.presence[0]) if labelled.labelled else model.prior.max_objects
    assert len(asked) > steps, "also of what was not decided"
    for cameras in asked:
        assert torch.equal(cameras, configured.expand_as(cameras))


def test_labels_teach_the_world_as_well(tmp_path: Path) -> None:
    """Otherwise the network that AIR is compared with would shade its objects by a light that nobody taught it."""
    run = small_run(tmp_path, "scene=tabletop_varied", "scene.view.light=inferred", "model=supervised")
    pictures, view, truth = example(run, 3)
    labelled = objective(run.model, run.scene.catalogue.symmetries, run.config.gradient, run.config.supervised)
    loss, said = labelled(pictures, view, Weights(), truth, pictures)
    loss.backward()
    log_q = run.model.world.drawn(pictures, view, told=True).log_q
    assert log_q is not None and said["train/label_world"] == pytest.approx(log_q.mean().item(), rel=1e-5)
    learned = [parameter.grad for parameter in run.model.world.parameters()]
    assert learned and all(grad is not None and bool(grad.any()) for grad in learned)
