"""Lambda over the steps."""


def scale_at(config, index, timesteps):
    """Return lambda at a step index, 0 where guidance has stopped."""
    return config.scales_at(index, timesteps).get("mode_guidance_scale", 0.0)
