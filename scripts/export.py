"""python scripts/export.py run=RUN [format=safetensors|onnx|torch_export] …"""

import sys

if __name__ == "__main__":
    from ganlab.commands.terminal.output import loading

    with loading():
        from ganlab.commands.export import main

    sys.exit(main(program="export.py"))
