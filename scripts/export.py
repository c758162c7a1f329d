"""python scripts/export.py run=RUN [format=safetensors|onnx|torch_export] …"""

import sys

if __name__ == "__main__":
    from ganlab.commands.output import reported_when_slow

    with reported_when_slow("Loading PyTorch"):
        from ganlab.commands.export import main

    sys.exit(main(program="export.py"))
