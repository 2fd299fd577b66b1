"""The programs load air3d.threads before anything that loads torch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ASKED = {
    "train": ["resume=nowhere"],
    "evaluate": ["run=nowhere"],
    "infer": ["run=nowhere", "pictures=nowhere"],
    "compare": ["experiment=repeats"],
    "generate": ["out=nowhere"],
    "preview": ["scene=tabletop"],
}


@pytest.mark.parametrize("program", ASKED)
def test_idle_threads_sleep(program: str) -> None:
    """OpenMP reads its environment when torch is loaded, so the order of imports decides."""
    code = (
        "import builtins, os, sys; real = builtins.__import__\n"
        "def spy(name, *rest):\n"
        "    if name == 'torch' and 'torch' not in sys.modules:\n"
        "        print('waits', os.environ.get('OMP_WAIT_POLICY')); sys.stdout.flush(); os._exit(0)\n"
        "    return real(name, *rest)\n"
        f"builtins.__import__ = spy; sys.argv = {[f'{program}.py', *ASKED[program]]!r}; import runpy\n"
        f"runpy.run_path('{program}.py', run_name='__main__')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "waits passive", done.stderr
