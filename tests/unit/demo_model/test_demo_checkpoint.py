"""The shipped checkpoint: an ordinary one, small, and able to do the sample tasks."""

import json
import subprocess
import sys

import pytest

from demo_model.examples import Source
from demo_model.families import qa, sentiment
from harness.errors import UsageError
from harness_backends import demo


@pytest.fixture(scope="module")
def model():
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(str(demo.weights_folder())).eval()


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(demo.weights_folder()))


def answer(model, tokenizer, prompt, chat):
    import torch

    if chat:
        messages = [{"role": "user", "content": prompt}]
        prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    tokens = tokenizer(prompt, add_special_tokens=not chat, return_tensors="pt").input_ids
    output = model.generate(
        tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=16, do_sample=False
    )
    text = tokenizer.decode(output[0, tokens.shape[1] :], skip_special_tokens=True)
    return text.split("\n")[0].strip()


def test_it_is_small_and_computes_in_32_bits(model):
    import torch

    size = sum(path.stat().st_size for path in demo.weights_folder().iterdir())
    assert size < 2_000_000
    assert model.dtype == torch.float32
    assert model.config.architectures == ["LlamaForCausalLM"]
    assert model.config.max_position_embeddings == 1024


def test_generation_ends_at_either_end(model, tokenizer):
    ends = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|end|>")]
    assert model.generation_config.eos_token_id == ends


@pytest.mark.parametrize("chat", [True, False])
def test_it_answers_questions_about_passages_it_never_saw(model, tokenizer, chat):
    source = Source("checkpoint test", held_back=True)
    right = 0
    for _ in range(40):
        (example,) = qa.dialogue(source, 3)
        right += answer(model, tokenizer, example.prompt, chat) == example.answer
    assert right >= 18  # naming any value of the right kind would give about 15


@pytest.mark.parametrize("chat", [True, False])
def test_it_knows_good_from_bad(model, tokenizer, chat):
    source = Source("checkpoint test", held_back=True)
    right = 0
    for _ in range(40):
        example = sentiment.example(source)
        right += answer(model, tokenizer, example.prompt, chat) == example.answer
    assert right >= 34


def test_saving_makes_an_equal_checkpoint(tmp_path):
    target = tmp_path / "new" / "demo"
    demo.save(target)
    shipped = {path.name: path.read_bytes() for path in demo.weights_folder().iterdir()}
    assert {path.name: path.read_bytes() for path in target.iterdir()} == shipped
    demo.save(target)  # again over itself
    assert json.loads((target / "config.json").read_text())["dtype"] == "float32"


def test_saving_refuses_a_folder_of_other_things(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"already holds 'notes\.txt'"):
        demo.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_saving_refuses_a_file(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        demo.save(tmp_path / "file")


def test_importing_the_package_is_light():
    code = "import sys, harness_backends.demo; print({'torch', 'transformers'} & set(sys.modules))"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "set()"
