"""Search: designs sampled from a study's choices, each within the budget by construction, the best trained again beside the
references.

designs      a way through the choices becomes an architecture, its width and its runs
known        values of a design from what is written down: a start, the name of a stored run
trials       trials in an Optuna storage: their states, whose they are, which count
sampling     the next design: not too large, not tried before
rungs        datasets in order, scores from some of them, who goes on
beginning    what a search knows before its first trial
running      trials in worker processes until there are as many as wanted
finale       the best designs at full fidelity beside the references
findings     all of it as one document and as files; `winner`, the best design as an architecture file
whole        a search from its beginning to its end
"""
