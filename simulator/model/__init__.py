"""The model: a readable spike-driven LLaMA forward pass, and the recorder that makes it a Trace."""
