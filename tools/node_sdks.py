"""The official Node SDKs against the gateway: installs them once into .clients/node, runs tools/node/sdks.mjs.

    python -m tools.node_sdks [--provider NAME]...

Exit code: 0 if all checks passed, 1 if one failed, 3 if there is no npm (said, not hidden).
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from tools.clients import KEY, ROOT, SIMULATOR, UPSTREAMS, gateway

SOURCE = Path(__file__).parent / "node"
INSTALLED = ROOT / ".clients" / "node"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--provider", action="append", choices=[*UPSTREAMS], help="all unless given")
    options = parser.parse_args(arguments)
    if shutil.which("npm") is None:
        print("node SDKs: SKIPPED, there is no npm")
        return 3
    _install()
    worst = 0
    for provider in options.provider or UPSTREAMS:
        with gateway(provider, SIMULATOR) as base:
            print(f"--- {provider}", flush=True)
            node = INSTALLED / "node_modules" / ".bin" / "node"
            command = [str(node), str(INSTALLED / "sdks.mjs"), base, KEY, UPSTREAMS[provider].model]
            worst = max(worst, subprocess.run(command, check=False).returncode)
    return 1 if worst else 0


def _install() -> None:
    """Once per version of package.json; the script lies beside the modules that it imports."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    wanted = (SOURCE / "package.json").read_text("utf-8")
    stamp = INSTALLED / "package.json"
    shutil.copyfile(SOURCE / "sdks.mjs", INSTALLED / "sdks.mjs")
    if stamp.exists() and stamp.read_text("utf-8") == wanted and (INSTALLED / "node_modules").exists():
        return
    stamp.write_text(wanted, "utf-8")
    print(f"installing the Node SDKs into {INSTALLED.relative_to(ROOT)}", flush=True)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], cwd=INSTALLED, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
