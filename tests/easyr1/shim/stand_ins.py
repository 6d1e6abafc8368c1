"""Test only: what stands in for CUDA, NCCL and flash-attention where EasyR1 takes them for granted.

The places are listed by file in the engine's README. Nothing here touches EasyR1 itself; vLLM's stand-in is the package
``vllm`` beside this file.
"""

import sys
import types
from functools import wraps
from importlib.machinery import ModuleSpec
from itertools import pairwise


def torchvision_operators():
    """Declare two operators that torchvision's CUDA build needs on import and a CPU build of torch lacks."""
    import torch

    if torch.version.cuda is None:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def no_gpu():
    """Install all stand-ins. Called once, before EasyR1 is imported."""
    _cuda_functions()
    _cuda_devices()
    _process_groups()
    _attention(with_gpu=False)


def flash_attention():
    """Install the stand-in for flash-attention only, for a machine with a GPU: benchmarks/gpu_worker.py."""
    _attention(with_gpu=True)


def _cuda_functions():
    import torch

    answers = {
        "get_device_name": "CPU",
        "current_device": torch.device("cpu"),
        "mem_get_info": (1 << 33, 1 << 34),
        "max_memory_allocated": 0,
        "max_memory_reserved": 0,
        "memory_allocated": 0,
        "memory_reserved": 0,
        "set_device": None,
        "empty_cache": None,
    }
    for name, answer in answers.items():
        setattr(torch.cuda, name, lambda *_, _answer=answer, **__: _answer)
    torch.cuda.get_rng_state = lambda *_: torch.get_rng_state()
    torch.cuda.set_rng_state = lambda state, *_: torch.set_rng_state(state)
    torch.cuda.manual_seed = torch.manual_seed


def _on_cpu(device):
    return "cpu" if device is not None and str(device).startswith("cuda") else device


def _cuda_devices():
    """``device="cuda"`` means the CPU."""
    import torch
    from tensordict import TensorDictBase
    from torch.distributed.fsdp._flat_param import FlatParamHandle

    def named(function):
        @wraps(function)
        def call(*args, **kwargs):
            if "device" in kwargs:
                kwargs["device"] = _on_cpu(kwargs["device"])
            return function(*args, **kwargs)

        return call

    def positional(function):
        @wraps(function)
        def call(self, *args, **kwargs):
            return function(self, *(_on_cpu(a) if isinstance(a, torch.device | str) else a for a in args), **kwargs)

        return call

    torch.tensor, torch.empty_like = named(torch.tensor), named(torch.empty_like)
    torch.Tensor.to = positional(torch.Tensor.to)
    FlatParamHandle.flat_param_to = positional(FlatParamHandle.flat_param_to)
    TensorDictBase.cuda = lambda self, *_, **__: self


def _process_groups():
    """gloo for NCCL, CPU meshes for CUDA ones."""
    import torch.distributed as dist
    import torch.distributed.device_mesh as mesh

    start, make = dist.init_process_group, mesh.init_device_mesh
    dist.init_process_group = lambda backend=None, **kwargs: start(backend="gloo", **kwargs)
    mesh.init_device_mesh = lambda device, *args, **kwargs: make("cpu", *args, **kwargs)


def _attention(with_gpu):
    """Where flash-attention is asked for, packed rows are cut at the zeros of their text positions and run one by one.

    EasyR1 registers its own function under "flash_attention_2" when it packs, so ours has another name.
    """
    import torch
    import transformers
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    def attend(module, query, key, value, attention_mask, scaling=None, position_ids=None, is_causal=None, **_):
        repeats = query.shape[1] // key.shape[1]
        key, value = (x.repeat_interleave(repeats, dim=1) for x in (key, value))
        causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
        product = torch.nn.functional.scaled_dot_product_attention
        if attention_mask is not None:
            out = product(query, key, value, attn_mask=attention_mask[..., : key.shape[2]], scale=scaling)
        elif causal and position_ids is not None and position_ids.ndim == 2 and query.shape[0] == 1:
            bounds = [*(position_ids[0] == 0).nonzero()[:, 0].tolist(), query.shape[2]]
            parts = [slice(a, b) for a, b in pairwise(bounds)]
            out = torch.cat(
                [product(query[:, :, p], key[:, :, p], value[:, :, p], is_causal=True, scale=scaling) for p in parts], 2
            )
        else:
            out = product(query, key, value, is_causal=causal, scale=scaling)
        return out.transpose(1, 2).contiguous(), None

    ALL_ATTENTION_FUNCTIONS.register("cpu_attention", attend)
    transformers.masking_utils.ALL_MASK_ATTENTION_FUNCTIONS.register(
        "cpu_attention", transformers.masking_utils.sdpa_mask
    )
    for auto in (transformers.AutoModelForImageTextToText, transformers.AutoModelForCausalLM):
        for name in ("from_pretrained", "from_config"):
            setattr(auto, name, classmethod(_without_flash(getattr(auto, name).__func__, with_gpu)))
    _flash_attn_package(torch)


def _without_flash(function, with_gpu):
    @wraps(function)
    def call(cls, *args, **kwargs):
        if kwargs.get("attn_implementation") == "flash_attention_2":
            kwargs["attn_implementation"] = "cpu_attention"
        if "device_map" in kwargs and not with_gpu:
            kwargs["device_map"] = _on_cpu(kwargs["device_map"])
        return function(cls, *args, **kwargs)

    return call


def _flash_attn_package(torch):
    """The four functions of flash_attn.bert_padding that EasyR1 imports, on plain tensors."""
    from einops import rearrange

    def unpad_input(hidden, mask):
        lengths = mask.sum(-1, dtype=torch.int32)
        where = mask.flatten().nonzero().flatten()
        bounds = torch.nn.functional.pad(lengths.cumsum(0, dtype=torch.int32), (1, 0))
        return hidden.flatten(0, 1)[where], where, bounds, int(lengths.max()), lengths

    def pad_input(hidden_states, indices, batch, seqlen):
        out = hidden_states.new_zeros(batch * seqlen, *hidden_states.shape[1:])
        return out.index_copy(0, indices, hidden_states).unflatten(0, (batch, seqlen))

    package, padding = types.ModuleType("flash_attn"), types.ModuleType("flash_attn.bert_padding")
    package.__spec__, package.__path__ = ModuleSpec("flash_attn", None), []
    padding.rearrange, padding.unpad_input, padding.pad_input = rearrange, unpad_input, pad_input
    padding.index_first_axis = lambda tensor, where: tensor[where]
    sys.modules |= {"flash_attn": package, "flash_attn.bert_padding": padding}
