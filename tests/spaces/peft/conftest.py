"""Tiny random encoders, and something to read for them."""

import logging

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, BertTokenizerFast

logging.getLogger("transformers").setLevel(logging.ERROR)

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "vocab_size": 100,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
OWN = {"distilbert": {"dim": 32, "hidden_dim": 64, "n_layers": 3, "n_heads": 4}, "electra": {"embedding_size": 16}}


@pytest.fixture(scope="session")
def encoder():
    """Makes an encoder by its type: eval mode, weights by a seed, far enough from 0 that every part is seen."""

    def make(model_type="bert", *, headed=False, **changes):
        config = AutoConfig.for_model(model_type, **{**SIZES, **OWN.get(model_type, {}), **changes})
        kind = AutoModelForSequenceClassification if headed else AutoModel
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = kind.from_config(config)
            for parameter in model.parameters():
                parameter.data.add_(torch.randn_like(parameter), alpha=0.1)
        return model.eval()

    return make


@pytest.fixture(scope="session")
def batch():
    """Two texts of 7 and 4 tokens."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(1, 100, (2, 7), generator=generator)
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
    return {"input_ids": ids * mask, "attention_mask": mask}


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "plot", "the", "a", "was"]


@pytest.fixture(scope="session")
def tokenizer():
    """Of the words in `WORDS`."""
    return BertTokenizerFast(vocab={word: number for number, word in enumerate(WORDS)})
