"""A finished run as a folder that can be uploaded to the Hugging Face Hub: weights and a card."""
