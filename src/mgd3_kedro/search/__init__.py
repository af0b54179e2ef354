"""Search for the method that is best for the user's own images: `kedro best`."""
