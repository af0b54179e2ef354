"""Training of a prior: an autoencoder and a class-conditional denoiser in its latent space."""
