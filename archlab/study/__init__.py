"""Studies: their language, ablation, search. Reading results, and what is settled, needs no torch."""
