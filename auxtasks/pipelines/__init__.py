"""Targets in the pipelines that feed a model: `tf.data`, Keras's `PyDataset` and Hugging Face's `datasets`."""
