"""Gradients for a renderer that has none: central differences through any function from scenes to pictures.

How "Attend, Infer, Repeat" itself learned 3D scenes (Eslami et al., NIPS 2016, arXiv 1603.08575, section on 3D scenes):
its renderer was a black box, differentiated by finite differences. The identity needs no gradient, it is a choice.

A function of one's own, here one that a picture's grey tells how many objects there are, and a name for it::

    def grey(objects: Objects, view: View) -> np.ndarray:
        tone = objects.presence.mean(1) if objects.slots else np.zeros(len(objects))
        return np.broadcast_to(tone[:, None, None, None], (len(objects), view.height, view.width, 3))

    renderer = FiniteDifference(scene, RendererConfig(), grey)

    renderers.black_boxes.register("grey", lambda scene, settings: grey)
    renderer = build_renderer("finite_difference", scene, RendererConfig(black_box="grey"))
"""

from renderers.finite_difference.backend import FiniteDifference

__all__ = ["FiniteDifference"]
