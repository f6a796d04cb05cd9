"""Search: designs sampled from a study's choices, each within the budget by construction, the best trained again beside the
references.

designs      a way through the choices becomes an architecture, its width and its runs
basis        the references at the search's fidelity: their frame, the order of the datasets, scores from some of them
trials       trials in an Optuna storage: their states, whose they are, which count
backends     where trials are kept: journals and databases
sampler      the next design: within the budget, and not tried before
storage      a search found there, or begun with what the store and earlier searches know
rungs        which designs go on, and which wait
scheduler    trials in worker processes until there are as many as wanted
final        the best designs at full fidelity beside the references
findings     all of it as one document and as files
forecast     what it will cost, and whether it will run
search       all of it, from the beginning to the end
"""
