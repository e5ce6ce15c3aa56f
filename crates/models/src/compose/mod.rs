//! Models made of models: one against the rest, several outputs, votes, stacks, bags.
