"""Statistics of the training data: scaling, columns worth keeping, the loss of guessing."""
