"""Whatever a camera or a program wrote becomes RGB at the network's size, or is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scenes import photographs
from scenes.errors import UserError
from scenes.photographs import Frame, endings, read_photograph

GREY = np.repeat(np.arange(0, 256, 16, dtype=np.uint8).reshape(4, 4).repeat(2, 0).repeat(2, 1)[..., None], 3, 2)
"""8 x 8 pixels of sixteen greys in blocks of 2 x 2: at 4 x 4 each is a pixel."""


def seen(path: Path, *how: Any) -> tuple[np.ndarray, tuple[int, int]]:
    """What a network would see of a file, and the size of its picture."""
    read = read_photograph(path, *how)
    return read.pixels, (read.frame.width, read.frame.height)


def saved(path: Path, picture: Image.Image, **settings: Any) -> Path:
    picture.save(path, **settings)
    return path


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "CMYK"])
def test_every_mode_becomes_the_same_colours(tmp_path: Path, mode: str) -> None:
    kind = "tiff" if mode == "CMYK" else "png"
    picture = Image.fromarray(GREY).convert(mode, palette=Image.Palette.ADAPTIVE)
    read, size = seen(saved(tmp_path / f"a.{kind}", picture), 4, 4)
    assert size == (8, 8)
    np.testing.assert_array_equal(read, GREY[::2, ::2])


def test_sixteen_bits_keep_their_brightness(tmp_path: Path) -> None:
    levels = (GREY[..., 0].astype(np.uint16) << 8) + 200
    read, _ = seen(saved(tmp_path / "a.png", Image.fromarray(levels)), 4, 4)
    np.testing.assert_array_equal(read, GREY[::2, ::2])


def test_what_shines_through_is_the_colour_behind(tmp_path: Path) -> None:
    transparent = np.zeros((4, 4, 4), np.uint8)
    transparent[:, 2:] = [200, 100, 50, 255]
    read, _ = seen(saved(tmp_path / "a.png", Image.fromarray(transparent)), 4, 4, (0.2, 0.4, 1.0))
    assert read[0].tolist() == [[51, 102, 255]] * 2 + [[200, 100, 50]] * 2
    palette = Image.fromarray(np.array([[0, 1]] * 2, np.uint8), "P")
    palette.putpalette([9, 9, 9, 40, 50, 60])
    read, _ = seen(saved(tmp_path / "b.png", palette, transparency=0), 2, 2, (1.0, 1.0, 1.0))
    assert read[0].tolist() == [[255] * 3, [40, 50, 60]]


def test_a_picture_is_turned_as_its_camera_was_held(tmp_path: Path) -> None:
    tall = np.zeros((16, 8, 3), np.uint8)
    tall[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side
    lying = Image.fromarray(np.rot90(tall, 1).copy())
    read, size = seen(saved(tmp_path / "a.png", lying, exif=exif), 16, 8)
    assert size == (8, 16)
    np.testing.assert_array_equal(read, tall)


def test_the_middle_of_a_wide_picture_is_seen(tmp_path: Path) -> None:
    wide = np.zeros((4, 10, 3), np.uint8)
    wide[:, 3:7] = GREY[::2, ::2]
    read, _ = seen(saved(tmp_path / "a.png", Image.fromarray(wide)), 4, 4)
    np.testing.assert_array_equal(read, GREY[::2, ::2])
    read, _ = seen(saved(tmp_path / "b.png", Image.fromarray(wide.transpose(1, 0, 2).copy())), 4, 4)
    np.testing.assert_array_equal(read, GREY[::2, ::2].transpose(1, 0, 2))


@pytest.mark.parametrize(("width", "height"), [(10, 4), (6, 16), (8, 8), (50, 33), (7, 7)])
def test_a_camera_goes_into_the_frame_and_out_again(tmp_path: Path, width: int, height: int) -> None:
    """The corners of what is seen are the corners of the network's picture, wherever the pixel centres are."""
    picture = Image.fromarray(np.zeros((height, width, 3), np.uint8))
    frame = read_photograph(saved(tmp_path / "a.png", picture), 8, 12).frame
    seen = np.array([8 * frame.scale, 12 * frame.scale])
    assert seen.max() <= max(width, height) and np.isclose(2 * frame.upper + seen[0], height)
    assert np.isclose(2 * frame.left + seen[1], width) and min(frame.left, frame.upper) == 0
    inside = frame.inward(np.array([40.0, 30.0, frame.left - 0.5, frame.upper - 0.5]))
    np.testing.assert_allclose(inside, [40 / frame.scale, 30 / frame.scale, -0.5, -0.5])
    np.testing.assert_allclose(frame.outward(inside[None])[0], [40.0, 30.0, frame.left - 0.5, frame.upper - 0.5])


def test_a_frame_speaks_of_the_whole_jpeg_however_it_was_unpacked(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", Image.new("RGB", (1200, 800)))
    read = read_photograph(path, 8, 8)
    assert read.frame == Frame(1200, 800, 200.0, 0.0, 100.0) and read.whole(90).size == (90, 60)


def test_what_is_behind_a_transparent_picture_must_be_known(tmp_path: Path) -> None:
    opaque = Image.fromarray(np.full((4, 4, 4), 255, np.uint8))
    assert read_photograph(saved(tmp_path / "a.png", opaque), 4, 4, None).pixels.min() == 255
    opaque.putpixel((0, 0), (1, 2, 3, 0))
    with pytest.raises(UserError, match="transparent in part"):
        read_photograph(saved(tmp_path / "b.png", opaque), 4, 4, None)


@pytest.mark.parametrize("side", [12, 100, 640])
def test_every_pixel_is_the_mean_of_what_it_covers(tmp_path: Path, side: int) -> None:
    """Of a slope: edges do not move, whatever the size."""
    slope = (np.arange(side)[None, :, None] / side * 200 + np.zeros((side, 1, 3))).round().astype(np.uint8)
    read, _ = seen(saved(tmp_path / "a.png", Image.fromarray(slope)), 8, 8)
    expected = slope[0, :, 0].repeat(8).reshape(8, side).mean(1)  # an eighth of a pixel is the finest part
    np.testing.assert_allclose(read[3, :, 0], expected, atol=1.01 if side > 200 else 0.51)


def test_a_large_jpeg_is_the_same_unpacked_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8))
    path = saved(tmp_path / "a.jpg", noise.resize((1200, 900), Image.Resampling.BICUBIC), quality=95)
    quickly, size = seen(path, 16, 16)
    monkeypatch.setattr(photographs, "ENOUGH", 10**4)
    assert size == (1200, 900)
    np.testing.assert_allclose(quickly.astype(int), seen(path, 16, 16)[0], atol=1)


def test_a_small_picture_is_enlarged_and_a_tiny_one_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(GREY))
    read, _ = seen(path, 16, 16)
    assert read.shape == (16, 16, 3) and read[0, 0, 0] < read[0, 8, 0] < read[15, 15, 0]
    with pytest.raises(UserError, match="8 x 8 pixels are too few for 17 x 17"):
        seen(path, 17, 17)


def test_what_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    for side in (10_001, 20_000):
        path = saved(tmp_path / f"{side}.png", Image.new("1", (side, side)))
        assert path.stat().st_size < 100_000
        with pytest.raises(UserError, match=r"more than 100,000,000( pixels)?$"):
            seen(path, 8, 8)


def test_what_is_no_picture_is_refused_in_words(tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole.jpg", Image.fromarray(GREY.repeat(8, 0).repeat(8, 1))).read_bytes()
    floats = saved(tmp_path / "floats.tiff", Image.fromarray(np.ones((8, 8), np.float32)))
    wide = saved(tmp_path / "wide.tiff", Image.fromarray(np.full((8, 8), 70_000, np.int32)))
    given = {"empty.png": b"", "text.png": b"a cat\n", "cut.jpg": whole[: len(whole) // 2]}
    given["program.png"] = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n"  # would be executed
    for name, content in given.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match="(?i)truncated" if name == "cut.jpg" else "^no picture$"):
            seen(tmp_path / name, 4, 4)
    for path in (floats, wide):
        with pytest.raises(UserError, match="nobody knows what is white"):
            seen(path, 4, 4)


def test_endings_are_those_of_pictures() -> None:
    assert {".png", ".jpg", ".jpeg", ".webp", ".tif", ".gif"} <= set(endings())
    assert not {".eps", ".pdf", ".ps", ".h5", ".mpg", ".psd"} & set(endings())
