"""Evaluations end to end: a tiny untrained model, lmms-eval, samples and scores."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText, AutoProcessor

from contracts.errors import ConfigError, DataError, EvalError
from evals.benchmarks import BENCHMARKS
from evals.inputs import read_benchmark
from evals.local_model import Answer, CepoLocal, load
from evals.run import check_settings, evaluate
from evals.samples import SCHEMA, read_samples
from evals.scores import score
from evals.settings import EvalSettings
from tests.helpers.eval_fixtures import write_benchmarks

COUNT, LENGTH = 6, 12
SETTINGS = EvalSettings(max_new_tokens=LENGTH, batch_size=64)


@pytest.fixture(scope="module")
def benchmarks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_benchmarks(tmp_path_factory.mktemp("benchmarks"), COUNT)


def run(out: Path, base: Path, data: dict[str, Path], settings: EvalSettings = SETTINGS, **options: object) -> pa.Table:
    options = {"adapter": None, "seed": 0} | options
    evaluate(
        "base/small/default/s0",
        base,
        options.pop("adapter"),
        data,
        settings,
        options.pop("seed"),
        out / "s.parquet",
        out / "raw",
        **options,
    )
    return read_samples(out / "s.parquet")


@pytest.fixture(scope="module")
def evaluated(tiny_base: Path, benchmarks: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("eval")
    told: list[tuple[int, int]] = []
    run(out, tiny_base, benchmarks, progress=lambda done, total: told.append((done, total)))
    assert told == [(30, 30)]
    return out


def make_adapter(base: Path, folder: Path, scale: float, layers: str = "all-linear") -> Path:
    model = AutoModelForImageTextToText.from_pretrained(base)
    model = get_peft_model(
        model.model.language_model if layers == "none" else model, LoraConfig(r=4, target_modules="all-linear")
    )
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0.0, scale, generator=generator) if scale else parameter.data.zero_()
    model.save_pretrained(folder)
    return folder


def test_every_question_is_answered_once(evaluated: Path, benchmarks: dict[str, Path]):
    frame = read_samples(evaluated / "s.parquet").to_pandas()
    assert frame.groupby("benchmark").size().to_dict() == dict.fromkeys(BENCHMARKS, COUNT)
    assert frame["question_hash"].nunique() == len(frame)
    assert frame["tokens"].between(1, LENGTH).all()
    assert (frame["tokens"][frame["truncated"]] == LENGTH).all()
    for name, path in benchmarks.items():
        gold = [row[BENCHMARKS[name].gold] for row in read_benchmark(name, path, None)]
        assert frame["answer"][frame["benchmark"] == name].tolist() == gold


def test_raw_output_is_lmms_evals_own(evaluated: Path):
    results = json.loads((evaluated / "raw" / "results.json").read_text())
    assert set(results["results"]) == {bench.task for bench in BENCHMARKS.values()}
    assert results["config"]["process_docs_parallel"] == 1
    assert results["n-samples"]["mmmu_val"] == {"original": COUNT, "effective": COUNT}
    lines = (evaluated / "raw" / "samples_mmmu.jsonl").read_text().splitlines()
    assert [json.loads(line)["doc_id"] for line in lines] == list(range(COUNT))
    assert json.loads((evaluated / "raw" / "generation.json").read_text())["settings"] == SETTINGS.generation()


def test_scores_are_lmms_evals_accuracies(evaluated: Path):
    scores = score(evaluated / "s.parquet", evaluated / "raw", "base/small/default/s0", "0" * 64)
    results = json.loads((evaluated / "raw" / "results.json").read_text())["results"]
    for name, found in scores.benchmarks.items():
        bench = BENCHMARKS[name]
        assert found.accuracy == pytest.approx(results[bench.task][f"{bench.metric},none"] / bench.scale, abs=6e-5)
        assert 0 <= found.low <= found.accuracy <= found.high <= 1 and found.n == COUNT
    assert scores.generation == SETTINGS.generation()
    assert scores.average == pytest.approx(sum(b.accuracy for b in scores.benchmarks.values()) / 5)
    assert scores.benchmarks["dynamath"].other.keys() == {"dynamath_worst"}


def test_the_same_evaluation_gives_the_same_bits(evaluated: Path, tiny_base: Path, benchmarks: dict, tmp_path: Path):
    run(tmp_path, tiny_base, benchmarks)
    assert (tmp_path / "s.parquet").read_bytes() == (evaluated / "s.parquet").read_bytes()


def test_batches_change_no_response(evaluated: Path, tiny_base: Path, benchmarks: dict, tmp_path: Path):
    some = {name: benchmarks[name] for name in ("mathvision", "mmmu")}
    table = run(tmp_path, tiny_base, some, SETTINGS.model_copy(update={"batch_size": 5}))
    whole = read_samples(evaluated / "s.parquet").to_pandas().query("benchmark in @some")
    assert table.to_pandas()["response"].tolist() == whole["response"].tolist()


def test_seeds_and_settings_change_responses_but_only_settings_the_question(
    evaluated: Path, tiny_base: Path, benchmarks: dict, tmp_path: Path
):
    some = {"mathvision": benchmarks["mathvision"]}
    first = read_samples(evaluated / "s.parquet").to_pandas().query("benchmark == 'mathvision'")
    seed = run(tmp_path / "1", tiny_base, some, seed=1).to_pandas()
    cold = run(tmp_path / "2", tiny_base, some, SETTINGS.model_copy(update={"temperature": 0.5})).to_pandas()
    assert (seed["response"].to_numpy() != first["response"].to_numpy()).all()
    assert seed["question_hash"].tolist() == first["question_hash"].tolist()
    assert set(cold["question_hash"]).isdisjoint(first["question_hash"])


def test_greedy_answers_are_those_of_generate(tiny_base: Path, benchmarks: dict, tmp_path: Path):
    """Against transformers' own greedy search, one prompt at a time, without padding."""
    some, settings = (
        {"mathvision": benchmarks["mathvision"]},
        SETTINGS.model_copy(update={"temperature": 0.0, "presence_penalty": 0.0}),
    )
    ours = run(tmp_path, tiny_base, some, settings)["response"].to_pylist()
    model, processor = AutoModelForImageTextToText.from_pretrained(tiny_base), AutoProcessor.from_pretrained(tiny_base)
    plugin = CepoLocal(str(tiny_base))
    from datasets import load_dataset

    rows = load_dataset("parquet", data_files=str(some["mathvision"]), split="train", cache_dir=str(tmp_path / "cache"))
    from lmms_eval.tasks.mathvision.utils import mathvision_doc_to_text

    kwargs = {"mc_prompt": "Answer the question with the option's letter from the given choices directly."}
    for row, response in zip(rows, ours, strict=True):
        content = [{"type": "image"}, {"type": "text", "text": mathvision_doc_to_text(row, kwargs)}]
        text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        inputs = processor(text=[text], images=[row["decoded_image"]], return_tensors="pt")
        output = model.generate(**inputs, do_sample=False, max_new_tokens=LENGTH, suppress_tokens=plugin.barred)
        new = output[0, inputs["input_ids"].shape[1] :]
        assert processor.tokenizer.decode(new, skip_special_tokens=True) == response


def test_an_adapter_changes_the_answers(evaluated: Path, tiny_base: Path, benchmarks: dict, tmp_path: Path):
    some = {"wemath": benchmarks["wemath"]}
    base = read_samples(evaluated / "s.parquet").to_pandas().query("benchmark == 'wemath'")["response"].tolist()
    zero = run(tmp_path / "0", tiny_base, some, adapter=make_adapter(tiny_base, tmp_path / "zero", 0.0))
    moved = run(tmp_path / "1", tiny_base, some, adapter=make_adapter(tiny_base, tmp_path / "moved", 1.0))
    assert zero["response"].to_pylist() == base
    assert all(a != b for a, b in zip(moved["response"].to_pylist(), base, strict=True))


def make_trained(base: Path, folder: Path, scale: float) -> Path:
    """The base with every weight of its first layer's MLP moved, as a folder of its own."""
    model, generator = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32), torch.Generator()
    for name, parameter in model.named_parameters():
        if "language_model.layers.0.mlp" in name:
            parameter.data += scale * torch.randn(parameter.shape, generator=generator.manual_seed(0))
    model.save_pretrained(folder)
    AutoProcessor.from_pretrained(base).save_pretrained(folder)
    return folder


def test_a_whole_model_takes_the_place_of_the_base(evaluated: Path, tiny_base: Path, benchmarks: dict, tmp_path: Path):
    """Trained without an adapter; rounding it says what is left of the update."""
    some, trained = {"wemath": benchmarks["wemath"]}, make_trained(tiny_base, tmp_path / "trained", 1.0)
    base = read_samples(evaluated / "s.parquet").to_pandas().query("benchmark == 'wemath'")["response"].tolist()
    moved = run(tmp_path / "1", tiny_base, some, adapter=trained)["response"].to_pylist()
    assert all(a != b for a, b in zip(moved, base, strict=True))
    assert moved == run(tmp_path / "2", trained, some)["response"].to_pylist()
    rounded = run(tmp_path / "3", tiny_base, some, adapter=trained, weights="merged_bf16")
    kept = json.loads((tmp_path / "3" / "raw" / "generation.json").read_text())["update_kept"]
    assert len(rounded) == COUNT and kept == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_rounded_model_holds_what_bfloat16_holds(dtype: str, tiny_base: Path, tmp_path: Path):
    trained = make_trained(tiny_base, tmp_path / "trained", 1e-3)
    model, _, kept = load(str(tiny_base), str(trained), dtype, "cpu", "rounded_bf16")
    weight = model.model.language_model.layers[0].mlp.up_proj.weight
    assert weight.dtype == getattr(torch, dtype) and torch.equal(weight, weight.bfloat16().to(weight.dtype))
    assert kept is not None and 0.5 < kept < 1.5
    assert model.model.language_model.rotary_emb.inv_freq.dtype == torch.float32


def test_a_whole_model_with_a_tensor_too_few_is_refused(tiny_base: Path, benchmarks: dict, tmp_path: Path):
    trained = make_trained(tiny_base, tmp_path / "trained", 1.0)
    tensors = load_file(trained / "model.safetensors")
    tensors.pop(next(name for name in tensors if "up_proj" in name))
    save_file(tensors, trained / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DataError, match=f"{trained}: 1 tensors do not fit its config.json; train the cell again"):
        run(tmp_path, tiny_base, benchmarks, adapter=trained)


def test_bfloat16_keeps_the_adapter_beside_the_weights(tiny_base: Path, tmp_path: Path):
    adapter = str(make_adapter(tiny_base, tmp_path / "adapter", 1.0))
    merged, apart = CepoLocal(str(tiny_base), adapter), CepoLocal(str(tiny_base), adapter, dtype="bfloat16")
    assert [any("lora" in name for name in m.model.state_dict()) for m in (merged, apart)] == [False, True]
    assert apart.ends == merged.ends


def test_an_adapter_of_another_model_is_refused(tiny_base: Path, benchmarks: dict, tmp_path: Path):
    adapter = make_adapter(tiny_base, tmp_path / "adapter", 1.0, layers="none")
    with pytest.raises(DataError, match="do not fit the base model"):
        run(tmp_path, tiny_base, benchmarks, adapter=adapter)


def test_a_truncated_weight_file_is_refused(tiny_base: Path, benchmarks: dict, tmp_path: Path):
    adapter = make_adapter(tiny_base, tmp_path / "adapter", 1.0)
    weights = adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-64])
    with pytest.raises(DataError, match=f"{weights}: not readable .*; make it again") as caught:
        run(tmp_path, tiny_base, benchmarks, adapter=adapter)
    assert "\n" not in str(caught.value)


def test_a_device_that_is_not_there_is_refused(tiny_base: Path):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match="set it to cpu"):
        CepoLocal(str(tiny_base), device="cuda")


def test_vision_tokens_are_barred_and_ends_of_turn_are_not(tiny_base: Path):
    model = CepoLocal(str(tiny_base))
    names = set(model.processor.tokenizer.convert_ids_to_tokens(model.barred))
    assert {"<|im_start|>", "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"} <= names
    assert names.isdisjoint({"<|im_end|>", "<think>", "</think>", "<answer>"})
    assert "<|im_end|>" in model.processor.tokenizer.convert_ids_to_tokens(model.ends)


def test_lmms_eval_knows_the_model_by_name():
    from lmms_eval.models import get_model

    assert get_model("cepo_local") is CepoLocal


def test_other_sampling_than_asked_for_is_an_error():
    answer = Answer("prompt", 1, False, SETTINGS.generation() | {"top_k": -1})
    check_settings({("mmmu_val", 0): Answer("prompt", 1, False, SETTINGS.generation())}, SETTINGS)
    with pytest.raises(EvalError, match="row 3 was sampled with"):
        check_settings({("mmmu_val", 3): answer}, SETTINGS)


def test_only_the_first_items_under_a_limit(tiny_base: Path, benchmarks: dict, tmp_path: Path):
    table = run(tmp_path, tiny_base, benchmarks, SETTINGS.model_copy(update={"limit": 2}))
    assert table.num_rows == 10 and table.schema.remove_metadata() == SCHEMA
    assert score(tmp_path / "s.parquet", tmp_path / "raw", "c", "d").benchmarks["mmmu"].n == 2


def test_an_accuracy_other_than_lmms_evals_is_an_error(evaluated: Path, tmp_path: Path):
    table = read_samples(evaluated / "s.parquet")
    flipped = pa.array([1.0 - v if i == 0 else v for i, v in enumerate(table["correct"].to_pylist())])
    changed = table.set_column(table.column_names.index("correct"), SCHEMA.field("correct"), flipped)
    pq.write_table(changed, tmp_path / "s.parquet")
    with pytest.raises(EvalError, match="dynamath: accuracy"):
        score(tmp_path / "s.parquet", evaluated / "raw", "c", "d")


def test_broken_output_is_refused(evaluated: Path, tmp_path: Path):
    with pytest.raises(DataError, match="samples of the evaluation are missing"):
        score(tmp_path / "s.parquet", evaluated / "raw", "c", "d")
    with pytest.raises(DataError, match="output is missing"):
        score(evaluated / "s.parquet", tmp_path, "c", "d")
    (tmp_path / "results.json").write_text('{"results": ')
    with pytest.raises(DataError, match="not readable as JSON"):
        score(evaluated / "s.parquet", tmp_path, "c", "d")
    pq.write_table(pa.table({"id": ["1"]}), tmp_path / "s.parquet")
    with pytest.raises(DataError, match="columns are not those"):
        read_samples(tmp_path / "s.parquet")


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("correct", 0.5, "a score other than 0 and 1"),
        ("benchmark", "geo3k", "an unknown benchmark"),
        ("id", None, "a question twice"),
        ("parsed", None, "parsed without a prediction"),
    ],
)
def test_samples_that_contradict_themselves_are_refused(
    column: str, value: object, problem: str, evaluated: Path, tmp_path: Path
):
    rows = read_samples(evaluated / "s.parquet").to_pylist()
    rows[0][column] = {"id": rows[1]["id"], "parsed": not rows[0]["parsed"]}.get(column, value)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), tmp_path / "s.parquet")
    with pytest.raises(DataError, match=problem):
        read_samples(tmp_path / "s.parquet")
