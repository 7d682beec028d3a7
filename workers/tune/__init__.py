"""For people who drive with `ray.tune.Tuner`: our spaces and samplers there, and what Tune runs in our store.

    with sweep.driving(trials=50) as session:
        tuner = tune.Tuner(
            trainable(train, space), tune_config=tune.TuneConfig(search_alg=TuneSearch(session), num_samples=50)
        )
        results = tuner.fit()

docs/ray-tune.md says what is mirrored, and how population based training and a restored Tuner work.
"""

from .population import Population, bounds, explore, mutations
from .searcher import TuneSearch
from .trainable import trainable

__all__ = ["Population", "TuneSearch", "bounds", "explore", "mutations", "trainable"]
