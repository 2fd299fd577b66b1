"""Who owns a pixel: checked by what the picture shows."""

import numpy as np

from renderers import RendererConfig, build_renderer
from renderers.convert import to_torch
from renderers.visibility import owned_pixels, rotation_visible, visible_pixels
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig

SCENE = Scene(SceneConfig())
RENDERER = build_renderer("streaming", SCENE, RendererConfig())
VIEW = to_torch(SCENE.configured)  # of one picture: it serves any number


def test_owned_pixels_are_what_differs_from_the_empty_table():
    objects = to_torch(SCENE.batch(0, range(8)))
    owned = owned_pixels(RENDERER, objects, VIEW)
    assert owned.sum(1).max() == 1, "no pixel has two owners"
    picture = RENDERER.render(objects, VIEW)
    changed = (picture - VIEW.background[0]).abs().amax(-1)
    assert (changed[owned.any(1)] > 0.02).float().mean() > 0.99
    assert (changed[~owned.any(1)] < 0.55).all(), "less than half covered, by the brightest of colours at most"
    assert (visible_pixels(RENDERER, objects, VIEW)[~objects.presence] == 0).all()
    assert (visible_pixels(RENDERER, objects, VIEW)[objects.presence] >= 20).all()


def test_an_owned_pixel_does_not_need_the_others():
    """Taking a hidden or distant object away leaves the pixels of the others as they were, nearly everywhere."""
    objects = to_torch(SCENE.batch(1, range(8), count=3))
    owned = owned_pixels(RENDERER, objects, VIEW)
    both = RENDERER.render(objects, VIEW)
    objects.presence[:, 1:] = False
    alone = RENDERER.render(objects, VIEW)
    kept = (both - alone).abs().amax(-1)[owned[:, 0]]
    assert (kept < 0.02).float().mean() > 0.95


def test_the_nearer_one_owns_the_pixel_in_either_order():
    # a mug on the camera's side of a bowl, whose top hides the front of it
    objects = Objects(
        identity=np.array([[2, 1], [1, 2]]),
        position=np.array([[[0, 0, 0], [0, 0.13, 0]], [[0, 0.13, 0], [0, 0, 0]]], np.float32),
        rotation=np.zeros((2, 2), np.float32),
        presence=np.ones((2, 2), bool),
    )
    pixels = visible_pixels(RENDERER, to_torch(objects), VIEW)
    assert pixels[0].tolist() == pixels[1].flip(0).tolist()
    objects.presence[0, 1] = objects.presence[1, 0] = False  # the mug alone
    alone = visible_pixels(RENDERER, to_torch(objects), VIEW)
    assert abs(int(alone[0, 0]) - int(pixels[0, 0])) <= 3, "nothing hides the mug"
    objects.presence[:] = ~objects.presence  # the bowl alone
    assert visible_pixels(RENDERER, to_torch(objects), VIEW)[0, 1] > pixels[0, 1] + 4, "the mug hides some of the bowl"


def test_a_rotation_visible_where_a_handle_does():
    names = list(SCENE.catalogue.names)
    kinds = [names.index(name) for name in ("mug", "mug", "saucepan", "plate", "bowl")]
    towards_the_right, behind = 0.0, np.pi / 2  # of a mug that is seen from the side, with its handle along +x
    objects = Objects(
        identity=np.array([[kind, kinds[0]] for kind in kinds]),
        position=np.array([[[0, 0.3, 0], [0, -0.3, 0]]] * 5, np.float32),
        rotation=np.array([[towards_the_right, 0], [behind, 0], [behind, 0], [0, 0], [0, 0]], np.float32),
        presence=np.array([[True, False]] * 5),
    )
    shown = rotation_visible(RENDERER, to_torch(objects), VIEW)
    assert shown[:, 0].tolist() == [True, False, True, False, False] and not shown[:, 1].any()
