"""Runs in either environment: log-probs of a fixed text after a problem with its image, with and without an adapter.

``python adapter_logp.py base adapter problems.parquet out.safetensors``
"""

import io
import sys

import pyarrow.parquet as pq
import torch
from peft import PeftModel
from PIL import Image
from safetensors.torch import save_file
from transformers import AutoModelForImageTextToText, AutoProcessor

TEXT = "1 8 0 - 9 6 = \\boxed{8 4}"


def main(base, adapter, problems, out):
    row = pq.read_table(problems).slice(0, 1).to_pylist()[0]
    processor = AutoProcessor.from_pretrained(base)
    content = [{"type": "image"}, {"type": "text", "text": row["problem"].replace("<image>", "")}]
    turn = [{"role": "user", "content": content}]
    prompt = processor.apply_chat_template(turn, add_generation_prompt=True, tokenize=False) + TEXT
    image = Image.open(io.BytesIO(row["images"][0]["bytes"])).convert("RGB")
    inputs = processor(text=[prompt], images=[image], return_tensors="pt")
    model = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, adapter).eval()
    with torch.no_grad():
        with_adapter = model(**inputs).logits.float().log_softmax(-1)
        with model.disable_adapter():
            without = model(**inputs).logits.float().log_softmax(-1)
    save_file({"with": with_adapter.contiguous(), "without": without.contiguous()}, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
