"""Show what was understood of meshes before training: `python preview.py FOLDER`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import DictConfig

from air3d import cli
from air3d.files import writable
from air3d.report.preview.cards import cards
from air3d.report.preview.page import write_page
from air3d.report.preview.pictures import Studio, example
from air3d.report.preview.sheet import write_sheet
from renderers import RendererConfig, build_renderer
from scenes.catalogues import reading_of
from scenes.errors import UserError
from scenes.scene import Scene, SceneConfig


@dataclass
class PreviewConfig:
    """What configs/preview.yaml fills."""

    out: str = "preview.html"
    side: int = 192
    scene: SceneConfig = field(default_factory=SceneConfig)
    renderer: RendererConfig = field(default_factory=RendererConfig)

    def __post_init__(self) -> None:
        if Path(self.out).suffix not in (".html", ".htm"):
            raise UserError(f"out={self.out} must be the name of a page, as preview.html")
        if not 64 <= self.side <= 1024:
            raise UserError(f"side={self.side} must be 64 to 1024 pixels")


def main(settings: DictConfig) -> None:
    config = cli.typed(settings, PreviewConfig)
    writable(Path(config.out).parent)
    scene, read = Scene(config.scene), reading_of(config.scene)
    renderer = build_renderer(config.renderer.name, scene, config.renderer)
    shown = cards(scene.catalogue, Studio(renderer, config.side))
    table, trouble = example(config.scene, config.renderer)
    page, lines, left_out = Path(config.out), read.lines if read else (), read.left_out if read else ()
    write_page(page, config.scene.name, table, shown, lines, [*left_out, *trouble])
    write_sheet(page.with_suffix(".png"), table, shown)
    for line in (*lines, *left_out, *trouble):
        print(line)
    kinds = len(scene.catalogue.kinds)
    print(f"{page} and {page.with_suffix('.png').name} beside it: {kinds} meshes, {len(shown)} entries")
