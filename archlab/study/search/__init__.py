"""Search: designs sampled from a study's choices, each within the budget by construction, the best trained again beside the
references.

designs      a way through the choices becomes an architecture, its width and its runs
trials       trials in an Optuna storage: their states, whose they are, which count
sampling     the next design: within the budget, and not tried before; `surrogate`, the most promising of several
rungs        the datasets in order, scores from some of them; `halfway`, those in the middle of the first run
promotion    which designs go on, and which wait
second_objective  latency or MACs beside the xScore
beginning    the references at the search's fidelity and their frame
opening      finding a search in a storage, or beginning it there
warm_start   what the store and earlier searches already know
running      trials in worker processes until there are as many as wanted
finale       the best designs at full fidelity beside the references; `final_scores`, theirs; `winner`, an architecture file
findings     all of it as one document and as files
forecast     what it will cost; `smoke`, whether it will run
whole        a search from its beginning to its end
"""
